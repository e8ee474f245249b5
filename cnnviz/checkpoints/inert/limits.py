"""How much of anything a file may ask for; far above what real checkpoints hold, far below what hurts."""

STEPS = 2_000_000
"""Opcodes of all pickles of one file."""
CONTAINERS = 800_000
"""Lists, tuples, dictionaries and calls that its pickles may make, at some 100 bytes each."""
MEMO = 1_000_000
OPEN_MARKS = 4_000
STACK = 1_500_000
TEXT = 96 << 20
"""Bytes of text that its pickles may hold in memory."""
INTEGER_BYTES = 64
DIGITS = 160
"""Characters of an integer written in decimal."""
SIZE = 1 << 62
"""Every shape, stride, offset and count stays below it, and so does every product that is made of them."""
RANK = 64
TENSORS = 60_000
VALUES = 200_000
"""Values on all paths through the nesting; what is shared is counted on each path, or sharing would be a bomb."""
DEPTH = 200
NAME = 1_000
"""Characters of a tensor's name, its whole path."""
METADATA_TEXT = 1 << 20
METADATA_TOTAL = 8 << 20
INLINE = 16 << 20
"""Bytes of arrays that lie scattered in the file and so travel in the plan."""
MEMBERS = 300_000
"""Members of an archive."""
INFLATED = 128 << 20
"""Bytes to which the pickles and texts of an archive may grow when inflated."""
HEADER = 64 << 20
"""Bytes of the header of a safetensors file."""
SCANNED = 16 << 20
"""Bytes of a file that no format accounts for and that are searched for names."""
SCANNED_STEPS = 300_000
SCANNED_LINES = 500_000
ANSWER = 96 << 20
"""Bytes of the plan that is sent back."""
NAMES = 1_000
"""Names that are reported; the rest is counted."""
