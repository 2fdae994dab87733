import signal
import subprocess
import sys

import pytest

from fmi_mx import interrupts
from fmi_mx.interrupts import Interrupts

START = "import os, signal, sys, time\nfrom fmi_mx.interrupts import Interrupts\nInterrupts().listen()\n"


def run(program):
    found = subprocess.run([sys.executable, "-c", START + program], capture_output=True, encoding="utf-8", timeout=60)
    return found.stdout, found.stderr


@pytest.mark.parametrize("first", ["SIGINT", "SIGTERM"])
def test_further_ones_while_the_first_is_ending_the_program_are_the_same(first):
    program = f"""
try:
    os.kill(os.getpid(), signal.{first})
    time.sleep(10)
except KeyboardInterrupt:
    for _ in range(5):
        os.kill(os.getpid(), signal.SIGINT)
    print("ended once")
"""
    assert run(program) == ("ended once\n", "")


def test_one_that_comes_while_an_object_is_deleted_is_not_lost():
    program = """
class Thing:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000):
            pass
try:
    thing = Thing()
    del thing
    time.sleep(10)
    print("lost")
except KeyboardInterrupt:
    print("came")
"""
    assert run(program) == ("came\n", "")


def test_another_exception_that_is_lost_is_still_printed():
    program = "class Thing:\n    def __del__(self): 1 / 0\nthing = Thing()\ndel thing\n"
    assert "ZeroDivisionError" in run(program)[1]


def test_a_later_one_counts_again(monkeypatch):
    """Where the first was swallowed on its way."""
    times = iter([100.0, 100.0 + interrupts.PATIENCE - 1, 100.0 + interrupts.PATIENCE])
    monkeypatch.setattr(interrupts.time, "monotonic", lambda: next(times))
    handler, raised = Interrupts(), []
    for _ in range(3):
        try:
            handler._interrupt(signal.SIGINT, None)
            raised.append(False)
        except KeyboardInterrupt:
            raised.append(True)
    assert raised == [True, False, True]


def test_what_a_shell_runs_in_the_background_still_ignores_it():
    program = f"import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n{START}os.kill(os.getpid(), signal.SIGINT)\n"
    done = subprocess.run(
        [sys.executable, "-c", program + "print('goes on')"], capture_output=True, encoding="utf-8", timeout=60
    )
    assert (done.stdout, done.stderr) == ("goes on\n", "")


def test_one_that_comes_while_another_that_was_lost_is_noted_comes_later(monkeypatch):
    """As on a busy machine, where ten milliseconds pass before the note is made."""
    handler, again = Interrupts(), []

    def once_more():
        again.append(handler._noting)
        if len(again) == 1:
            handler._interrupt(signal.SIGINT, None)  # raises nothing

    monkeypatch.setattr(handler, "_once_more", once_more)
    lost = type("Lost", (), {"exc_type": KeyboardInterrupt})
    handler._unraisable(lost)
    assert again == [True, True]
    with pytest.raises(KeyboardInterrupt):
        handler._interrupt(signal.SIGINT, None)
