"""``fmi``, and ``python -m fmi_mx``: one line and an exit code, from the first import on."""

import signal
import sys

INTERRUPTED = 130


def main():
    """Runs the command line. Returns the exit code, see ``cli.main``; 130 also where Ctrl-C came before there was a command."""
    try:
        from .cli import main

        code = main()
    except KeyboardInterrupt:
        print("fmi: interrupted", file=sys.stderr)
        code = INTERRUPTED
    if code == INTERRUPTED:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C would end in a traceback of what is ending
    return code


if __name__ == "__main__":
    sys.exit(main())
