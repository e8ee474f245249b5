"""Time of equivariance curves over 33 shifts, against a bare pass: ``python tests/bench/bench_measure.py``."""

import statistics
import time

import torch
from torch import Tensor, nn

from cnnviz.checkpoints.open import open_network
from cnnviz.core.equivariance import equivariance
from cnnviz.core.equivariance_plan import EquivariancePlan
from cnnviz.core.equivariance_result import Sweep
from cnnviz.core.kept_memory import FOR_PASSES, keep_freed_memory
from cnnviz.core.map_windows import Scratch
from cnnviz.core.trace import TracedNetwork, prepare
from cnnviz.nets.registry import build

SHIFTS = Sweep("shift", tuple(float(distance) for distance in range(-16, 17)))


def measure(module: nn.Module, size: tuple[int, int, int], repeats: int = 15) -> dict[str, float]:
    """Milliseconds of processor time, medians of runs that take turns.

    ``bare`` is the module alone on the 33 shifted images, in the batches that the measurement uses; ``last`` the same
    with all channels of a pixel together in memory; ``least`` such a pass that subtracts and sums every value once, in
    one call each for a layer; ``curves`` are the errors of every layer, ``all`` with the nearest whole cell, the floor
    and the level of chance as well, ``one`` those of the last layer with maps. What is worked out once for a network,
    whatever its input, is ``plan``.
    """
    image = torch.rand(1, *size, generator=torch.Generator().manual_seed(0))
    network = prepare(module, image)
    started = time.process_time()
    plans = {
        "all": EquivariancePlan(network, SHIFTS.transforms),
        "curves": EquivariancePlan(network, SHIFTS.transforms, floor=False, nearest=False, chance=False),
        "one": EquivariancePlan(network, SHIFTS.transforms, [last_maps(network)]),
    }
    times: dict[str, list[float]] = {name: [] for name in ("bare", "last", "least", *plans)}
    plan_time = (time.process_time() - started) / len(plans)
    images = image.expand(len(SHIFTS.strengths), *size).contiguous()
    batches = images.split(plans["curves"].batch)
    apart = torch.empty(images.shape, memory_format=torch.channels_last).copy_(images).split(plans["curves"].batch)
    differences = Scratch()
    for repeat in range(repeats + 1):
        taken = {
            "bare": timed(lambda: bare(module, batches)),
            "last": timed(lambda: bare(module, apart)),
            "least": timed(lambda: least(network, apart, differences)),
        }
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


def least(network: TracedNetwork, batches: tuple[Tensor, ...], differences: Scratch) -> None:
    def see(name: str, value: Tensor) -> None:
        maps = value if value.ndim == 4 else value.reshape(len(value), -1, 1, 1)
        room = differences.take("differences", tuple(maps.shape), maps)
        torch.linalg.vector_norm(torch.sub(maps, maps[:1], out=room), dim=(1, 2, 3))

    for batch in batches:
        network.stream(batch, see)


def timed(work: object) -> float:
    """Processor seconds, since the machine may be busy with other things."""
    started = time.process_time()
    work()  # type: ignore[operator]
    return time.process_time() - started


def main() -> None:
    keep_freed_memory(FOR_PASSES)
    torch.set_num_threads(1)
    names = ("bare", "last", "least", "one", "curves", "all")
    print(f"{'network':>12} {'plan':>7}" + "".join(f"{name:>16}" for name in names))
    subjects: list[tuple[str, nn.Module, tuple[int, int, int]]] = []
    for name in ("mnist-lenet", "cifar-net", "tiny-vgg"):
        opened = open_network(name)
        subjects.append((name, opened.module, opened.card.input_size))
    subjects.append(("resnet18", build("resnet18", {}).eval(), (3, 224, 224)))
    for name, module, size in subjects:
        found = measure(module, size, 15 if size[1] < 100 else 3)
        values = "".join(f"{found[key]:9.1f} {found[key] / found['bare']:5.2f}x" for key in names)
        print(f"{name:>12} {found['plan']:7.1f}{values}", flush=True)


if __name__ == "__main__":
    main()
