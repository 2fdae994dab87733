import io

import pytest

from fmi_mx import cells, load_experiment
from fmi_mx.runs import progress as module
from fmi_mx.runs.progress import Progress

RECORD = {"passes": 3, "loss_first": 9.0, "loss_last": 1.5, "seconds": 2.25}


class Terminal(io.StringIO):
    def isatty(self):
        return True


def some_cells(fig3, filters="0-1"):
    return cells(load_experiment(fig3, images="golden_gate", layers="relu1_2", filters=filters))


def test_elsewhere_one_line_a_cell_in_order_of_arrival(fig3):
    stream, (one, two) = io.StringIO(), some_cells(fig3)
    progress = Progress([one, two], stream)
    on_cell = progress.of("")
    progress.on_wait(2)
    on_cell(two, RECORD, False)
    progress.of("seed=2")(one, RECORD, True)
    progress.close()
    assert stream.getvalue().splitlines() == [
        "[1/2] golden_gate.relu1_2.f001: 3 passes, loss 9 -> 1.5, 2.2 s",
        "[2/2] seed=2/golden_gate.relu1_2.f000: 3 passes, loss 9 -> 1.5, stored already",
    ]


@pytest.fixture
def clock(monkeypatch):
    """Seconds, which a test sets."""
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_on_a_terminal_a_bar(fig3, clock):
    stream, found = Terminal(), some_cells(fig3, "0-4")
    progress = Progress(found, stream)
    on_cell = progress.of("")
    on_cell(found[0], RECORD, True)
    clock[0] += 60
    on_cell(found[1], RECORD, False)
    on_cell(found[2], {"failed": "no memory"}, False)
    progress.on_wait(2)
    last = stream.getvalue().split("\r")[-1]
    assert " 50%" in last  # of the four that are computed
    assert "3/5, 1 failed, 2 in hand, 120 cells/h" in last
    assert last.index("<") < last.index("3/5")  # the time left, where a narrow terminal still shows it
    for cell in found[3:]:
        on_cell(cell, RECORD, False)
    progress.on_wait(0)
    progress.close()
    last = stream.getvalue().strip().split("\r")[-1]
    assert "100%" in last
    assert "5/5, 1 failed, 0 in hand" in last
