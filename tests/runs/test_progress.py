import io

from fmi_mx import Pass, cells, load_experiment
from fmi_mx.runs.progress import Progress

RECORD = {"passes": 3, "loss_first": 9.0, "loss_last": 1.5, "seconds": 2.25}


class Terminal(io.StringIO):
    def isatty(self):
        return True


def two_cells(fig3):
    return cells(load_experiment(fig3, images="golden_gate", layers="relu1_2", filters="0-1"))


def test_elsewhere_one_line_a_cell(fig3):
    stream, (one, two) = io.StringIO(), two_cells(fig3)
    progress = Progress([one, two], stream)
    progress.on_pass(one, Pass(1, 9.0, 1.0))
    progress.on_cell(one, RECORD, stored=False)
    progress.on_cell(two, RECORD, stored=True)
    progress.close()
    assert stream.getvalue().splitlines() == [
        "[1/2] golden_gate.relu1_2.f000: 3 passes, loss 9 -> 1.5, 2.2 s",
        "[2/2] golden_gate.relu1_2.f001: 3 passes, loss 9 -> 1.5, stored already",
    ]


def test_on_a_terminal_a_bar(fig3):
    stream, found = Terminal(), two_cells(fig3)
    one, two = found
    progress = Progress([one, one, two], stream)
    progress._bar.mininterval = 0
    progress.on_cell(one, RECORD, stored=True)
    progress.on_cell(one, RECORD, stored=False)
    for number in (1, 2):
        progress.on_pass(two, Pass(number, 7.5, 1.0))
    progress._bar.refresh()
    last = stream.getvalue().split("\r")[-1]
    assert "2/3, pass 2, loss 7.5, golden_gate.relu1_2.f001" in last
    assert " 83%" in last  # of the two that are computed: one whole and two passes of three
    assert last.index("<") < last.index("2/3")  # the time left, where a narrow terminal still shows it
    progress.on_cell(two, RECORD, stored=False)
    progress.close()
    last = stream.getvalue().strip().split("\r")[-1]
    assert "100%" in last
    assert "3/3" in last
