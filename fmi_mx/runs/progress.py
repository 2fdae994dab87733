"""What a person sees of a run: a bar on a terminal, elsewhere one line a cell."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TextIO

from tqdm import tqdm

from ..experiment.cell import Cell
from ..network.vgg19 import multiply_adds


class Progress:
    """Callbacks of ``Order`` and ``run_all``. The bar counts arithmetic, not cells: a pass to relu5_2 costs several of
    one to relu1_2, and the time left would be wrong by as much.

    cells: the cells of the runs. stream: where to write; a bar only where it is a terminal.
    """

    def __init__(self, cells: Sequence[Cell], stream: TextIO) -> None:
        self._stream, self._count, self._done = stream, len(cells), 0
        self._computed, self._failed, self._in_hand = 0, 0, 0
        self._began = time.monotonic()
        self._bar: tqdm | None = None
        if stream.isatty():
            self._bar = tqdm(
                total=sum(_work(cell) for cell in cells),
                file=stream,
                bar_format="{percentage:3.0f}%|{bar:10}| [{elapsed}<{remaining}] {desc}",
                miniters=0,
                smoothing=0,  # cells come side by side, long ones and short ones
            )

    def on_wait(self, in_hand: int) -> None:
        """Once a second: the number of cells that are being computed."""
        self._in_hand = in_hand
        if self._bar is not None:
            self._describe(self._bar)
            self._bar.refresh()

    def of(self, run: str) -> Callable[[Cell, dict[str, Any], bool], None]:
        """What a run calls after each cell, in order of arrival. run: its name, where there are several."""
        return lambda cell, record, stored: self._on_cell(cell, record, stored, f"{run}/{cell.name}" if run else cell.name)

    def _on_cell(self, cell: Cell, record: dict[str, Any], stored: bool, name: str) -> None:
        self._done += 1
        self._computed += not stored
        if "failed" in record:
            self._failed += 1
            tqdm.write(f"[{self._done}/{self._count}] {name}: failed ({record['failed']})", file=self._stream)
        if self._bar is not None:
            self._advance(self._bar, cell, stored)
        elif "failed" not in record:
            facts = ["stored already"] if stored else []
            if "passes" in record:
                loss = f"loss {record['loss_first']:.4g} -> {record['loss_last']:.4g}"
                facts = [f"{record['passes']} passes", loss, *(facts or [f"{record['seconds']:.1f} s"])]
            print(f"[{self._done}/{self._count}] {name}: {', '.join(facts) or 'done'}", file=self._stream, flush=True)

    def _advance(self, bar: tqdm, cell: Cell, stored: bool) -> None:
        if stored:
            assert bar.total is not None  # as it was given
            bar.total -= _work(cell)  # or the time left would count it as done in no time
        else:
            bar.update(_work(cell))
        self._describe(bar)

    def _describe(self, bar: tqdm) -> None:
        """Cells done, failed, in hand, and cells an hour."""
        failed = f", {self._failed} failed" if self._failed else ""
        pace = self._computed / max(time.monotonic() - self._began, 1e-9) * 3600
        text = f"{self._done}/{self._count}{failed}, {self._in_hand} in hand, {pace:.0f} cells/h"
        bar.set_description_str(text, refresh=False)

    def close(self) -> None:
        """Ends the bar's line."""
        if self._bar is not None:
            self._bar.refresh()
            self._bar.close()


def _work(cell: Cell) -> float:
    """What a pass of a cell costs, up to a constant."""
    return max(map(multiply_adds, cell.layers), default=0.0)
