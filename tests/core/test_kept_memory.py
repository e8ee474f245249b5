"""Memory is kept from step to step."""

import subprocess
import sys

import pytest

STEPS = """
import os, resource, sys
import torch
from cnnviz.core.kept_memory import FOR_PASSES, keep_freed_memory

torch.set_num_threads(1)
if sys.argv[1] == "settled":
    os.environ["MALLOC_TRIM_THRESHOLD_"] = "131072"
kept = sys.argv[1] != "by itself" and keep_freed_memory(FOR_PASSES)

torch.manual_seed(0)
net = torch.nn.Sequential(
    torch.nn.Conv2d(1, 16, 5, padding=2), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
    torch.nn.Conv2d(16, 32, 5, padding=2), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(6272, 10),
)
images = torch.rand(64, 1, 28, 28)

def step():
    net.zero_grad()
    net(images).square().mean().backward()

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

for _ in range(5):
    step()
before = faults()
for _ in range(20):
    step()
print(kept, (faults() - before) / 20)
"""
MAP_PAGES = 64 * 16 * 28 * 28 * 4 / 4096
"""Of the first layer's output alone."""


def pages_a_step(how):
    run = subprocess.run([sys.executable, "-c", STEPS, how], capture_output=True, text=True, check=True, timeout=250)
    kept, pages = run.stdout.split()
    return kept == "True", float(pages)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="as of glibc")
def test_a_step_takes_no_new_pages_once_memory_is_kept():
    kept, pages = pages_a_step("kept")
    if not kept:
        pytest.skip("this C library has nothing to set")
    assert pages_a_step("by itself")[1] > MAP_PAGES
    assert pages < MAP_PAGES / 5


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="as of glibc")
def test_what_the_person_has_said_of_memory_holds():
    assert pages_a_step("settled")[0] is False
