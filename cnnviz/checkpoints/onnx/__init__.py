"""ONNX files as live networks: read by the program itself, one submodule per node, nothing executed elsewhere."""
