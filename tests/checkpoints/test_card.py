import json

import pytest
from pydantic import ValidationError

from cnnviz.checkpoints.card import CheckpointError, NetworkCard


def test_a_card_survives_the_metadata_of_a_file(card):
    metadata = card.to_metadata()
    assert all(isinstance(value, str) for pair in metadata.items() for value in pair)
    assert NetworkCard.from_metadata(metadata) == card
    assert json.loads(metadata["cnnviz_card"])["labels"] == ["none", "größer", "三"]


def test_a_card_cannot_be_changed(card):
    with pytest.raises(ValidationError):
        card.labels = ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": []}, "damaged in 'labels'"),
        ({"input_size": [2, 28]}, "damaged in 'input_size"),
        ({"input_size": [2, 28, 0]}, r"damaged in 'input_size\.2'"),
        ({"mean": [0.5]}, "2 channels need as many means"),
        ({"std": [0.5, 0]}, r"damaged in 'std\.1'"),
        ({"mean": [0.5, "much"]}, r"damaged in 'mean\.1'"),
        ({"test_accuracy": 99.2}, "damaged in 'test_accuracy'"),
        ({"colour": "red"}, "damaged in 'colour'"),
        ({"architecture": None}, "damaged in 'architecture'"),
    ],
)
def test_a_damaged_card_names_the_field(card, change, message):
    metadata = card.to_metadata()
    metadata["cnnviz_card"] = json.dumps(json.loads(metadata["cnnviz_card"]) | change)
    with pytest.raises(CheckpointError, match=message):
        NetworkCard.from_metadata(metadata)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, "not written by cnnviz"),
        ({"format": "pt"}, "not written by cnnviz"),
        ({"cnnviz_format": "2"}, "format version is '2', this program reads 1; install a newer cnnviz"),
        ({"cnnviz_format": "1"}, "description is missing"),
        ({"cnnviz_format": "1", "cnnviz_card": "{"}, "description is damaged"),
        ({"cnnviz_format": "1", "cnnviz_card": '{"labels": NaN}'}, "description is damaged"),
    ],
)
def test_metadata_that_is_not_a_card_is_refused(metadata, message):
    with pytest.raises(CheckpointError, match=message):
        NetworkCard.from_metadata(metadata)
