"""Keras files (``.h5``, ``.keras``) as live networks: read with h5py alone, without TensorFlow and without Keras."""
