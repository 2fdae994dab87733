"""Ctrl-C, or SIGTERM, ends a command with one KeyboardInterrupt, wherever it comes and however often."""

from __future__ import annotations

import signal
import sys
import threading
import time

PATIENCE = 3  # seconds after a Ctrl-C in which a further one is taken for the same


class Interrupts:
    """Handler of SIGINT and SIGTERM, and of exceptions that Python cannot pass on, where one was lost.

    A second Ctrl-C while the first is ending the command would be a traceback. One that comes while Python deletes an object
    is printed and forgotten; here it comes again as soon as that is done.
    """

    def __init__(self) -> None:
        self._last: float = -PATIENCE
        self._noting = False  # while a lost one is noted, in which another would be lost for good

    def listen(self) -> None:
        """Takes the place of Python's own handlers."""
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a shell lets it be ignored behind &
            signal.signal(signal.SIGINT, self._interrupt)
            sys.unraisablehook = self._unraisable
        signal.signal(signal.SIGTERM, self._interrupt)  # of a batch system, when a job's time is over

    def _interrupt(self, *_: object) -> None:
        if self._noting:
            self._once_more()
            return
        now = time.monotonic()
        if now - self._last >= PATIENCE:
            self._last = now
            raise KeyboardInterrupt

    def _unraisable(self, lost: sys.UnraisableHookArgs) -> None:
        if lost.exc_type is KeyboardInterrupt:
            self._noting, self._last = True, -PATIENCE
            self._once_more()
            self._noting = False
        else:
            sys.__unraisablehook__(lost)

    def _once_more(self) -> None:
        """Has it come again, but not at once, or it would come where it was lost."""
        again = signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT)
        threading.Timer(0.01, *again).start()
