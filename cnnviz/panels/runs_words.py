"""What is said of runs in the table."""

from __future__ import annotations

import math
from collections.abc import Sequence

from cnnviz.panels.runs import RunLine

_STANDINGS = {
    "waiting": "waiting",
    "training": "training",
    "interrupted": "interrupted",
    "stopped": "stopped",
    "finished": "done",
    "diverged": "diverged",
}
_TOKENS = {"training": "accent", "diverged": "error", "interrupted": "warning", "finished": "text"}


def standing_words(line: RunLine) -> str:
    """How it stands; of one that is not done, how far it came."""
    if line.trouble:
        return "not begun"
    word = _STANDINGS[line.standing]
    return f"{word} {line.progress * 100:.0f} %" if line.standing in ("training", "stopped", "interrupted") else word


def change_words(line: RunLine) -> str:
    """In what it differs from the run that it is beside, and what was changed on its way; or why it has not begun."""
    if line.trouble:
        return line.trouble
    later = f"later {', '.join(line.later)}" if line.later else ""
    return ", ".join(each for each in (line.change, later) if each)


def queue_words(count: int, goes: bool, lines: Sequence[RunLine], troubles: Sequence[str] = ()) -> str:
    """How many runs wait, and which one they wait for; then why others could not begin when it was their turn."""
    if not troubles:
        return _waiting_words(count, goes, lines)
    why = troubles[0] if troubles[0].endswith(".") else f"{troubles[0]}."
    many = "1 run could not begin" if len(troubles) == 1 else f"{len(troubles)} runs could not begin, the first of them"
    return f"{many}: {why} {_waiting_words(count, goes, lines) if count else ''}".strip()


def _waiting_words(count: int, goes: bool, lines: Sequence[RunLine]) -> str:
    runs = "1 run waits" if count == 1 else f"{count} runs wait"
    present = next((line for line in lines if line.standing == "training"), None)
    if not goes:
        return f"{runs} to be trained."
    if present is None:
        return f"{runs} and will be trained in turn."
    of = f" of “{present.label.comparison}”" if present.label.comparison else ""
    return f"“{present.name}”{of} is trained, {present.progress * 100:.0f} % done; {runs} for it."


def standing_token(line: RunLine) -> str:
    """Colour of those words in the theme."""
    return "warning" if line.trouble else _TOKENS.get(line.standing, "muted")


def share_words(share: float | None) -> str:
    return "" if share is None else f"{share * 100:.1f} %"


def loss_words(loss: float | None) -> str:
    if loss is None:
        return ""
    if math.isfinite(loss) and (loss >= 1000 or 0 < loss < 0.001):
        digits, _, power = f"{loss:.1e}".partition("e")
        return f"{digits}e{int(power)}".replace("-", "\N{MINUS SIGN}")
    return f"{loss:.3f}"


def epochs_words(line: RunLine) -> str:
    done, total = line.epochs
    return f"{done}" if done == total else f"{done} / {total}"


def seconds_words(seconds: float | None) -> str:
    """Rounded to what one wants to compare."""
    if seconds is None:
        return ""
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def count_words(count: int | None) -> str:
    return "" if count is None else f"{count:,}"


def all_words(line: RunLine) -> str:
    """All that the table says of a run, also what there is no room for."""
    settings = line.settings
    beside = f"a duplicate of “{line.beside}” with" if line.beside else "differs from the one above:"
    lines = [line.name, f"{beside} {line.change}" if line.change else "", standing_words(line), line.trouble]
    if line.later:
        lines.append(f"changed on its way: {', '.join(line.later)}")
    if line.label.comparison:
        lines.append(f"of the comparison “{line.label.comparison}”")
    figures = (
        ("test images named rightly", share_words(line.test_accuracy)),
        ("trained on, named rightly", share_words(line.train_accuracy)),
        ("test loss", loss_words(line.test_loss)),
        ("train loss", loss_words(line.train_loss)),
        ("epochs", epochs_words(line)),
        ("time of training", seconds_words(line.seconds)),
        ("weights", count_words(line.weights)),
        ("batch", f"{settings.batch_size:,}"),
        ("learning rate", f"{settings.learning_rate:g}"),
        ("seed", str(settings.seed)),
    )
    lines += [f"{name}: {value}" for name, value in figures if value]
    return "\n".join(each for each in lines if each)
