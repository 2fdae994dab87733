"""Computes the cells of experiments that are not stored yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

from ..errors import InputError
from ..experiment.cell import Cell
from ..experiment.experiment import Experiment
from ..machine.aliases import AnyPath
from .capacity import count_of, devices_of
from .cluster import cluster
from .coordinator import Order, Record, prepare, run_all
from .jobs import Pool, pool
from .progress import Progress


def run(
    experiment: Experiment,
    out: AnyPath,
    weights: AnyPath,
    images: AnyPath,
    device: str = "auto",
    on_cell: Callable[[Cell, Record, bool], None] | None = None,
    place: Pool | None = None,
) -> list[Record]:
    """Computes what is missing of an experiment, and writes plan.json first and run.json last.

    out: the run's folder. weights: file. images: folder of the images. device: see ``find_device``. on_cell: see ``Order``.
    place: where cells are computed; in this process if None. Returns the records, one a cell; that of a cell that cannot be
    computed says why (``failed``), and the next run tries it again. Raises InputError before anything is computed or written
    for whatever is wrong with the input, and later where the folder is deleted or made anew; the cells done by then stay.
    """
    order = Order(experiment, out, weights, images, on_cell)
    materials = prepare([order], device)
    with ExitStack() as stack:
        if place is None:
            place = stack.enter_context(pool(1, experiment.threads or 1, [materials[0].device]))
        return run_all([order], materials, place)[0]


def compute_all(
    orders: Sequence[Order], device: str, jobs: str, stream: TextIO, scheduler: str | None = None, most: int | None = None
) -> list[list[Record]]:
    """``run`` of several experiments, in one pool and with one progress.

    jobs: see ``count_of``. scheduler: see ``cluster``, whose workers compute the cells where it is given. stream: where
    progress goes. most: cells that there may be. Raises InputError as ``run``, where the experiments ask for different
    numbers of threads, and where there are more cells.
    """
    materials = prepare(orders, device)
    count = sum(len(one.cells) for one in materials)
    if most is not None and count > most:
        raise InputError(f"the sweep has {count} cells, more than {most}; --yes computes them all the same")
    threads = sorted({order.experiment.threads or 1 for order in orders})
    if len(threads) > 1:
        raise InputError(f"threads: runs side by side have one number, not {' and '.join(map(str, threads))}")
    progress = Progress([cell for one in materials for cell in one.cells], stream)
    if scheduler:
        computing = cluster(scheduler, lambda line: print(line, file=stream, flush=True))
    else:
        devices = devices_of(materials, device)
        computing = pool(count_of(jobs, threads[0], materials, devices), threads[0], devices)
    try:
        with computing as place:
            shown = [one._replace(on_cell=progress.of(Path(one.out).name if len(orders) > 1 else "")) for one in orders]
            return run_all(shown, materials, place, progress.on_wait)
    finally:
        progress.close()
