"""Every operator of ONNX that the program computes, by name, with what makes a module of a node."""

from cnnviz.checkpoints.onnx.operators import arithmetic, elementwise, indexing, layers, pooling, resize, shapes
from cnnviz.checkpoints.onnx.operators.call import Maker

OPERATORS: dict[str, Maker] = {
    **arithmetic.MAKERS,
    **elementwise.MAKERS,
    **indexing.MAKERS,
    **layers.MAKERS,
    **pooling.MAKERS,
    **resize.MAKERS,
    **shapes.MAKERS,
}
