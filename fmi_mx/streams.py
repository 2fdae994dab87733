"""stdout and stderr that end no command: closed, full, gone, or in an encoding that lacks a letter."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, TextIO, cast


@contextlib.contextmanager
def sturdy() -> Iterator[None]:
    """A block in which stdout and stderr can be written whatever they are.

    Where the reader has gone (``| head``), what is said goes nowhere from then on, and the command does its work all the
    same; so it is with a stderr that cannot be written for any reason. A stdout that cannot, because its disk is full, is an
    OSError: what was asked for is not there. Letters that the encoding lacks are written as escapes.
    """
    _open_standard_files()
    with contextlib.ExitStack() as stack:
        out, err = _Sturdy(sys.stdout, BrokenPipeError), _Sturdy(sys.stderr, OSError)
        stack.enter_context(contextlib.redirect_stdout(cast(TextIO, out)))
        stack.enter_context(contextlib.redirect_stderr(cast(TextIO, err)))
        yield
        out.flush()


class _Sturdy:
    """A text stream that forgives some errors. stream: what is written to, or None for nothing."""

    def __init__(self, stream: TextIO | None, forgiven: type[OSError]) -> None:
        self._stream: TextIO = stream or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (as long as the process)
        self._forgiven = forgiven

    def write(self, text: str) -> int:
        """Writes text."""
        encoding = self._stream.encoding or "utf-8"
        self._try(self._stream.write, text.encode(encoding, "backslashreplace").decode(encoding))
        return len(text)

    def flush(self) -> None:
        """Writes what is still in the buffer."""
        self._try(self._stream.flush)

    def _try(self, call: Callable[..., object], *arguments: object) -> None:
        try:
            call(*arguments)
        except OSError as error:
            _leave_to_nowhere(self._stream)
            if not isinstance(error, self._forgiven):
                raise OSError(error.errno, error.strerror, "what the command says cannot be written:") from error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _leave_to_nowhere(stream: TextIO) -> None:
    """Lets a stream that failed lead nowhere: Python writes what is left in its buffer once more when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _open_standard_files() -> None:
    """Opens what of 0, 1 and 2 was closed, or the next file opened would have its number, and libraries write into that."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
