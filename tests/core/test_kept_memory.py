"""Memory is kept from step to step."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="as of glibc")

STEPS = """
import resource
import statistics
import torch
from cnnviz.core.kept_memory import FOR_PASSES, keep_freed_memory

torch.set_num_threads(1)
kept = keep_freed_memory(FOR_PASSES)

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
taken = []
for _ in range(20):
    before = faults()
    step()
    taken.append(faults() - before)
print(kept, statistics.median(taken))  # what the kernel does now and then by itself does not count
"""
MAP_PAGES = 64 * 16 * 28 * 28 * 4 / 4096
"""Of the first layer's output alone."""

BLOCK = """
import os, sys
import numpy as np
from cnnviz.core.kept_memory import FOR_PASSES, keep_freed_memory

kept = keep_freed_memory(FOR_PASSES)

def resident():
    with open("/proc/self/statm") as counts:
        return int(counts.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

block = np.ones(int(sys.argv[1]), np.uint8)
full = resident()
del block
print(kept, full - resident())
"""
BLOCK_BYTES = 16 << 20


def run(script, *words, **settings):
    """Whether memory was said to be kept, and the number that the script prints."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))} | settings
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, words)],
        capture_output=True,
        text=True,
        check=True,
        timeout=250,
        env=env,
    )
    kept, number = done.stdout.split()
    return kept == "True", float(number)


def test_a_step_takes_no_new_pages_once_memory_is_kept():
    kept, pages = run(STEPS)
    if not kept:
        pytest.skip("this C library has nothing to set")
    assert pages < MAP_PAGES / 3


def test_a_freed_block_stays_with_the_process():
    kept, given_back = run(BLOCK, BLOCK_BYTES)
    if not kept:
        pytest.skip("this C library has nothing to set")
    assert given_back < BLOCK_BYTES / 8


def test_what_the_person_has_said_of_memory_holds():
    kept, given_back = run(BLOCK, BLOCK_BYTES, MALLOC_MMAP_THRESHOLD_=str(1 << 20))
    assert not kept
    assert given_back > BLOCK_BYTES * 7 / 8
