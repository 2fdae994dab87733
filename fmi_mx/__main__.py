"""``fmi``, and ``python -m fmi_mx``: one line and an exit code, from the first import on."""

import signal
import sys

INTERRUPTED = 130


def main():
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
    return code


if __name__ == "__main__":
    sys.exit(main())
