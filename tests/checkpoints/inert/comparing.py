"""Whether two tensors are the same in every bit."""

import torch


def same(found, expected):
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    assert found.stride() == expected.stride()
    assert found.is_conj() == expected.is_conj()
    assert found.is_neg() == expected.is_neg()
    # Bytes, so that NaN equals NaN and 0.0 does not equal -0.0.
    raw = [
        tensor.resolve_conj().resolve_neg().contiguous().reshape(-1).view(torch.uint8) for tensor in (found, expected)
    ]
    assert torch.equal(*raw)
