"""A frame of the backpropagation panel, beside a bare forward and backward pass of the same network and input.

Run by name: ``python tests/bench/bench_gradients.py``. Processor time on one thread, medians of runs in turn, in ms.
"""

import statistics
import tempfile
import time
from pathlib import Path

import torch
import torch.nn.functional as F

import cnnviz
from cnnviz.data.image_store import ImageStore
from cnnviz.data.pipeline import InputPipeline
from cnnviz.engine.computation import Computation
from cnnviz.engine.delivery import Request
from cnnviz.engine.failures import FailuresHub
from cnnviz.panels import PANELS
from cnnviz.scene import actions
from cnnviz.scene.document import Document

RUNS = 40


def bare(module: torch.nn.Module, image: torch.Tensor) -> None:
    given = image.clone().requires_grad_()
    loss = F.cross_entropy(module(given), torch.tensor([3]))
    torch.autograd.grad(loss, [given, *module.parameters()])


def main() -> None:
    torch.set_num_threads(1)
    print("network      bare pass   frame   ratio")
    for name, channels in (("mnist-lenet", 1), ("tiny-vgg", 3), ("cifar-net", 3)):
        opened = cnnviz.open_network(name)
        image = torch.rand(1, *opened.card.input_size)
        document = Document(actions.first_scene())
        actions.use_network(document, f"shipped:{name}", channels)
        with tempfile.TemporaryDirectory() as folder:
            computation = Computation(PANELS, InputPipeline(ImageStore(Path(folder))), FailuresHub())
            times: dict[str, list[float]] = {"bare": [], "frame": []}
            for number in range(RUNS):
                document.edit("input.edits.noise", 0.01 * (1 + number % 20))
                request = Request(document.scene, document.version, frozenset({"backpropagation"}))
                begun = time.process_time()
                bare(opened.module, image)
                between = time.process_time()
                next(computation.run(request, lambda: False, lambda: False))
                times["bare"].append(between - begun)
                times["frame"].append(time.process_time() - between)
        bare_ms, frame_ms = (1e3 * statistics.median(each[5:]) for each in times.values())
        print(f"{name:12} {bare_ms:8.2f} {frame_ms:8.2f} {frame_ms / bare_ms:7.2f}")


if __name__ == "__main__":
    main()
