"""Every operator of ONNX that the program computes, by name, with what makes a module of a node."""

from cnnviz.checkpoints.onnx.operators.arithmetic import MAKERS as ARITHMETIC
from cnnviz.checkpoints.onnx.operators.call import Maker
from cnnviz.checkpoints.onnx.operators.elementwise import MAKERS as ELEMENTWISE
from cnnviz.checkpoints.onnx.operators.indexing import MAKERS as INDEXING
from cnnviz.checkpoints.onnx.operators.layers import MAKERS as LAYERS
from cnnviz.checkpoints.onnx.operators.pooling import MAKERS as POOLING
from cnnviz.checkpoints.onnx.operators.resize import MAKERS as RESIZE
from cnnviz.checkpoints.onnx.operators.shapes import MAKERS as SHAPES

OPERATORS: dict[str, Maker] = {
    **ARITHMETIC,
    **ELEMENTWISE,
    **INDEXING,
    **LAYERS,
    **POOLING,
    **RESIZE,
    **SHAPES,
}
