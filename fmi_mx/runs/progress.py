"""What a person sees of a run: a bar on a terminal, elsewhere one line a cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TextIO

from tqdm import tqdm

from ..descent.optimisers import Pass
from ..experiment.cell import Cell
from ..network.vgg19 import multiply_adds


class Progress:
    """Callbacks for ``run``. The bar counts arithmetic, not cells: a pass to relu5_2 costs several of one to relu1_2,
    and the time left would be wrong by as much.

    cells: the cells of the run. stream: where to write; a bar only where it is a terminal.
    """

    def __init__(self, cells: Sequence[Cell], stream: TextIO) -> None:
        self._stream, self._count, self._done = stream, len(cells), 0
        self._computed: list[int] = []  # passes of each cell computed in this run
        self._finished = 0.0  # work of the cells done
        self._bar: tqdm | None = None
        if stream.isatty():
            self._bar = tqdm(
                total=sum(_work(cell) for cell in cells),
                file=stream,
                bar_format="{percentage:3.0f}%|{bar:10}| [{elapsed}<{remaining}] {desc}",
                miniters=0,
            )

    def on_pass(self, cell: Cell, report: Pass) -> None:
        """After each pass: cell in hand, pass and loss, and a share of the cell's work."""
        if self._bar is not None:
            text = f"{self._done}/{self._count}, pass {report.number}, loss {report.loss:.3g}, {cell.name}"
            self._bar.set_description_str(text, refresh=False)
            share = min(report.number / self._expected_passes(), 1.0)
            self._bar.update(self._finished + share * _work(cell) - self._bar.n)

    def on_cell(self, cell: Cell, record: dict[str, Any], stored: bool) -> None:
        """After each cell."""
        self._done += 1
        if not stored and "passes" in record:
            self._computed.append(record["passes"])
        if "failed" in record:
            tqdm.write(f"[{self._done}/{self._count}] {cell.name}: failed ({record['failed']})", file=self._stream)
        if self._bar is not None:
            if stored:
                assert self._bar.total is not None  # as it was given
                self._bar.total -= _work(cell)  # or the time left would count it as done in no time
            else:
                self._finished += _work(cell)
            self._bar.set_description_str(f"{self._done}/{self._count}, {cell.name}", refresh=False)
            self._bar.update(self._finished - self._bar.n)
            return
        if "failed" in record:
            return
        facts = ["stored already"] if stored else []
        if "passes" in record:
            loss = f"loss {record['loss_first']:.4g} -> {record['loss_last']:.4g}"
            facts = [f"{record['passes']} passes", loss, *(facts or [f"{record['seconds']:.1f} s"])]
        print(f"[{self._done}/{self._count}] {cell.name}: {', '.join(facts) or 'done'}", file=self._stream, flush=True)

    def close(self) -> None:
        """Ends the bar's line."""
        if self._bar is not None:
            self._bar.refresh()
            self._bar.close()

    def _expected_passes(self) -> float:
        """The mean of the cells computed so far, and for the first a guess."""
        return sum(self._computed) / len(self._computed) if self._computed else 100


def _work(cell: Cell) -> float:
    """What a pass of a cell costs, up to a constant."""
    return max(map(multiply_adds, cell.layers), default=0.0)
