import math

import pytest

from cnnviz.training.augmentation import AUGMENTATIONS
from cnnviz.training.choices import AUGMENTATION_NAMES
from cnnviz.training.settings import SettingsError, TrainingSettings, checked_settings


def test_settings_survive_json():
    settings = checked_settings(
        {"network": {"name": "lenet", "config": {"widths": [4, 8]}}, "augmentations": ["flip"], "dropout": 0.5}
    )
    assert TrainingSettings.model_validate_json(settings.model_dump_json()) == settings
    assert settings.changed({"epochs": 3}).epochs == 3
    assert settings.epochs == 10


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"learning_rate": 0}, "The learning rate is 0; it must be above 0."),
        ({"learning_rate": -0.1}, "The learning rate is -0.1; it must be above 0."),
        ({"learning_rate": math.nan}, "The learning rate is nan"),
        ({"epochs": 0}, "The epochs is 0; it must be 1 or more."),
        ({"batch_size": -4}, "The batch size is -4; it must be 1 or more."),
        ({"label_smoothing": 1}, "The label smoothing is 1; it must be below 1."),
        ({"dropout": 1.0}, "The dropout is 1.0; it must be below 1."),
        ({"optimizer": "lion"}, "The optimizer is 'lion'; it must be one of 'sgd', 'momentum'"),
        ({"augmentations": ["flip", "flip"]}, "an augmentation is named twice"),
        ({"network": {"name": ""}}, "The name of network is ''"),
        ({"colour": "red"}, "There is no setting 'colour'."),
    ],
)
def test_what_cannot_be_is_one_sentence(values, message):
    with pytest.raises(SettingsError) as caught:
        checked_settings(values)
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_every_augmentation_can_be_switched_on_by_its_name():
    assert set(AUGMENTATION_NAMES) == set(AUGMENTATIONS)
