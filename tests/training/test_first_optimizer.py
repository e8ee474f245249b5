"""The imports of the first optimiser go on beside what asks for it."""

import subprocess
import sys

CODE = """
import sys, threading, time
import torch
from cnnviz.training.first_optimizer import is_optimizer_ready
assert "torch._dynamo" not in sys.modules
assert not is_optimizer_ready()
assert sum("first-optimiser" in thread.name for thread in threading.enumerate()) == 1
while not is_optimizer_ready():
    time.sleep(0.01)
before = set(sys.modules)
torch.optim.Adam([torch.zeros(1, requires_grad=True)])
print("more" if set(sys.modules) - before else "none")
"""


def test_a_thread_of_its_own_loads_what_is_then_there():
    run = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=250)
    assert run.stdout.split() == ["none"], run.stderr
