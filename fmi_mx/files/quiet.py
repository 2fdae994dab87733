"""What C libraries write to stderr, which no Python stream sees: kept from the terminal, and read."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

_SAID = 65536  # bytes that a pipe holds; what is written beyond them is lost
_ONE_AT_A_TIME = threading.Lock()  # file descriptor 2 is the process's only one


@contextlib.contextmanager
def captured() -> Iterator[bytearray]:
    """A block in which nothing that is written to file descriptor 2 gets to the terminal.

    What it yields has what was written when the block has ended.
    """
    said = bytearray()
    with _ONE_AT_A_TIME:
        kept = _stderr()
        out, into = os.pipe()
        os.set_blocking(into, False)  # a library that says more than the pipe holds is not to wait for ever
        os.set_blocking(out, False)
        os.dup2(into, 2)
        os.close(into)
        try:
            yield said
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            with contextlib.suppress(BlockingIOError):  # where a child of another thread's still holds the pipe
                said += os.read(out, _SAID)
            os.close(out)


def _stderr() -> int:
    """A copy of file descriptor 2. Where it is closed it is opened first, or the next file would have its number."""
    try:
        return os.dup(2)
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        return os.dup(2)
