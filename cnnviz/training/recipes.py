"""How networks are trained unless the person says otherwise: settings by name, without what would check them."""

from collections.abc import Mapping
from types import MappingProxyType

DEFAULT_RECIPES: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "lenet": MappingProxyType(
            {
                "epochs": 36,
                "batch_size": 128,
                "learning_rate": 3e-3,
                "optimizer": "adamw",
                "weight_decay": 0.01,
                "augmentations": ("affine", "thickness", "brightness"),
            }
        ),
        "cifar-net": MappingProxyType(
            {
                "epochs": 14,
                "batch_size": 128,
                "learning_rate": 0.2,
                "optimizer": "nesterov",
                "weight_decay": 5e-4,
                "label_smoothing": 0.1,
                "augmentations": ("flip", "crop"),
            }
        ),
        "tiny-vgg": MappingProxyType(
            {
                "epochs": 30,
                "batch_size": 64,
                "learning_rate": 5e-3,
                "optimizer": "adamw",
                "weight_decay": 0.05,
                "augmentations": ("flip", "crop"),
            }
        ),
    }
)
"""By architecture, those that made the networks that ship; one cycle of the learning rate in each."""

OTHER_RECIPE: Mapping[str, object] = MappingProxyType(
    {"epochs": 10, "batch_size": 64, "learning_rate": 1e-3, "optimizer": "adamw", "weight_decay": 0.01}
)
"""Of every other architecture."""

FAST_RECIPES: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "lenet": MappingProxyType(
            {"epochs": 1, "batch_size": 64, "learning_rate": 4e-3, "optimizer": "adamw", "weight_decay": 0.01}
        ),
        "cifar-net": MappingProxyType(
            {"epochs": 5, "batch_size": 128, "learning_rate": 0.1, "optimizer": "nesterov", "weight_decay": 5e-4}
        ),
        "layer-table": MappingProxyType(
            {"epochs": 5, "batch_size": 64, "learning_rate": 4e-3, "optimizer": "adamw", "weight_decay": 0.01}
        ),
        "tiny-vgg": MappingProxyType(
            {"epochs": 5, "batch_size": 64, "learning_rate": 4e-3, "optimizer": "adamw", "weight_decay": 0.01}
        ),
    }
)
"""By architecture, for the one who watches: the shortest way to a network that is nearly as good; no augmentation."""

FAST_PAIRS: Mapping[tuple[str, str], Mapping[str, object]] = MappingProxyType(
    {
        ("lenet", "mnist"): MappingProxyType({"steps": 700, "learning_rate": 6e-3}),
        ("lenet", "shapes"): MappingProxyType({"epochs": 12, "learning_rate": 2e-3}),
    }
)
"""By architecture and data set, what differs: 98.8 % of MNIST's test images are named rightly, 96 % of the shapes."""

SMALL_DATA: Mapping[str, object] = MappingProxyType({"epochs": 20, "augmentations": ("affine",)})
"""Of ``digits``, whose 1,438 images make an epoch that is over at once.

They fill their 8×8 pixels; moved, turned and made smaller at random, they teach a network to read what is drawn.
"""


STEPS_ON_A_FOLDER = 400
"""About so many, however many images there are."""
_FOLDER_EPOCHS = (5, 60)
_FOLDER_BATCHES = (64, 32, 16, 8)
_LEAST_STEPS = 8
"""In an epoch, where batches that are small enough allow it."""


def folder_recipe(images: int) -> dict[str, object]:
    """What fits a folder of so many images to train on: small batches of few, and epochs enough to learn them."""
    batch = next((size for size in _FOLDER_BATCHES if images >= _LEAST_STEPS * size), _FOLDER_BATCHES[-1])
    steps = max(images // batch, 1)
    least, most = _FOLDER_EPOCHS
    return {"batch_size": batch, "epochs": min(max(-(-STEPS_ON_A_FOLDER // steps), least), most)}


def recipe(architecture: str, dataset: str, *, fast: bool = False) -> dict[str, object]:
    """Settings for training ``architecture`` on ``dataset``, as ``cnnviz.training.settings`` names them."""
    recipes = FAST_RECIPES if fast else DEFAULT_RECIPES
    chosen = dict(recipes.get(architecture, OTHER_RECIPE))
    if fast and dataset == "digits":
        chosen |= SMALL_DATA
    if fast and dataset.startswith("folder:"):
        chosen["epochs"] = SMALL_DATA["epochs"]
    if fast:
        chosen |= FAST_PAIRS.get((architecture, dataset), {})
    return chosen
