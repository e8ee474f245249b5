"""Words that come out of a file, where Qt would otherwise take what looks like HTML for HTML.

A name such as ``<img src=…>`` would have it fetch that picture, which may be on another computer.
"""

from __future__ import annotations

import html


def plain_tip(text: str) -> str:
    """A tool tip that shows ``text`` letter by letter, whatever it says."""
    if "<" not in text and "&lt;" not in text:
        return text
    return f'<p style="white-space: pre-wrap">{html.escape(text)}</p>'
