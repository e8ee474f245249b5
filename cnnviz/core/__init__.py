"""Mathematics on tensors: pure functions; no Qt, no files, no threads."""
