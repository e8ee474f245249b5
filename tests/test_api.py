"""``cnnviz.show``: what is found out about a module, and the window on it."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import cnnviz
from cnnviz.api import describe


def classifier(channels=3, size=32, classes=4) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, 2, 3), nn.Flatten(), nn.Linear(2 * (size - 2) ** 2, classes))


@pytest.mark.parametrize(
    ("module", "size", "classes"),
    [
        (classifier(1, 28), (1, 28, 28), 4),
        (classifier(3, 64), (3, 64, 64), 4),
        (classifier(2, 96, 7), (2, 96, 96), 7),
        (nn.Sequential(nn.Conv2d(3, 5, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()), (3, 224, 224), 5),
        (nn.Sequential(nn.Flatten(), nn.Linear(3 * 28 * 28, 2)), (3, 28, 28), 2),
        (nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, 10)), (1, 28, 28), 10),
        (nn.Sequential(nn.Conv2d(4, 6, 1)), (4, 224, 224), 6),
        (nn.Sequential(nn.Conv2d(1, 1, 28), nn.Flatten(0)), (1, 224, 224), 1),
    ],
)
def test_the_input_size_and_the_classes_are_found(module, size, classes):
    card = describe(module)
    assert card.input_size == size
    assert len(card.labels) == classes
    assert card.mean == (0.0,) * size[0]
    assert card.std == (1.0,) * size[0]


@pytest.mark.parametrize("shape", [(1, 1, 17, 19), (1, 17, 19), (17, 19)])
def test_a_tensor_says_which_size_the_module_takes(shape):
    module = nn.Sequential(nn.Flatten(), nn.Linear(17 * 19, 3))
    module.in_channels = 1
    assert describe(module, torch.rand(shape)).input_size == (1, 17, 19)


class Several(nn.Module):
    """Answers with several tensors, in one way or another."""

    def __init__(self, form):
        super().__init__()
        self.form = form
        self.conv = nn.Conv2d(3, 6, 3)

    def forward(self, x):
        maps = self.conv(x)
        return self.form(maps.mean((2, 3)), maps)


@pytest.mark.parametrize(
    "form", [lambda a, b: (a, b), lambda a, b: {"classes": a, "maps": b}, lambda a, b: [{"deep": (a,)}, b]]
)
def test_of_several_outputs_the_first_counts(form):
    assert len(describe(Several(form)).labels) == 6


def test_a_module_without_a_tensor_in_its_answer_is_refused():
    with pytest.raises(ValueError, match="no tensor"):
        describe(Several(lambda a, b: "seven"))


def test_a_module_that_runs_on_no_size_says_why_and_what_to_do():
    with pytest.raises(ValueError, match=r"(?s)none of 3×224×224.*pass an image as a tensor") as refused:
        describe(nn.Sequential(nn.Flatten(), nn.Linear(17, 3)))
    assert "\n" not in str(refused.value)


def test_labels_mean_and_deviation_are_taken_and_checked():
    module = classifier()
    card = describe(module, labels=list("abcd"), mean=[0.1, 0.2, 0.3], std=(0.4, 0.5, 0.6))
    assert (card.labels, card.mean, card.std) == (tuple("abcd"), (0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    with pytest.raises(ValueError, match="3 labels are given, but the network has 4 outputs"):
        describe(module, labels=["a", "b", "c"])
    with pytest.raises(ValueError, match="1 numbers are given as mean, but inputs have 3 channels"):
        describe(module, mean=[0.5])
    with pytest.raises(ValueError, match="2 numbers are given as std"):
        describe(module, std=[0.5, 0.5])
    with pytest.raises(ValueError, match="std"):
        describe(module, std=[0.5, 0.5, 0.0])


class TwoInputs(nn.Module):
    def forward(self, x, y):
        return x + y


class NoPosition(nn.Module):
    def forward(self, *, pixels):
        return pixels


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (lambda: nn.Conv2d, "class Conv2d is no torch.nn.Module; make one of it"),
        (lambda: classifier().state_dict(), "OrderedDict, is no torch.nn.Module; load weights into their network"),
        (lambda: nn.Sequential(nn.Flatten(), nn.LazyLinear(3)), "layer 1 has no weights yet; run the module once"),
        (lambda: classifier().to("meta"), "on the device meta, where weights have no values; load them"),
        (TwoInputs, "takes x, y, and is shown with one image; wrap it"),
        (NoPosition, "takes pixels, and is shown with one image; wrap it"),
        (lambda: nn.Sequential(nn.Conv3d(1, 1, 3)), "runs on none of .* pass an image as a tensor"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_a_sentence_that_says_what_to_do(module, words):
    with pytest.raises(ValueError, match=words) as refused:
        describe(module())
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"labels": "abcd"}, "labels is one str; give a list with a name for each of the 4 outputs"),
        ({"mean": 0.5}, r"mean is 0\.5; give a list of 3 numbers"),
        ({"std": ["a", "b", "c"]}, "give a list of 3 numbers"),
        ({"std": [1, -1, 1]}, "give numbers that are above 0, since inputs are divided by them"),
        ({"mean": [0, 0, float("nan")]}, "give numbers that are finite"),
        ({"image": torch.zeros(4, 3, 32, 32)}, r"of shape \(4, 3, 32, 32\); give \(C, H, W\)"),
        ({"image": torch.zeros(3, 0, 32)}, "of one image"),
        ({"image": torch.zeros(9)}, "of one image"),
    ],
)
def test_what_does_not_fit_the_module_is_refused_in_a_sentence(given, words):
    with pytest.raises(ValueError, match=words) as refused:
        describe(classifier(), **given)
    assert "\n" not in str(refused.value)


def test_labels_and_moments_may_be_what_other_libraries_have():
    given = {"labels": {0: "a", 1: 2, 2: "c", 3: "d"}, "mean": torch.tensor([0.5, 0.25, 0.0]), "std": np.ones(3)}
    card = describe(classifier(), **given)
    assert (card.labels, card.mean, card.std) == (("a", "2", "c", "d"), (0.5, 0.25, 0.0), (1.0, 1.0, 1.0))


@pytest.mark.slow
def test_of_a_compiled_module_the_one_that_was_compiled_is_shown(shown):
    module = classifier()
    program, results = shown(torch.compile(module, backend="eager"), torch.rand(3, 32, 32))
    assert program.stage.network.module is module
    assert [column.node.layer.kind for column in results["network"].columns] == ["Input", "Conv2d", "Flatten", "Linear"]


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_modules_of_other_precisions_are_described(dtype):
    assert describe(classifier().to(dtype)).input_size == (3, 32, 32)


def test_describing_leaves_modes_weights_and_gradients_alone():
    module = nn.Sequential(nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    module.train()
    module[1].eval()
    state = {name: value.clone() for name, value in module.state_dict().items()}
    describe(module)
    assert [part.training for part in module] == [True, False, True, True]
    for name, value in module.state_dict().items():
        assert torch.equal(value, state[name]), name
    assert all(each.grad is None and each.requires_grad for each in module.parameters())


SHOW = """
import sys, torch
from torch import nn
from cnnviz.ui.stage import Stage

results = {}
show = Stage._show
def shown(self, delivery):
    show(self, delivery)
    results.update(delivery.results)
    if "prediction" in delivery.results or delivery.errors:
        print(dict(delivery.errors), [s.label for s in results["prediction"].scores], flush=True)
        self.parent().window.close()
Stage._show = shown

import cnnviz
torch.manual_seed(0)
module = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 3))
program = cnnviz.show(module, torch.full((3, 8, 8), 0.25), labels=["cat", "dog", "ship"])
image = torch.from_numpy(results["input"].rendered.edited)
wanted = module(image[None]).softmax(1)[0].argmax()
print(image.shape, image.mean().item(), results["prediction"].scores[0].index == wanted.item())
"""


def test_the_window_opens_on_a_module_of_ones_own_and_returns_when_it_is_closed():
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", SHOW],
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen", "QT_LOGGING_RULES": "default.warning=false"},
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert run.returncode == 0, run.stderr
    errors, seen = run.stdout.splitlines()
    assert errors.startswith("{} ")
    assert all(label in errors for label in ("cat", "dog", "ship"))
    assert seen.startswith("torch.Size([3, 8, 8]) 0.25")
    assert seen.endswith("True")


TWICE = """
import sys, threading, time, torch
from torch import nn
from PyQt6.QtCore import QTimer
import cnnviz
from cnnviz.app import Program

class Slow(nn.Module):
    __module__ = "torch.nn"
    stop = False
    def forward(self, x):
        if Slow.stop:
            begun.set()
            time.sleep(60)
        return x

begun = threading.Event()
start = Program.show
def show(self):
    start(self)
    def close_when_slow():
        if Slow.stop and begun.is_set():
            self.window.close()
        elif self.stage.shown_version == self.document.version:
            Slow.stop = slow_now
            if slow_now:
                self.document.edit("input.edits.brightness", 0.5)
            else:
                self.window.close()
    timer = QTimer(self)
    timer.timeout.connect(close_when_slow)
    timer.start(20)
    self.window.closing.connect(timer.stop)
Program.show = show

module = nn.Sequential(nn.Conv2d(3, 2, 3), Slow(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
hooks = sys.excepthook, threading.excepthook
for slow_now in (False, True):
    cnnviz.show(module, torch.zeros(3, 8, 8))
    print("goes on", (sys.excepthook, threading.excepthook) == hooks, flush=True)
"""


def test_the_callers_program_goes_on_after_each_window_and_ends_although_a_pass_does_not():
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", TWICE],
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen", "QT_LOGGING_RULES": "default.warning=false"},
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "goes on True\n" * 2, "")


@pytest.fixture
def shown(qapp, monkeypatch, settle):
    """Shows a module where an event loop runs already; gives the program, computed."""
    monkeypatch.setattr("cnnviz.app.loop_runs", lambda: True)
    monkeypatch.setattr("cnnviz.ui.preflight.display_problem", lambda need_window: None)
    opened = []
    hooks = sys.excepthook, threading.excepthook

    def show(*arguments, **named):
        program = cnnviz.show(*arguments, **named)
        opened.append(program)
        results = {}
        program.stage.delivered.connect(lambda delivery: results.update(delivery.results))
        from PyQt6.QtWidgets import QApplication

        while not results:
            QApplication.processEvents()
        settle(program)
        return program, results

    yield show
    for program in opened:
        assert (sys.excepthook, threading.excepthook) != hooks
        program.discard()
    assert (sys.excepthook, threading.excepthook) == hooks


def test_a_notebook_gets_the_program_at_once_and_shared_weights(shown, settle):
    module = classifier(1, 28)
    program, results = shown(module, np.full((28, 28), 128, np.uint8))
    assert results["input"].rendered.edited.mean() == pytest.approx(128 / 255, abs=1e-3)
    assert program.window.isVisible()
    before = results["prediction"].scores
    with torch.no_grad():
        module[2].bias[2] += 100
    program.document.edit("input.edits.brightness", 0.1)
    settle(program)
    assert results["prediction"].scores[0].index == 2
    assert before[0].probability < 0.99 <= results["prediction"].scores[0].probability


def test_a_tensor_is_shown_to_the_last_digit(shown):
    image = torch.rand(1, 1, 28, 28, dtype=torch.float64)
    _, results = shown(classifier(1, 28), image)
    np.testing.assert_allclose(results["input"].rendered.edited, image[0], atol=1e-6)


@pytest.mark.parametrize("kind", ["path", "array", "floats"])
def test_images_may_be_files_or_arrays(shown, tmp_path, kind):
    pixels = np.zeros((30, 30, 3), np.uint8)
    pixels[..., 2] = 255
    path = tmp_path / "blue.png"
    Image.fromarray(pixels).save(path)
    image = {"path": path, "array": pixels, "floats": pixels / 255}[kind]
    _, results = shown(classifier(), image)
    np.testing.assert_allclose(results["input"].rendered.edited.mean((1, 2)), [0, 0, 1], atol=1e-3)


def test_an_image_that_is_none_is_refused_before_the_window(qapp, monkeypatch, tmp_path):
    monkeypatch.setattr("cnnviz.ui.preflight.display_problem", lambda need_window: None)
    with pytest.raises(ValueError, match="missing"):
        cnnviz.show(classifier(), tmp_path / "missing.png")
    with pytest.raises(ValueError, match="no image"):
        cnnviz.show(classifier(), np.zeros((4, 4, 4, 4)))


def test_without_a_display_one_sentence_says_so(monkeypatch):
    monkeypatch.setattr("cnnviz.ui.preflight.display_problem", lambda need_window: "There is no display.")
    with pytest.raises(RuntimeError, match=r"There is no display\."):
        cnnviz.show(classifier())
