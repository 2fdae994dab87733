"""``fmi``, and ``python -m fmi_mx``: one line and an exit code, from the first import on."""

from __future__ import annotations

import os
import signal
import sys

INTERRUPTED, FAILED = 130, 1


def main() -> int:
    """Runs the command line. Returns the exit code of ``cli.main``; 130 too where Ctrl-C came before it began."""
    try:
        from .interrupts import Interrupts

        Interrupts().listen()
        from .cli import main

        code = main()
    except KeyboardInterrupt:
        print("fmi: interrupted", file=sys.stderr)
        code = INTERRUPTED
    if code == INTERRUPTED:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # while Python ends, which lets go of every other handler
    if code == FAILED and "mxnet" in sys.modules:
        os._exit(code)  # all is written; MXNet's own end may wait for ever for what it had no memory to compute
    return code


if __name__ == "__main__":
    sys.exit(main())
