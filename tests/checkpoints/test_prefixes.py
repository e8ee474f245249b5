import pytest

from cnnviz.checkpoints.prefixes import networks_in

from .hand_made import shaped

WEIGHT = (2, 2)


def split(*names):
    return {
        network.select: (network.removed, tuple(network.entries))
        for network in networks_in(shaped(dict.fromkeys(names, WEIGHT)))
    }


@pytest.mark.parametrize(
    ("names", "select", "removed"),
    [
        (["fc.weight", "fc.bias"], "", ()),
        (["module.fc.weight", "module.fc.bias"], "module", ("module.",)),
        (["_orig_mod.module.fc.weight", "_orig_mod.module.fc.bias"], "", ("_orig_mod.", "module.")),
        (["state_dict.model.fc.weight", "state_dict.model.fc.bias"], "state_dict.model", ("state_dict.", "model.")),
        (
            ["model_state_dict.fc.weight", "model_state_dict.fc.bias", "loss"],
            "model_state_dict",
            ("model_state_dict.",),
        ),
        (["net.fc.weight", "net.fc.bias", "epoch"], "net", ("net.",)),
    ],
)
def test_containers_and_wrappers_are_taken_off_and_told(names, select, removed):
    assert split(*names) == {select: (removed, ("fc.weight", "fc.bias"))}


def test_what_training_alone_needs_is_left_out():
    names = ("model.fc.weight", "optimizer.state.0.exp_avg", "lr_scheduler.base_lrs", "scaler.scale")
    assert split(*names) == {"model": (("model.",), ("fc.weight",))}
    assert split("optimizer.state.0.exp_avg") == {}


def test_parts_that_are_called_like_containers_stay():
    assert split("net.0.weight", "head.weight") == {"": ((), ("net.0.weight", "head.weight"))}
    assert split("encoder.weight", "decoder.weight") == {"": ((), ("encoder.weight", "decoder.weight"))}


@pytest.mark.parametrize(
    ("names", "selects"),
    [
        (("params.fc.weight", "params_ema.fc.weight"), ["params", "params_ema"]),
        (("netG.fc.weight", "netD.fc.weight", "epoch"), ["netG", "netD"]),
        (("state_dict.generator.fc.weight", "state_dict.discriminator.fc.weight"), None),
    ],
)
def test_several_networks_are_told_apart(names, selects):
    found = split(*names)
    assert list(found) == (selects or ["state_dict.generator", "state_dict.discriminator"])
    assert all(entries == ("fc.weight",) for _, entries in found.values())


def test_tensors_come_in_the_order_of_the_file_but_for_sorted_ones():
    names = ["conv2.weight", "bn10.weight", "bn9.weight"]
    contents = shaped(dict.fromkeys(names, WEIGHT))
    (network,) = networks_in(contents)
    assert list(network.entries) == names
    contents = type(contents)(contents.path, "safetensors", contents.entries[::-1], contents.load)
    (network,) = networks_in(contents)
    assert list(network.entries) == names[::-1]
