import errno
import gzip
import json
import os
import re
import struct
import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest
from PIL import Image

import cnnviz
from cnnviz.checkpoints.open import open_network
from cnnviz.cli import main
from cnnviz.commands import errors


@pytest.fixture
def stripes(tmp_path):
    """A folder of two classes, told apart by the direction of their stripes."""
    random = np.random.default_rng(0)
    stripe = np.repeat([0, 1] * 4, 4) * 150
    for index in range(15):
        for name, pattern in (("across", stripe[:, None]), ("down", stripe[None])):
            path = tmp_path / "stripes" / name / f"{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray((random.integers(0, 100, (32, 32)) + pattern).astype(np.uint8)).convert("RGB").save(path)
    return tmp_path / "stripes"


def write_mnist(folder, labels):
    for prefix in ("train", "t10k"):
        images = np.zeros((len(labels), 28, 28), np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[2 * label : 2 * label + 4] = 255
        header = struct.pack(">4I", 0x803, *images.shape)
        (folder / f"{prefix}-images-idx3-ubyte.gz").write_bytes(gzip.compress(header + images.tobytes()))
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 0x801, len(labels)) + bytes(labels))


def train_on(stripes, out, *more):
    fast = ("--epochs", "4", "--batch-size", "8", "--learning-rate", "0.02", "--augment", "none")
    return main(["train", "--network", "cifar-net", "--dataset", f"folder:{stripes}", "--out", str(out), *fast, *more])


def test_a_network_is_trained_saved_and_evaluated(stripes, tmp_path, capsys):
    out = tmp_path / "stripes.safetensors"
    assert train_on(stripes, out, "--json", "--seed", "5") == 0
    printed = capsys.readouterr()
    result = json.loads(printed.out.splitlines()[-1])
    # Every fifth of 30 images was kept back.
    assert result["samples"] == 6
    assert result["test_accuracy"] == 1
    assert result["checkpoint"] == str(out)
    assert result["device"] in ("cpu", "cuda", "mps")
    assert result["train_loss"] > 0
    assert result["examples_per_second"] > 0
    assert printed.err.splitlines()[-1].startswith("epoch 4/4  step 3/3  loss ")
    assert not out.with_suffix(".run").exists()
    card = open_network(out).card
    assert card.labels == ("across", "down")
    assert card.config == {"channels": 3, "classes": 2, "widths": [48, 96, 160]}
    assert card.test_accuracy == result["test_accuracy"]
    assert card.seed == 5
    assert card.dataset == "folder:stripes"

    assert main(["evaluate", str(out), "--dataset", f"folder:{stripes}", "--json"]) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (result["accuracy"], result["samples"]) == (1, 30)
    assert main(["evaluate", str(out), "--dataset", f"folder:{stripes}"]) == 0
    assert "stripes: 100.00% of 30 images are named rightly" in capsys.readouterr().out


def test_the_command_in_the_card_makes_the_same_network_again(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_mnist(tmp_path, [0, 9, 5] * 6)
    command = ["train", "--network", "lenet", "--dataset", "mnist", "--data-dir", ".", "--epochs", "1"]
    assert main([*command, "--out", "first.safetensors", "--batch-size", "6", "--seed", "3"]) == 0
    first = open_network("first.safetensors")
    assert first.card.command == (
        "cnnviz train --network lenet --dataset mnist --data-dir . --epochs 1 --batch-size 6 --optimizer adamw "
        "--learning-rate 0.003 --weight-decay 0.01 --schedule one-cycle --augment affine thickness brightness "
        "--seed 3 --precision float32 --out first.safetensors"
    )
    again = first.card.command.replace("first", "second").split()[1:]
    assert main(again) == 0
    second = open_network("second.safetensors")
    for name, weights in first.module.state_dict().items():
        assert weights.equal(second.module.state_dict()[name])


def test_a_network_of_permuted_pixels_is_evaluated_on_such(tmp_path, capsys):
    out = tmp_path / "digits.safetensors"
    command = ["train", "--network", "lenet", "--config", '{"widths": [4, 8], "hidden": 16}', "--dataset", "digits"]
    quick = ["--permute-pixels", "--epochs", "4", "--batch-size", "32", "--augment", "none"]
    assert main([*command, *quick, "--out", str(out), "--json"]) == 0
    trained = json.loads(capsys.readouterr().out.splitlines()[-1])
    card = open_network(out).card
    assert card.dataset == "digits, pixels permuted"
    assert "--dataset digits --permute-pixels --epochs 4" in card.command
    found = []
    for more in (["--permute-pixels"], []):
        assert main(["evaluate", str(out), "--dataset", "digits", *more, "--json"]) == 0
        found.append(json.loads(capsys.readouterr().out.splitlines()[-1])["accuracy"])
    assert found[0] == trained["test_accuracy"] > 0.5
    assert found[1] < found[0] - 0.2


def test_absolute_paths_stay_out_of_the_card(stripes, tmp_path, capsys):
    assert train_on(stripes, tmp_path / "n.safetensors", "--data-dir", str(tmp_path), "--threads", "1") == 0
    command = open_network(tmp_path / "n.safetensors").card.command
    assert str(tmp_path.parent) not in command
    assert "--dataset folder:stripes" in command
    assert command.endswith("--threads 1 --out n.safetensors")


TRAIN = ["train", "--network", "lenet", "--dataset", "mnist", "--out", "x.safetensors"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "nothing", "--dataset", "mnist"], "no network or file 'nothing'"),
        (["train", "--network", "lenet6", *TRAIN[3:]], "no architecture 'lenet6'; choose one of lenet"),
        (["train", *TRAIN[3:]], "--network is not given"),
        ([*TRAIN, "--resume"], "There is no run in x.run to go on with"),
        (
            [*TRAIN[:4], "digits", *TRAIN[5:], "--batch-size", "2000"],
            "only 1,438 images to train on; choose 1438 or less",
        ),
        ([*TRAIN[:4], "digits", *TRAIN[5:], "--precision", "float16", "--device", "cpu"], "needs a CUDA device"),
        ([*TRAIN, "--data-dir", "nowhere"], "The data folder nowhere is not there"),
        ([*TRAIN[:-1], "x.pt"], r"x\.pt must end in \.safetensors"),
        ([*TRAIN[:-1], "no/x.safetensors"], "The folder no is not there"),
        ([*TRAIN[:-1], "."], r"\. must end in \.safetensors"),
        ([*TRAIN, "--augment", "colour"], "no augmentation 'colour'; choose from affine"),
        ([*TRAIN, "--label-smoothing", "1.5"], r"label smoothing is 1\.5; it must be below 1"),
        ([*TRAIN, "--dataset", "imagenet"], "no data set 'imagenet'"),
    ],
)
def test_an_error_is_one_line_and_status_2(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    assert re.search(message, printed.err)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([*TRAIN, "--epochs", "0"], "argument --epochs: '0' is not a whole number from 1"),
        ([*TRAIN, "--learning-rate", "nan"], "'nan' is not a number above 0"),
        ([*TRAIN, "--learning-rate", "0"], "'0' is not a number above 0"),
        ([*TRAIN, "--weight-decay", "-1"], "'-1' is not a number from 0"),
        ([*TRAIN, "--label-smoothing", "little"], "'little' is not a number from 0"),
        ([*TRAIN, "--seed", "9223372036854775808"], "is not a whole number from 0 to 2^63 - 1"),
        ([*TRAIN, "--optimizer", "lion"], "invalid choice: 'lion'"),
        (["evaluate", "mnist-lenet"], "the following arguments are required: --dataset"),
        (["--paint"], "unrecognized arguments: --paint"),
    ],
)
def test_a_wrong_argument_is_one_line_and_status_2(arguments, message, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
    assert "--help" in error


def test_a_folder_that_may_not_be_written_to_is_refused_before_the_training(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(os, "access", lambda path, mode: not (str(path) == str(tmp_path) and mode == os.W_OK))
    assert main([*TRAIN[:-1], str(tmp_path / "x.safetensors")]) == 2
    assert "may not be written to; give another --out" in capsys.readouterr().err


def test_grey_networks_are_trained_on_grey_and_files_that_are_no_images_are_named(stripes, tmp_path, capsys):
    (stripes / "across" / "notes.txt").write_text("about")
    out = tmp_path / "grey.safetensors"
    fast = ("--epochs", "1", "--batch-size", "8", "--weight-decay", "0", "--json")
    assert main(["train", "--network", "lenet", "--dataset", f"folder:{stripes}", "--out", str(out), *fast]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["skipped"] == 1
    assert "1 file is no image that can be read and is left out: across/notes.txt" in printed.err
    assert open_network(out).card.input_size == (1, 28, 28)


def test_divergence_is_an_error_that_leaves_the_last_good_weights(stripes, tmp_path, capsys):
    assert train_on(stripes, tmp_path / "n.safetensors", "--learning-rate", "1e30") == 2
    assert "Training diverged in step 2" in capsys.readouterr().err
    assert not (tmp_path / "n.safetensors").exists()
    (*_, last) = sorted((tmp_path / "n.run").glob("step-*.safetensors"))
    assert open_network(last).non_finite == 0


def test_a_disk_that_is_full_at_the_end_loses_nothing(stripes, tmp_path, monkeypatch, capsys):
    from cnnviz.checkpoints import save

    def full(path, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    out = tmp_path / "n.safetensors"
    with monkeypatch.context() as patch:
        patch.setattr(save, "write_atomically", full)
        assert train_on(stripes, out) == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert "No space left on device" in message
    assert "make room, and give the same command with --resume: the run is kept in" in message
    assert train_on(stripes, out, "--resume") == 0
    assert out.is_file()
    assert not (tmp_path / "n.run").exists()


def test_a_fault_of_the_program_is_not_taken_for_the_persons(stripes, tmp_path, monkeypatch):
    def broken(*_, **__):
        raise ValueError("a fault")

    monkeypatch.setattr("cnnviz.training.trainer.Trainer.advance", broken)
    with pytest.raises(ValueError, match="a fault"):
        train_on(stripes, tmp_path / "n.safetensors")


@pytest.mark.parametrize("command", [[], ["train"], ["evaluate"]])
def test_help_has_an_example(command, capsys):
    with pytest.raises(SystemExit) as caught:
        main([*command, "--help"])
    assert caught.value.code == 0
    assert "example: cnnviz " in capsys.readouterr().out


def run(*arguments):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)


def test_python_m_cnnviz_is_the_command_and_knows_its_version():
    result = run("-m", "cnnviz", "--version")
    assert (result.returncode, result.stdout) == (0, f"cnnviz {cnnviz.__version__}\n")


def test_the_status_reaches_the_shell():
    result = run("-m", "cnnviz", "evaluate", "nothing", "--dataset", "mnist")
    assert result.returncode == 2
    assert "no network or file 'nothing'" in result.stderr


def test_the_command_line_is_imported_without_what_is_heavy():
    heavy = "torch", "PyQt6", "numpy", "safetensors", "pydantic", "pooch", "PIL"
    result = run("-c", f"import sys, cnnviz.cli; print([name for name in {heavy} if name in sys.modules])")
    assert result.stdout == "[]\n"


@pytest.mark.skipif(os.name == "nt", reason="there are no such pipes")
def test_a_reader_that_has_seen_enough_ends_a_command_without_a_word():
    command = f"{sys.executable} -m cnnviz inspect mnist-lenet | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120, check=True)
    assert done.stderr == ""
    assert int(done.stdout) in (0, 141)


@pytest.mark.parametrize(
    ("network", "out", "words"),
    [
        ("lenet", "pipe.safetensors", "is a pipe or a device; give the name of a file"),
        ("lenet", "n" * 300 + ".safetensors", "cannot be read or written (File name too long)"),
        ("n" * 300, "out.safetensors", "cannot be read or written (File name too long)"),
    ],
)
def test_places_where_nothing_can_be_kept_are_refused_before_the_training(
    tmp_path, monkeypatch, capsys, network, out, words
):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.safetensors")
    command = ["train", "--network", network, "--dataset", "digits", "--steps", "1", "--out", out]
    assert main(command) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_an_error_is_one_line_also_where_a_name_has_several(capsys):
    assert main(["evaluate", "two\nlines", "--dataset", "digits"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("cnnviz: There is no network or file 'two lines'")
    assert said.count("\n") == 1


def test_a_name_too_long_for_any_file_is_no_network_to_show(capsys, tmp_path):
    assert main(["screenshot", "n" * 300, "--out", str(tmp_path / "picture.png")]) == 2
    said = capsys.readouterr().err
    assert said.endswith("cannot be read (File name too long); check the path and its permissions.\n")


def test_help_is_given_where_the_terminal_knows_few_letters():
    environment = os.environ | {"PYTHONIOENCODING": "ascii:strict", "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "cnnviz", "--help"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    assert (run.returncode, run.stderr) == (0, "")
    assert "File \\u203a Save scene" in run.stdout


def test_a_command_runs_without_a_place_for_its_words(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["inspect", str(tmp_path / "missing.pt")]) == 2
    sys.stdout.close()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
def test_output_onto_a_full_disk_is_one_line(tmp_path):
    command = [sys.executable, "-m", "cnnviz", "inspect", str(tmp_path / "missing.pt")]
    with open("/dev/full", "w") as full:
        run = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=100)
    assert run.returncode == 2
    assert run.stderr == "cnnviz: the output cannot be written (No space left on device); make room.\n"


def test_a_library_that_cannot_be_loaded_is_told_and_not_tried_again():
    code = """
import sys
class NoRoom:
    tries = 0
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            self.tries += 1
            why = ImportError("libtorch_cpu.so: failed to map segment" if self.tries == 1 else "half of torch is there")
            raise ImportError("much advice") from why
sys.meta_path.insert(0, NoRoom())
from cnnviz.cli import main
sys.exit(main(["evaluate", "mnist-lenet", "--dataset", "digits"]))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    words = "cnnviz: a library cannot be loaded (libtorch_cpu.so: failed to map segment); make room in memory, or"
    assert (run.returncode, run.stderr) == (2, f"{words} install again.\n")


def test_every_error_that_is_expected_is_there_by_its_name():
    for module, name in errors._EXPECTED.items():
        assert issubclass(getattr(import_module(module), name), Exception)
