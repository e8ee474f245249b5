"""Small networks whose weights are in many repositories: those of PyTorch's tutorials and of ExecuTorch's examples."""

from collections import OrderedDict

from torch import nn


class LeNet5(nn.Sequential):
    """Two 5×5 convolutions with ReLU and 2×2 max pooling, three linear layers.

    The network of PyTorch's tutorials ("Neural Networks", "Training a Classifier"), whose layer names these are, after
    LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to Document Recognition", 1998.

    Parameters
    ----------
    image_size
        Rows and columns of the images: 32 as in the tutorials and the paper, or 28 as MNIST comes.
    padding
        Of the first convolution; 2 makes images of 28 pixels as good as those of 32.
    """

    def __init__(self, channels: int = 1, classes: int = 10, image_size: int = 32, padding: int = 0) -> None:
        side = ((image_size + 2 * padding - 4) // 2 - 4) // 2
        super().__init__(
            OrderedDict(
                conv1=nn.Conv2d(channels, 6, kernel_size=5, padding=padding),
                relu1=nn.ReLU(),
                pool1=nn.MaxPool2d(2),
                conv2=nn.Conv2d(6, 16, kernel_size=5),
                relu2=nn.ReLU(),
                pool2=nn.MaxPool2d(2),
                flatten=nn.Flatten(),
                fc1=nn.Linear(16 * side * side, 120),
                relu3=nn.ReLU(),
                fc2=nn.Linear(120, 84),
                relu4=nn.ReLU(),
                fc3=nn.Linear(84, classes),
            )
        )


class MnistExample(nn.Sequential):
    """Two 3×3 convolutions, one max pooling, two linear layers: the network of ``pytorch/examples/mnist``."""

    def __init__(self, channels: int = 1, classes: int = 10) -> None:
        super().__init__(
            OrderedDict(
                conv1=nn.Conv2d(channels, 32, kernel_size=3),
                relu1=nn.ReLU(),
                conv2=nn.Conv2d(32, 64, kernel_size=3),
                relu2=nn.ReLU(),
                pool=nn.MaxPool2d(2),
                dropout1=nn.Dropout(0.25),
                flatten=nn.Flatten(),
                fc1=nn.Linear(64 * 12 * 12, 128),
                relu3=nn.ReLU(),
                dropout2=nn.Dropout(0.5),
                fc2=nn.Linear(128, classes),
            )
        )


class ExecuTorchCifarNet(nn.Sequential):
    """Three 5×5 convolutions with pooling and one linear layer, with no activation function between them.

    The network of ExecuTorch's example ``cifar_net``. Its last pooling has a window of one pixel: it leaves out every
    second row and column. The softmax at its end is left out here: the output is logits.
    """

    def __init__(self, channels: int = 3, classes: int = 10) -> None:
        super().__init__(
            OrderedDict(
                conv1=nn.Conv2d(channels, 32, kernel_size=5, padding=2),
                pool1=nn.MaxPool2d(2),
                conv2=nn.Conv2d(32, 32, kernel_size=5, padding=2),
                pool2=nn.MaxPool2d(2),
                conv3=nn.Conv2d(32, 64, kernel_size=5, padding=2),
                pool3=nn.MaxPool2d(kernel_size=1, stride=2),
                flatten=nn.Flatten(),
                fc=nn.Linear(1024, classes),
            )
        )
