"""How each kind of layer passes the error signal back, in a sentence."""

from __future__ import annotations

_WORDS = {
    "Conv2d": "back to each cell goes the sum of weight × δ over all kernels that read it: a transposed convolution",
    "ConvTranspose2d": "back to each cell goes the sum of weight × δ over all that it painted: a convolution",
    "Linear": "back goes the transposed matrix times δ",
    "ReLU": "δ passes where the unit is on, and ends where it is off",
    "ReLU6": "δ passes where the unit is between 0 and 6, and ends elsewhere",
    "LeakyReLU": "δ passes where the unit is on, and shrinks where it is off",
    "Hardswish": "δ passes where the unit is on, fades around zero, and ends below −3",
    "Sigmoid": "δ times p(1 − p): little passes where the unit is near 0 or 1",
    "Tanh": "δ times 1 − y²: little passes where the unit is near −1 or 1",
    "MaxPool2d": "δ goes to the largest cell of each window alone",
    "AdaptiveMaxPool2d": "δ goes to the largest cell of each window alone",
    "AvgPool2d": "each cell of a window gets an equal share of δ",
    "AdaptiveAvgPool2d": "each cell of a window gets an equal share of δ",
    "BatchNorm2d": "δ times one factor a channel, since the network is in evaluation mode",
    "Add": "both branches get the same δ: along the shortcut it goes back undamped",
    "Concat": "each branch gets its own part of δ",
    "Multiply": "each factor gets δ times the other one",
    "Flatten": "δ is laid out as maps again",
    "Input": "this is where the signal ends: how the loss would change with each pixel",
    "Dropout": "in evaluation mode δ passes unchanged",
    "Identity": "δ passes unchanged",
    "Softmax": "δ is spread over the classes, since their probabilities sum to 1",
    "LogSoftmax": "p − y goes back where the loss is the cross-entropy",
    "Upsample": "each cell gets the sum of δ over all that was made of it",
}


def way_back(kind: str) -> str:
    """What a layer of this kind does to the signal; empty where there is nothing special to say."""
    return _WORDS.get(kind, "")
