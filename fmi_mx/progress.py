"""What a person sees of a run: a bar on a terminal, elsewhere one line a cell."""

import sys

from tqdm import tqdm

from .vgg19 import multiply_adds


class Progress:
    """Callbacks for ``run``. The bar counts arithmetic, not cells: a pass to relu5_2 costs several of one to relu1_2,
    and the time left would be wrong by as much.

    cells: the cells of the run. stream: where to write; a bar only where it is a terminal.
    """

    def __init__(self, cells, stream=sys.stderr):
        self._stream, self._count, self._done = stream, len(cells), 0
        self._passes = 100  # a guess for the first cell; the mean of those computed from then on
        self._computed = []
        self._bar = None
        if stream.isatty():
            self._bar = tqdm(
                total=sum(multiply_adds(cell.layer) for cell in cells),
                file=stream,
                bar_format="{percentage:3.0f}%|{bar:20}| {desc} [{elapsed}<{remaining}]",
            )

    def on_pass(self, cell, report):
        """After each pass: cell in hand, pass and loss, and a share of the cell's work."""
        if self._bar is None:
            return
        self._bar.set_description_str(
            f"{self._done}/{self._count} cells, {cell.name}: pass {report.number}, loss {report.loss:.4g}", refresh=False
        )
        if report.number <= self._passes:
            self._bar.update(multiply_adds(cell.layer) / self._passes)

    def on_cell(self, cell, record, stored):
        """After each cell."""
        self._done += 1
        if not stored:
            self._computed.append(record["passes"])
            self._passes = round(sum(self._computed) / len(self._computed))
        if self._bar is None:
            what = "stored already" if stored else f"{record['seconds']:.1f} s"
            print(
                f"[{self._done}/{self._count}] {cell.name}: {record['passes']} passes, "
                f"loss {record['loss_first']:.4g} -> {record['loss_last']:.4g}, {what}",
                file=self._stream,
                flush=True,
            )

    def close(self):
        """Ends the bar's line."""
        if self._bar is not None:
            self._bar.close()
