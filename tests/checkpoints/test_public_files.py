"""Files as people publish them: each ends as its nature says."""

import numpy as np
import pytest
import torch

from cnnviz.checkpoints.chain_guess import table
from cnnviz.checkpoints.checkpoint import open_checkpoint
from cnnviz.checkpoints.comparison import compare
from cnnviz.checkpoints.open import open_network
from cnnviz.data.datasets import load_dataset


@pytest.fixture
def files(shared_data):
    folder = shared_data / "checkpoints"
    if not folder.is_dir():
        pytest.skip("the public checkpoints are not there")
    return folder


def cifar10(shared_data):
    """The first 4,000 training images, and their labels."""
    batch = np.fromfile(shared_data / "cifar10" / "data_batch_first4000.bin", np.uint8).reshape(-1, 3073)
    return torch.tensor(batch[:, 1:].reshape(-1, 3, 32, 32)).float() / 255, torch.tensor(batch[:, 0]).long()


def share_right(module, images, labels, mean=0.0, std=1.0):
    with torch.no_grad():
        logits = torch.cat([module((images[i : i + 500] - mean) / std) for i in range(0, len(images), 500)])
    return float((logits.argmax(1) == labels).float().mean())


def test_the_resnet_20_of_akamaster_is_alive(files, shared_data):
    opened = open_network(files / "akamaster" / "resnet20-12fca82f.th")
    found = open_checkpoint(opened.path)
    assert (found.status, found.architecture, found.format) == ("opened", "cifar-resnet20", "PyTorch legacy pickle")
    assert found.parameters == 269_722
    assert found.contents.metadata["best_prec1"] == pytest.approx(91.78)
    card = opened.card
    assert (card.mean, card.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    images, labels = cifar10(shared_data)
    mean, std = (torch.tensor(values).reshape(3, 1, 1) for values in (card.mean, card.std))
    with torch.no_grad():
        logits = opened.module((images[:1] - mean) / std)[0]
    assert card.labels[int(logits.argmax())] == "frog" == card.labels[int(labels[0])]
    assert float(logits.max()) == pytest.approx(19.83, abs=0.005)


def test_the_u_net_reproduces_its_stored_output(files):
    folder = files / "bioimageio" / "unet2d_fixed_shape"
    found = open_checkpoint(folder / "weights.pt")
    assert (found.status, found.architecture, found.parameters) == ("opened", "unet", 449_489)
    image, expected = (torch.tensor(np.load(folder / f"test_{kind}.npy")) for kind in ("input", "output"))
    with torch.no_grad():
        assert float((found.module(image) - expected).abs().max()) < 1e-5
    assert "The output stored in test_output.npy is reproduced to " in found.message
    assert found.layers[-1].output_shape == (1, 256, 256)


def test_a_lenet_with_numbers_for_names_is_accepted_and_reads_digits(files, shared_data, tmp_path):
    path = tmp_path / "lenet.pth"
    path.write_bytes((files / "lenet-jordanhoare" / "lenet.pth").read_bytes())
    found = open_checkpoint(path)
    assert (found.status, found.architecture, found.module) == ("partial", "chain", None)
    best = found.candidates[0]
    guess = table(best)
    assert guess.input_size == (1, 28, 28)
    assert [layer.padding for layer in guess.layers[:2]] == [(2, 2), (0, 0)]
    assert [layer.activation for layer in guess.layers] == ["relu"] * 4 + ["none"]
    images = load_dataset("mnist", "test", shared_data)
    pixels, labels = torch.tensor(images.images[:1000]).float() / 255, torch.tensor(images.labels[:1000])
    right = {}
    for pooling in ("average", "max"):
        answer = guess.with_pooling(pooling).changed(mean=(0.0,), std=(1.0,)).applied_to(best)
        right[pooling] = share_right(open_checkpoint(path, accept=answer).module, pixels, labels)
    # Of all 10,000 images 99.19 % with average and 98.88 % with maximum pooling; of the first 1,000:
    assert right["average"] == pytest.approx(0.995, abs=0.006)
    assert right["average"] > right["max"] > 0.975
    # Other tables that fit are far from that.
    worst = guess.with_activation("sigmoid").changed(mean=(0.5,), std=(0.5,)).applied_to(best)
    assert share_right(open_checkpoint(path, accept=worst).module, pixels, labels, 0.5, 0.5) < 0.3


def test_a_network_of_unknown_normalisation_asks_for_it(files, shared_data, tmp_path):
    found = open_checkpoint(files / "captum" / "cifar_torchvision.pt")
    assert (found.status, found.architecture, found.card) == ("opened", "lenet-5", None)
    assert "How are its images normalised?" in found.message
    images, labels = cifar10(shared_data)
    assert share_right(found.module, images, labels, 0.5, 0.5) == pytest.approx(0.655, abs=0.0005)
    assert share_right(found.module, images, labels) == pytest.approx(0.269, abs=0.0005)


def test_a_pickled_network_shows_its_tensors_and_names_its_class(files):
    found = open_checkpoint(files / "vdsr" / "model_epoch_50.pth")
    assert (found.status, found.module, found.parameters) == ("partial", None, 664_704)
    assert [layer.type for layer in found.layers] == ["Conv2d"] * 20
    assert sum(layer.parameters for layer in found.layers) == 664_704
    assert found.refused == ("vdsr.Net", "vdsr.Conv_ReLU_Block")
    assert "of the class vdsr.Net, whose code is not run" in found.message
    assert "--model package.module:callable" in found.message


def test_the_same_network_in_two_formats(files):
    first, second = (open_checkpoint(files / "burn" / f"mnist.{ending}") for ending in ("pt", "safetensors"))
    assert first.parameters == second.parameters == 376_870
    compared = compare(first, second)
    assert compared.verdict == "same names, other values"
    assert {change.layer for change in compared.changes} == {
        *("conv1", "conv2", "conv3", "norm1", "fc1", "fc2", "norm2")
    }
    assert compare(first, first).verdict == "same names, same values"


def test_heads_for_other_networks_are_no_network(files):
    found = open_checkpoint(files / "lpips" / "v0.0-alex.pth")
    assert (found.status, found.candidates, found.parameters) == ("partial", (), 1152)
    assert [layer.type for layer in found.layers] == ["Conv2d"] * 5
    assert "is not a whole network because its 5 layers are 1×1 convolutions" in found.message


@pytest.mark.parametrize(
    ("name", "architecture", "parameters"),
    [("lenet-fyh620/lenet.pth", "lenet-5-28", 44_426), ("executorch/cifar_net.pth", "executorch-cifar-net", 89_578)],
)
def test_networks_of_tutorials_and_examples_are_known(files, name, architecture, parameters):
    found = open_checkpoint(files / name)
    assert (found.status, found.architecture, found.parameters) == ("opened", architecture, parameters)


def test_the_lenet_of_fyh620_computes_what_its_onnx_file_does(files, shared_data):
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime comes with the extra 'test'")
    images = load_dataset("mnist", "test", shared_data)
    pixels = (torch.tensor(images.images[:50]).float() / 255 - 0.1307) / 0.3081
    with torch.no_grad():
        logits = open_checkpoint(files / "lenet-fyh620" / "lenet.pth").module(pixels)
    session = onnxruntime.InferenceSession(files / "lenet-fyh620" / "lenet.onnx")
    expected = [session.run(None, {"input.1": image[None].numpy()})[0][0] for image in pixels]
    np.testing.assert_allclose(logits.softmax(1), expected, atol=1e-5)
    assert (logits.argmax(1).numpy() == images.labels[:50]).mean() > 0.95


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("facenet-mtcnn/pnet.pt", "it branches"),
        ("captum/titanic_model.pt", "linear layers that read 12 numbers and no image"),
        ("misc/0_png.pt", "a single tensor of 784 numbers"),
        ("candle/test.pt", "none of its tensors holds floating-point numbers"),
        ("candle/test_with_key.pt", "none of its tensors holds floating-point numbers"),
        ("candle/fortran_tensor_3d.pth", "none of its tensors holds floating-point numbers"),
    ],
)
def test_what_is_no_network_is_told_plainly(files, name, reason):
    found = open_checkpoint(files / name)
    assert (found.status, found.module) == ("partial", None)
    assert reason in found.message


def test_small_files_of_another_projects_tests_are_partial(files):
    """Single layers, bare tensors, every dtype, every container: 60 files, none of them a known network."""
    unreadable = set()
    for path in sorted((files / "burn-tests").iterdir()):
        found = open_checkpoint(path)
        if found.status == "refused":
            unreadable.add(path.name)
            continue
        assert (found.status, found.module) == ("partial", None), path.name
        assert found.contents.entries
        assert found.parameters <= sum(torch.Size(entry.shape).numel() for entry in found.contents.entries)
        assert not any(candidate.sure for candidate in found.candidates)
    assert unreadable == {"test_data__broken.pt"}


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("batch_norm__batch_norm2d.pt", 10),
        ("test_data__checkpoint.pt", 10 * 5 + 10 + 3 * 10 + 3),
        ("complex_nested__complex_nested.pt", 1816),
        ("test_data__int64.pt", 0),
        ("test_data__legacy_uncloned_views.pt", 20),
    ],
)
def test_weights_are_counted_without_buffers_and_what_training_needs(files, name, parameters):
    assert open_checkpoint(files / "burn-tests" / name).parameters == parameters


def test_an_empty_file_is_refused(files):
    found = open_checkpoint(files / "misc" / "zero_bytes.pt")
    assert found.status == "refused"
    assert "empty" in found.message
