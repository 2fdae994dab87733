"""What a gallery is made from: a run and, of each cell, its picture and the numbers that its page shows."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..experiment.cell import Cell, cells
from ..experiment.experiment import from_data
from ..files import store
from ..machine.aliases import AnyPath
from ..runs.finished import StoredRun, state
from ..runs.status import read_so_far
from .measures import array_or_none

POINTS = 30  # of a loss curve
LEVELS = 200  # of its heights
_NUMBERS = {"energy_share": "share", "energy_share_content": "content", "loss_first": "first", "loss_last": "last",
            "loss_printed": "printed", "passes": "passes"}  # fmt: skip


class Source(NamedTuple):
    """A run as far as it has come. cells: those of the run, by name, in their order."""

    folder: Path
    finished: StoredRun
    cells: dict[str, Cell]


def read_source(folder: AnyPath) -> Source:
    """Raises InputError as ``read_so_far``."""
    finished = read_so_far(folder)
    every = cells(from_data(finished.experiment), finished.width)
    named = set(finished.cells)
    found = [cell for cell in every if cell.name in named]
    return Source(Path(folder), finished, {cell.name: cell for cell in found})


def picture_of(source: Source, name: str) -> np.ndarray | None:
    """A cell's picture, uint8 (H, W, 3), or None where there is none."""
    record = source.finished.records.get(name)
    return None if record is None else store.read_picture(source.folder, record)


def facts_of(source: Source, name: str) -> dict[str, Any]:
    """The numbers of a cell by their short names, as JSON holds them: of a descent ``left``, the share of the loss that it
    left, and ``curve``; of FMI ``silent`` and ``stuck``, see ``state``; ``lacks``, why there is no picture."""
    record = source.finished.records.get(name)
    if record is None:
        why = source.finished.failed.get(name)
        return {"lacks": "missing" if why is None else f"failed: {why}"}
    facts: dict[str, Any] = {short: number(record.get(long)) for long, short in _NUMBERS.items()}
    if "silent" in record:
        facts.update({word: int(state(record) == word) for word in ("silent", "stuck")})
    if "passes" in record:
        facts["left"] = number(record["loss_last"] / (record["loss_first"] or math.nan))
        losses = array_or_none(source.folder, name, "loss")
        facts["curve"] = None if losses is None or losses.ndim != 1 or not len(losses) else _curve(losses)
    return facts


def _curve(losses: np.ndarray) -> list[Any]:
    """A loss curve as [lowest, highest logarithm, heights from 0 to LEVELS of at most POINTS passes]."""
    chosen: np.ndarray = np.unique(np.linspace(0, len(losses) - 1, POINTS).round().astype(int))
    logs = np.log10(np.maximum(losses[chosen].astype(np.float64), np.finfo(np.float32).tiny))
    low, high = float(logs.min()), float(logs.max())
    return [number(low), number(high), np.rint((logs - low) / (high - low or 1) * LEVELS).astype(int).tolist()]


def number(value: float | None) -> float | None:
    """A number to four digits, so that a page's data are small; None where there is none."""
    return None if value is None or not math.isfinite(value) else value if isinstance(value, int) else float(f"{value:.4g}")
