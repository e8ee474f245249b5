"""Every public file ends as its nature says: none in the folder is without an expectation, and none here is missing.

What the networks among them compute is in ``test_public_files``.
"""

import pytest

from cnnviz.checkpoints.checkpoint import open_checkpoint

ZIP, LEGACY, TAR = "PyTorch zip", "PyTorch legacy pickle", "PyTorch tar"

# Status, format, architecture, how many tensors, how many weights without buffers.
EXPECTED = {
    "akamaster/resnet20-12fca82f.th": ("opened", LEGACY, "cifar-resnet20", 97, 269722),
    "bioimageio/unet2d_fixed_shape/test_input.npy": ("partial", "NumPy", None, 1, 65536),
    "bioimageio/unet2d_fixed_shape/test_output.npy": ("partial", "NumPy", None, 1, 65536),
    "bioimageio/unet2d_fixed_shape/weights.pt": ("opened", ZIP, "unet", 36, 449489),
    "burn/mnist.pt": ("partial", ZIP, "chain", 20, 376870),
    "burn/mnist.safetensors": ("partial", "safetensors", "chain", 20, 376870),
    "burn-tests/batch_norm__batch_norm2d.pt": ("partial", ZIP, None, 5, 10),
    "burn-tests/boolean__boolean.pt": ("partial", ZIP, None, 1, 0),
    "burn-tests/buffer__buffer.pt": ("partial", ZIP, None, 1, 9),
    "burn-tests/complex_nested__complex_nested.pt": ("partial", ZIP, "chain", 23, 1816),
    "burn-tests/config__weights_with_config.pt": ("partial", ZIP, None, 3, 21),
    "burn-tests/conv1d__conv1d.pt": ("partial", ZIP, None, 3, 18),
    "burn-tests/conv2d__conv2d.pt": ("partial", ZIP, "chain", 3, 34),
    "burn-tests/conv_transpose1d__conv_transpose1d.pt": ("partial", ZIP, None, 3, 18),
    "burn-tests/conv_transpose2d__conv_transpose2d.pt": ("partial", ZIP, "chain", 3, 34),
    "burn-tests/embedding__embedding.pt": ("partial", ZIP, None, 1, 30),
    "burn-tests/enum_module__enum_depthwise_false.pt": ("partial", ZIP, "chain", 2, 38),
    "burn-tests/enum_module__enum_depthwise_true.pt": ("partial", ZIP, "chain", 4, 26),
    "burn-tests/group_norm__group_norm.pt": ("partial", ZIP, None, 2, 12),
    "burn-tests/integer__integer.pt": ("partial", ZIP, None, 1, 0),
    "burn-tests/key_remap__key_remap.pt": ("partial", ZIP, "chain", 3, 34),
    "burn-tests/key_remap_chained__key_remap.pt": ("partial", ZIP, "chain", 18, 270),
    "burn-tests/layer_norm__layer_norm.pt": ("partial", ZIP, None, 2, 4),
    "burn-tests/linear__linear.pt": ("partial", ZIP, None, 3, 21),
    "burn-tests/linear__linear_with_bias.pt": ("partial", ZIP, None, 2, 9),
    "burn-tests/missing_module_field__missing_module_field.pt": ("partial", ZIP, "chain", 2, 18),
    "burn-tests/multi_layer__multi_layer.safetensors": ("partial", "safetensors", "chain", 9, 4232),
    "burn-tests/non_contiguous_indexes__non_contiguous_indexes.pt": ("partial", ZIP, "chain", 10, 190),
    "burn-tests/test_data__bfloat16.pt": ("partial", ZIP, None, 1, 3),
    "burn-tests/test_data__bool.pt": ("partial", ZIP, None, 1, 0),
    "burn-tests/test_data__broken.pt": ("refused", "", None, 0, 0),
    "burn-tests/test_data__buffers.pt": ("partial", ZIP, None, 2, 0),
    "burn-tests/test_data__checkpoint.pt": ("partial", ZIP, None, 5, 93),
    "burn-tests/test_data__complex_structure.pt": ("partial", ZIP, None, 6, 35),
    "burn-tests/test_data__empty.pt": ("partial", ZIP, None, 1, 0),
    "burn-tests/test_data__extreme_values.pt": ("partial", ZIP, None, 1, 4),
    "burn-tests/test_data__float16.pt": ("partial", ZIP, None, 1, 3),
    "burn-tests/test_data__float32.pt": ("partial", ZIP, None, 1, 4),
    "burn-tests/test_data__float64.pt": ("partial", ZIP, None, 1, 3),
    "burn-tests/test_data__int16.pt": ("partial", ZIP, None, 1, 0),
    "burn-tests/test_data__int32.pt": ("partial", ZIP, None, 1, 0),
    "burn-tests/test_data__int64.pt": ("partial", ZIP, None, 1, 0),
    "burn-tests/test_data__int8.pt": ("partial", ZIP, None, 1, 0),
    "burn-tests/test_data__large_shape.pt": ("partial", ZIP, None, 1, 10000),
    "burn-tests/test_data__legacy_shared_storage.pt": ("partial", LEGACY, None, 3, 40),
    "burn-tests/test_data__legacy_uncloned_views.pt": ("partial", LEGACY, None, 2, 20),
    "burn-tests/test_data__legacy_with_offsets.pt": ("partial", LEGACY, None, 3, 20),
    "burn-tests/test_data__mixed_types.pt": ("partial", ZIP, None, 4, 4),
    "burn-tests/test_data__model_without_enum_variants.pt": ("partial", ZIP, None, 4, 906),
    "burn-tests/test_data__nested_dict.pt": ("partial", ZIP, None, 4, 20),
    "burn-tests/test_data__parameter.pt": ("partial", ZIP, None, 1, 9),
    "burn-tests/test_data__scalar.pt": ("partial", ZIP, None, 1, 1),
    "burn-tests/test_data__simple_legacy.pt": ("partial", LEGACY, None, 3, 8),
    "burn-tests/test_data__special_values.pt": ("partial", ZIP, None, 1, 5),
    "burn-tests/test_data__state_dict.pt": ("partial", ZIP, None, 4, 15),
    "burn-tests/test_data__tar_2d_tensor.tar": ("partial", TAR, None, 1, 12),
    "burn-tests/test_data__tar_float32.tar": ("partial", TAR, None, 1, 4),
    "burn-tests/test_data__tar_float64.tar": ("partial", TAR, None, 1, 3),
    "burn-tests/test_data__tar_int64.tar": ("partial", TAR, None, 1, 0),
    "burn-tests/test_data__tar_multi_dtype.tar": ("partial", TAR, None, 3, 5),
    "burn-tests/test_data__tar_weight_bias.tar": ("partial", TAR, None, 2, 8),
    "burn-tests/test_data__tensor_2d.pt": ("partial", ZIP, None, 1, 6),
    "burn-tests/test_data__tensor_3d.pt": ("partial", ZIP, None, 1, 24),
    "burn-tests/test_data__tensor_4d.pt": ("partial", ZIP, None, 1, 24),
    "burn-tests/test_data__uint8.pt": ("partial", ZIP, None, 1, 0),
    "burn-tests/tests__debug_test.pt": ("partial", ZIP, None, 1, 4),
    "burn-tests/tests__test_int.pt": ("partial", ZIP, None, 1, 0),
    "burn-tests/top_level_key__top_level_key.pt": ("partial", ZIP, "chain", 2, 18),
    "candle/fortran_tensor_3d.pth": ("partial", ZIP, None, 1, 0),
    "candle/test.pt": ("partial", ZIP, None, 1, 0),
    "candle/test_with_key.pt": ("partial", ZIP, None, 1, 0),
    "captum/cifar_torchvision.pt": ("opened", LEGACY, "lenet-5", 10, 62006),
    "captum/titanic_model.pt": ("partial", LEGACY, None, 6, 278),
    "executorch/cifar_net.pth": ("opened", ZIP, "executorch-cifar-net", 8, 89578),
    "facenet-mtcnn/pnet.pt": ("partial", LEGACY, None, 13, 6632),
    "lenet-fyh620/lenet.onnx": ("opened", "ONNX, opset 11", "the graph in the file", 11, 44426),
    "lenet-fyh620/lenet.pth": ("opened", ZIP, "lenet-5-28", 10, 44426),
    "lenet-jordanhoare/lenet.pth": ("partial", ZIP, "chain", 10, 61706),
    "lpips/v0.0-alex.pth": ("partial", LEGACY, None, 5, 1152),
    "misc/0_png.pt": ("partial", ZIP, None, 1, 784),
    "misc/zero_bytes.pt": ("refused", "", None, 0, 0),
    "vdsr/model_epoch_50.pth": ("partial", LEGACY, "vdsr.Net", 20, 664704),
}


@pytest.fixture
def folder(shared_data):
    path = shared_data / "checkpoints"
    if not path.is_dir():
        pytest.skip("the public checkpoints are not there")
    return path


def test_every_file_has_an_expectation_and_every_expectation_a_file(folder):
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    there = {name for name in there if not name.endswith(".cnnviz.json")}  # what a person said of one of them
    assert there == EXPECTED.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_each_file_ends_as_its_nature_says(name, folder):
    found = open_checkpoint(folder / name)
    tensors = len(found.contents.entries) if found.contents is not None else 0
    assert (found.status, found.format, found.architecture, tensors, found.parameters) == EXPECTED[name]
    assert (found.module is not None) == (found.status == "opened")
    assert (found.contents is None) == (found.status == "refused")
    assert not found.trustable
    assert found.message.endswith(".")
    assert "\n" not in found.message
    # Only what is code asks for more than tensors.
    assert bool(found.refused) == (name == "vdsr/model_epoch_50.pth")
