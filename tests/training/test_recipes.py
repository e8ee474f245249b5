"""What is trained without any setting comes to something."""

import pytest

from cnnviz.data.samples import samples
from cnnviz.training.recipes import recipe
from cnnviz.training.settings import checked_settings
from cnnviz.training.start import prepare
from cnnviz.training.trainer import Trainer


def trained(architecture, dataset, data_dir=""):
    settings = checked_settings({**recipe(architecture, dataset, fast=True), "data_dir": str(data_dir)})
    settings = settings.changed({"network": {"name": architecture}, "dataset": dataset, "device": "cpu"})
    prepared = prepare(settings)
    trainer = Trainer(prepared.module, prepared.data, settings)
    while not trainer.over:
        trainer.advance()
    return trainer


@pytest.mark.slow
def test_the_short_way_on_mnist(shared_data):
    trainer = trained("lenet", "mnist", shared_data)
    assert trainer.history[-1].test_accuracy > 0.985
    assert trainer.step * trainer.settings.batch_size < 60_000


@pytest.mark.slow
def test_the_short_way_on_what_is_on_board():
    assert trained("lenet", "digits").history[-1].test_accuracy > 0.97
    assert trained("lenet", "shapes").history[-1].test_accuracy > 0.92


@pytest.mark.slow
def test_digits_on_board_teach_to_read_what_is_drawn(tmp_path):
    """Most of the program's own drawings, which another hand made on a larger canvas."""
    import torch

    from cnnviz.data.image_store import ImageStore
    from cnnviz.data.pipeline import InputPipeline
    from cnnviz.scene import actions
    from cnnviz.scene.document import Document
    from cnnviz.training.preparation import to_network_input

    trainer = trained("lenet", "digits")
    module, pipeline = trainer.module.eval(), InputPipeline(ImageStore(tmp_path))
    right = 0
    drawings = [sample for sample in samples() if sample.kind == "drawing"]
    for sample in drawings:
        document = Document(actions.first_scene())
        actions.use_sample(document, sample.name)
        image = torch.tensor(pipeline.render(document.scene.input, 1, 28, 28).edited)
        right += int(module(to_network_input(image[None], trainer.card)).argmax()) == int(sample.title[0])
    assert right >= 0.85 * len(drawings)
