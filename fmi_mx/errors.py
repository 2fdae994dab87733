"""The exceptions that a user meets: the input is wrong, or cells failed; and how a message shows what the user gave."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable

SHOWN = 100  # characters of what the user gave that a message shows
PATH = 300  # of a path or an address, which is of use only whole
_KNOWN = 500  # words that one is compared with
_BITS = 2000  # of a whole number that is written out; Python takes a second for a million, and refuses some


class InputError(ValueError):
    """What the user gave cannot be used. The message is one line: what was given, what is allowed, what to do.

    The command line prints it as ``fmi: error: ...`` and exits with 2.
    """


class CellsFailed(Exception):
    """Cells could not be computed, and what was asked for needs them. The message is one line that names them.

    The command line prints it and exits with 1.
    """


def nearest(word: object, known: Iterable[str]) -> str:
    """Returns `` (did you mean 'x'?)`` for the entry of known that is nearest to word, or an empty string; for a word of
    more characters than are shown, too."""
    if not isinstance(word, str) or len(word) > SHOWN:
        return ""
    comparable = [one for one in list(known)[:_KNOWN] if len(one) <= SHOWN]
    close = difflib.get_close_matches(word, comparable, n=1)
    return f" (did you mean {shown(close[0])}?)" if close else ""


def shown(value: object) -> str:
    """What the user gave as a message shows it, as Python writes it and not longer than a line: a text, number, list or dict
    of any size and depth, of which no more is written than is shown."""
    return as_line(_WRITER.repr(value), SHOWN)


def as_line(text: str, most: int = PATH) -> str:
    """Somebody else's text (a path, what a library or a server said) as a part of a message: in at most so many characters,
    and those that do not print, a line break too, as Python escapes them."""
    start = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text[: most + 1])
    return start if len(start) <= most else f"{start[: most - 3]}..."


class _Writer(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother, self.maxlong = 3, SHOWN, SHOWN, _BITS
        for kind in ("list", "tuple", "set", "frozenset", "dict", "deque", "array"):
            setattr(self, f"max{kind}", 20)

    def repr_int(self, value: int, level: int) -> str:
        if value.bit_length() > _BITS:
            return f"a number of about {round(value.bit_length() * 0.30103)} digits"
        return super().repr_int(value, level)


_WRITER = _Writer()
