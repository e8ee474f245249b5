"""``cnnviz evaluate``: measure a network on the test images of a data set."""

import argparse
import json

from cnnviz.commands.arguments import Subparsers, add_data_arguments


def add_evaluate_command(subparsers: Subparsers) -> None:
    """Declare ``cnnviz evaluate`` and its options."""
    parser = subparsers.add_parser(
        "evaluate",
        help="measure how often a network is right",
        description="Measure how often a network names the test images of a data set rightly.",
        epilog="example: cnnviz evaluate mnist-lenet --dataset mnist --json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("network", metavar="NETWORK", help="mnist-lenet, cifar-net, tiny-vgg, or a .safetensors file")
    add_data_arguments(parser)
    parser.add_argument(
        "--permute-pixels", action="store_true", help="of a network that was trained with it: as it saw the images"
    )
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object, on the last line")
    parser.set_defaults(run=run_evaluate)


def run_evaluate(arguments: argparse.Namespace) -> int:
    """Print the accuracy, over all and for each class."""
    from cnnviz.checkpoints.open import open_network
    from cnnviz.core.kept_memory import FOR_PASSES, keep_freed_memory
    from cnnviz.data.datasets import load_dataset
    from cnnviz.data.pixel_order import permute_pixels
    from cnnviz.training.evaluate import evaluate

    keep_freed_memory(FOR_PASSES)
    network = open_network(arguments.network)
    images = load_dataset(arguments.dataset, "test", arguments.data_dir, network.card.input_size)
    images = permute_pixels(images) if arguments.permute_pixels else images
    evaluation = evaluate(network.module, network.card, images)
    if arguments.json:
        result = {
            "accuracy": evaluation.accuracy,
            "samples": evaluation.samples,
            "per_class": evaluation.per_class,
            "skipped": len(images.skipped),
        }
        print(json.dumps(result))
        return 0
    for label, accuracy in evaluation.per_class.items():
        print(f"{label:>12}  {accuracy:7.2%}")
    if images.skipped:
        print(f"{len(images.skipped)} files could not be read as images, first {images.skipped[0]}")
    print(f"{network.name}: {evaluation.accuracy:.2%} of {evaluation.samples:,} images are named rightly")
    return 0
