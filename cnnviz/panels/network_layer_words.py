"""What each kind of layer does, in a sentence for the tool tip."""

from __future__ import annotations

_WORDS = {
    "Input": "The image as the network gets it, before mean and standard deviation are applied.",
    "Conv2d": "Each map is the sum, over all maps before, of a small kernel slid over them, plus a bias.",
    "ConvTranspose2d": "The transpose of a convolution: each value paints a kernel onto a larger map.",
    "ReLU": "Keeps positive values, turns negative ones to zero.",
    "LeakyReLU": "Keeps positive values, shrinks negative ones.",
    "ELU": "Keeps positive values, bends negative ones towards a constant.",
    "GELU": "Keeps large positive values and fades smoothly to zero below.",
    "SiLU": "The value times its own sigmoid: a smooth ReLU.",
    "Sigmoid": "Squeezes every value into 0 … 1.",
    "Tanh": "Squeezes every value into −1 … 1.",
    "MaxPool2d": "Keeps the largest value of each window: small shifts change little, the map shrinks.",
    "AvgPool2d": "Keeps the mean of each window.",
    "LPPool2d": "The root of the squares of each window, summed or averaged.",
    "WeightedPool2d": "The mean of each window, in which cells count less the farther they are from its centre.",
    "BlurPool2d": "Pools at every place, blurs, and keeps every second cell or so: shifts change less than without.",
    "StridedPool2d": "One cell of each window, or a weighted sum: a strided convolution in the place of pooling.",
    "AdaptiveAvgPool2d": "Averages windows so that the output has a fixed size, whatever the input's.",
    "AdaptiveMaxPool2d": "Keeps the largest values of windows so that the output has a fixed size.",
    "BatchNorm2d": "Shifts and scales each channel to the mean and variance seen in training, then by learned factors.",
    "GroupNorm": "Brings groups of channels to zero mean and unit variance.",
    "LayerNorm": "Brings each sample to zero mean and unit variance.",
    "InstanceNorm2d": "Brings each map of each image to zero mean and unit variance.",
    "Flatten": "Lays all values of the maps side by side, as one vector.",
    "Linear": "Each output is a weighted sum of all inputs, plus a bias.",
    "Dropout": "In training it silences random values; here it lets everything through.",
    "Add": "Adds two branches value by value: the shortcut of a residual block.",
    "Concat": "Puts the maps of several branches one after the other.",
    "Softmax": "Turns values into probabilities that sum to 1.",
    "Upsample": "Enlarges the maps by interpolation.",
}


def explain(kind: str) -> str:
    """A sentence about layers of this kind; says so where the program has none."""
    return _WORDS.get(kind, f"An operation of the kind {kind}.")
