"""The one exception that means: the input is wrong, not the program."""

import difflib


class InputError(ValueError):
    """What the user gave cannot be used. The message is one line: what was given, what is allowed, what to do.

    The command line prints it as ``fmi: error: ...`` and exits with 2.
    """


def nearest(word, known):
    """Returns `` (did you mean 'x'?)`` for the entry of known (strings) that is nearest to word, or an empty string."""
    close = difflib.get_close_matches(str(word), [str(k) for k in known], n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
