"""The one exception that means: the input is wrong, not the program."""

import difflib
import reprlib

SHOWN = 100  # characters of what the user gave that a message shows


class InputError(ValueError):
    """What the user gave cannot be used. The message is one line: what was given, what is allowed, what to do.

    The command line prints it as ``fmi: error: ...`` and exits with 2.
    """


def nearest(word, known):
    """Returns `` (did you mean 'x'?)`` for the entry of known (strings) that is nearest to word, or an empty string."""
    close = difflib.get_close_matches(str(word), [str(k) for k in known], n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def shown(value):
    """What the user gave as a message shows it, as Python writes it and not longer than a line: a text, number, list or dict
    of any size and depth, of which no more is written than is shown."""
    writer = reprlib.Repr()
    writer.maxlevel, writer.maxstring, writer.maxother, writer.maxlong = 3, SHOWN, SHOWN, SHOWN
    for kind in ("list", "tuple", "set", "frozenset", "dict", "deque", "array"):
        setattr(writer, f"max{kind}", 20)
    try:
        text = writer.repr(value)
    except ValueError:  # Python writes no whole number of more than 4300 digits
        return "a number too long to write"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
