"""How numbers are written on screen."""

from __future__ import annotations

import math

MINUS = "\N{MINUS SIGN}"
FIGURE_SPACE = "\N{FIGURE SPACE}"


def format_number(value: float, digits: int = 3, *, sign: bool = False, width: int = 0) -> str:
    """A number with a real minus sign and ``digits`` decimals, such as ``−1.866``.

    From 100,000 up, and where all decimals would be zero, the exponent is written, as a multiple of three
    (``12.3e6``, ``−40.0e−6``). Not-a-number is ``NaN``, infinity ``∞``. ``sign`` writes ``+`` as well; ``width`` fills
    up from the left with spaces as wide as a figure, so that columns stay still while the numbers run.
    """
    return _text(float(value), digits, sign).rjust(width, FIGURE_SPACE)


def _text(value: float, digits: int, sign: bool) -> str:
    if math.isnan(value):
        return "NaN"
    prefix = MINUS if value < 0 else "+" if sign and value > 0 else ""
    size = abs(value)
    if math.isinf(size):
        return f"{prefix}∞"
    if size < 1e-99:
        return f"{0:.{digits}f}"
    if size < 1e5 and round(size, digits) > 0:
        return f"{prefix}{size:.{digits}f}"
    if digits == 0 and size < 0.5:
        return "0"
    exponent = 3 * math.floor(math.log10(size) / 3)
    mantissa = size / 10.0**exponent
    if round(mantissa, 1) >= 1000:
        mantissa, exponent = mantissa / 1000, exponent + 3
    power = "" if exponent == 0 else f"e{exponent}".replace("-", MINUS)
    return f"{prefix}{mantissa:.1f}{power}"


def format_fixed(value: float, digits: int) -> str:
    """A number with ``digits`` decimals and never an exponent, for cells whose neighbours share its magnitude."""
    text = f"{value:.{digits}f}" if math.isfinite(value) else format_number(value)
    return text.lstrip("-") if not text.strip("-0.") else text.replace("-", MINUS)


def shared_digits(size: float) -> int | None:
    """Decimals with which numbers up to ``size`` show three figures; ``None`` where they need exponents."""
    if size == 0:
        return 1
    if not 1e-4 <= size < 1e5:
        return None
    return min(max(2 - math.floor(math.log10(size)), 0), 6)


def format_count(value: int) -> str:
    """A whole number with its thousands apart, such as ``114,314``."""
    return f"{value:,}".replace("-", MINUS)


def format_percent(share: float, digits: int = 2) -> str:
    """A share of one as a percentage with its unit, such as ``99.99 %``."""
    if not math.isfinite(share):
        return "NaN %" if math.isnan(share) else f"{_text(share, 0, False)} %"
    return f"{_text(share * 100, digits, False) if share * 100 >= 0.5 * 10**-digits else f'{0:.{digits}f}'} %"


def parse_number(text: str) -> float | None:
    """The number a person typed, with a unit, a decimal comma or a real minus sign if they like; ``None`` if none."""
    cleaned = text.strip().replace(MINUS, "-").replace(",", ".").rstrip("%°×").split()
    if not cleaned:
        return None
    try:
        value = float(cleaned[0].rstrip("%°×px"))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
