"""Guess: the table, its corrections, the trial on labelled images, and what accepting does."""

import json

import numpy as np
import pytest
import torch

from cnnviz.checkpoints.checkpoint import open_checkpoint
from cnnviz.data.image_store import ImageStore
from cnnviz.data.pipeline import InputPipeline
from cnnviz.engine.computation import Computation
from cnnviz.engine.delivery import Request
from cnnviz.engine.failures import FailuresHub
from cnnviz.nets.chain import Chain, ChainLayer
from cnnviz.nets.registry import build
from cnnviz.panels import PANELS
from cnnviz.scene.document import Document

TRUTH = (
    ChainLayer(name="0", kind="conv", inputs=1, outputs=4, kernel_size=(5, 5), activation="tanh", pooling="average"),
    ChainLayer(name="3", kind="conv", inputs=4, outputs=6, kernel_size=(5, 5), activation="tanh", pooling="average"),
    ChainLayer(name="7", kind="linear", inputs=96, outputs=10),
)


@pytest.fixture
def file(tmp_path):
    """Weights of a small network of nobody's: its functions and its kind of pooling are not the usual ones."""
    torch.manual_seed(3)
    module = Chain(TRUTH).eval()
    path = tmp_path / "weights" / "anonymous.pt"
    path.parent.mkdir()
    torch.save({name: tensor * 3 for name, tensor in module.state_dict().items()}, path)
    module.load_state_dict(torch.load(path))
    return path, module


@pytest.fixture
def panel(file, tmp_path):
    """The document on this file, and what the panel shows for it, first to last."""
    document = Document()
    document.edit("network.source", f"file:{file[0]}")
    computation = Computation(PANELS, InputPipeline(ImageStore(tmp_path / "images")), FailuresHub())

    def look(**edits):
        document.edit_many({path.replace("__", "."): value for path, value in edits.items()})
        request = Request(document.scene, document.version, frozenset({"guess"}))
        deliveries = list(computation.run(request, lambda: False, lambda: False))
        assert all(not delivery.errors for delivery in deliveries)
        return [delivery.results["guess"] for delivery in deliveries if "guess" in delivery.results]

    return document, look, computation


@pytest.fixture
def batch(file, tmp_path):
    """Pixels in the binary layout of MNIST, labelled by the network itself."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (120, 28, 28), np.uint8)
    with torch.no_grad():
        labels = file[1](torch.from_numpy(pixels)[:, None].float() / 255).argmax(1).numpy().astype(np.uint8)
    header = (0x803).to_bytes(4, "big") + b"".join(size.to_bytes(4, "big") for size in pixels.shape)
    (folder / "t10k-images-idx3-ubyte").write_bytes(header + pixels.tobytes())
    (folder / "t10k-labels-idx1-ubyte").write_bytes(
        (0x801).to_bytes(4, "big") + len(labels).to_bytes(4, "big") + labels.tobytes()
    )
    return tmp_path


def test_the_table_is_the_likeliest_answer_with_its_sizes(panel, file):
    (result,) = panel[1]()
    assert result.way == 0
    assert "ways" in result.sentence
    assert [row.name for row, _ in result.rows] == ["0", "3", "7"]
    assert result.rows[-1][1].output == (10,)
    assert len(result.ways) == len(open_checkpoint(file[0]).candidates)
    assert not result.accepted


def test_a_correction_changes_the_sizes_and_is_explained_where_impossible(panel):
    document, look, _ = panel
    guess = look()[0].guess
    (result,) = look(panels__guess__draft=guess.with_layer("0", padding=(2, 2)))
    assert result.way is None
    assert result.rows[0][1].output == (4, 14, 14)
    assert result.rows[2][1].problem
    assert result.problem.startswith("7: ")
    document.undo()
    assert look()[0].way == 0


def test_a_draft_of_another_file_is_left_alone(panel):
    _, look, _ = panel
    other = look()[0].guess.changed(layers=[{"name": "x", "kind": "conv", "inputs": 1, "outputs": 1}])
    assert look(panels__guess__draft=other)[0].way == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mean": (0.5,)}, "both mean and std"),
        ({"mean": (0.1, 0.2), "std": (1.0, 1.0)}, "2 numbers for 1 channel"),
        ({"labels": ("a", "b")}, "2 labels for 10 outputs"),
    ],
)
def test_what_cannot_be_accepted_says_why(panel, changes, words):
    _, look, _ = panel
    assert words in look(panels__guess__draft=look()[0].guess.changed(**changes))[0].problem


def test_trying_finds_what_no_shape_tells(panel, batch, monkeypatch):
    monkeypatch.setenv("CNNVIZ_DATA_DIR", str(batch))
    _, look, _ = panel
    results = look(panels__guess__trying=True)
    trial = results[-1].trial
    assert trial.finished
    assert trial.done == trial.total
    best = trial.ranking[0]
    assert best.accuracy == 1.0
    assert best.samples == 120
    assert {row.activation for row in best.guess.layers} == {"tanh", "none"}
    assert {row.pooling for row in best.guess.layers} == {"average", "none"}
    assert (best.guess.mean, best.guess.std) == ((0.0,), (1.0,))
    assert look(panels__guess__trying=False)[-1].trial is None


def test_images_that_do_not_fit_are_one_sentence(panel, tmp_path):
    record = bytes([3]) + bytes(3072)
    (tmp_path / "some.bin").write_bytes(record * 4)
    _, look, _ = panel
    trial = look(panels__guess__trying=True, panels__guess__dataset=f"batch:{tmp_path / 'some.bin'}")[-1].trial
    assert trial.message == "These images have 3 channel(s), the network reads 1; choose others."
    trial = look(panels__guess__dataset=f"batch:{tmp_path / 'gone.bin'}")[-1].trial
    assert "gone.bin cannot be read" in trial.message


def test_the_stored_output_tells_a_right_answer_from_a_wrong_one(panel, file):
    path, module = file
    image = torch.rand(1, 1, 28, 28)
    np.save(path.parent / "input.npy", image.numpy())
    np.save(path.parent / "output.npy", module(image).detach().numpy())
    _, look, _ = panel
    wrong = look()
    assert "missed by" in wrong[-1].check
    right = wrong[0].guess.with_activation("tanh").with_pooling("average")
    assert "reproduced" in look(panels__guess__draft=right)[-1].check


def test_an_accepted_answer_runs_and_is_kept_for_this_file_alone(panel, file):
    path, module = file
    document, look, computation = panel
    labels = tuple("abcdefghij")
    guess = look()[0].guess.with_activation("tanh").with_pooling("average")
    guess = guess.changed(mean=(0.0,), std=(1.0,), labels=labels)
    (result, *_) = look(network__answer=guess)
    assert result.accepted
    network, error = computation.network(document.scene)
    assert error is None
    assert network.loose == ()
    assert network.card.labels == labels
    image = torch.rand(2, 1, 28, 28)
    torch.testing.assert_close(network.module(image), module(image))
    kept = json.loads(path.with_name("anonymous.pt.cnnviz.json").read_text())
    assert kept["labels"] == list(labels)
    assert open_checkpoint(path).status == "opened", "the next start knows it"
    corrected = guess.with_pooling("max")
    assert look(panels__guess__draft=corrected)[0].accepted is False
    assert look(network__answer=corrected)[0].accepted


def test_an_answer_for_another_file_is_refused_in_words(panel, tmp_path):
    document, look, computation = panel
    guess = look()[0].guess
    torch.save(build("lenet", {}).state_dict(), tmp_path / "other.pt")
    document.edit_many({"network.source": f"file:{tmp_path / 'other.pt'}", "network.answer": guess})
    _, error = computation.network(document.scene)
    assert "no longer what the answer was given for" in error


def test_of_a_network_that_says_what_it_is_nothing_is_guessed(panel):
    _, look, _ = panel
    (result,) = look(network__source="shipped:mnist-lenet")
    assert "nothing to guess" in result.nothing
