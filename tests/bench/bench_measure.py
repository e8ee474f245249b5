"""Time of equivariance curves over 33 shifts, against a bare pass: ``python tests/bench/bench_measure.py``."""

import statistics
import time

import torch
from torch import Tensor, nn

from cnnviz.checkpoints.open import open_network
from cnnviz.core.equivariance import equivariance
from cnnviz.core.equivariance_plan import EquivariancePlan
from cnnviz.core.equivariance_result import Sweep
from cnnviz.core.trace import TracedNetwork, prepare
from cnnviz.nets.registry import build

SHIFTS = Sweep("shift", tuple(float(distance) for distance in range(-16, 17)))


def measure(module: nn.Module, size: tuple[int, int, int], repeats: int = 15) -> dict[str, float]:
    """Milliseconds of processor time, medians of runs that take turns.

    ``bare`` is the module alone on the 33 shifted images, in the batches that the measurement uses; ``curves`` are the
    errors of every layer, ``all`` with the nearest whole cell and the floor as well, ``one`` those of the last layer
    with maps. What is worked out once for a network, whatever its input, is ``plan``.
    """
    image = torch.rand(1, *size, generator=torch.Generator().manual_seed(0))
    network = prepare(module, image)
    started = time.process_time()
    plans = {
        "all": EquivariancePlan(network, SHIFTS.transforms),
        "curves": EquivariancePlan(network, SHIFTS.transforms, floor=False, nearest=False),
        "one": EquivariancePlan(network, SHIFTS.transforms, [last_maps(network)]),
    }
    times: dict[str, list[float]] = {name: [] for name in ("bare", *plans)}
    plan_time = (time.process_time() - started) / len(plans)
    batches = image.expand(len(SHIFTS.strengths), *size).contiguous().split(plans["curves"].batch)
    for repeat in range(repeats + 1):
        taken = {"bare": timed(lambda: bare(module, batches))}
        for name, plan in plans.items():
            taken[name] = timed(lambda plan=plan: equivariance(network, image, SHIFTS.transforms, plan=plan))  # type: ignore[misc]
        for name, value in taken.items() if repeat else ():  # the first run lays memory out
            times[name].append(value)
    return {"plan": plan_time * 1e3, **{name: statistics.median(values) * 1e3 for name, values in times.items()}}


def last_maps(network: TracedNetwork) -> str:
    return [layer.name for layer in network.graph if len(layer.output_shape) == 3 and layer.output_shape[1] > 1][-1]


@torch.inference_mode()
def bare(module: nn.Module, batches: tuple[Tensor, ...]) -> None:
    for batch in batches:
        module(batch)


def timed(work: object) -> float:
    """Processor seconds, since the machine may be busy with other things."""
    started = time.process_time()
    work()  # type: ignore[operator]
    return time.process_time() - started


def main() -> None:
    torch.set_num_threads(1)
    print(
        f"{'network':>12} {'plan':>8} {'bare':>9} {'curves':>9} {'all':>9} {'one':>9}   curves/bare  all/bare  one/bare"
    )
    subjects: list[tuple[str, nn.Module, tuple[int, int, int]]] = []
    for name in ("mnist-lenet", "cifar-net", "tiny-vgg"):
        opened = open_network(name)
        subjects.append((name, opened.module, opened.card.input_size))
    subjects.append(("resnet18", build("resnet18", {}).eval(), (3, 224, 224)))
    for name, module, size in subjects:
        found = measure(module, size, 15 if size[1] < 100 else 3)
        values = " ".join(f"{found[key]:9.1f}" for key in ("bare", "curves", "all", "one"))
        ratios = " ".join(f"{found[key] / found['bare']:9.2f}" for key in ("curves", "all", "one"))
        print(f"{name:>12} {found['plan']:8.1f} {values}   {ratios}", flush=True)


if __name__ == "__main__":
    main()
