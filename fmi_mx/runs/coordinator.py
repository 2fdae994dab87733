"""The coordinator: gives workers the cells that are not stored yet, and alone writes into a run's folder."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from typing import Any, Dict, NamedTuple

import numpy as np

from ..errors import InputError
from ..experiment.cell import Cell
from ..experiment.experiment import Experiment
from ..files import store
from ..machine.aliases import AnyPath
from ..weights.canonical import read_weights, weights_digest
from .compute import NO_MEMORY
from .finished import finish, read_cell
from .jobs import Pool
from .materials import Files, Materials, Weights, gather
from .plan import plan_of, specify, write_plan
from .worker import Answer, Done, Failed, Lacking, Task, task_of, versions, work

PATIENCE = 1.0  # seconds after which ``on_wait`` is called again
Record = Dict[str, Any]


class Order(NamedTuple):
    """A run that is wanted. out: its folder. weights: file. images: folder. on_cell(cell, record, stored) is called for each
    cell as it comes, stored True where it was there already."""

    experiment: Experiment
    out: AnyPath
    weights: AnyPath
    images: AnyPath
    on_cell: Callable[[Cell, Record, bool], None] | None = None


def prepare(orders: Sequence[Order], device: str) -> list[Materials]:
    """What each run is made of. Raises InputError as ``gather``."""
    files = Files()
    return [gather(order.experiment, order.weights, order.images, device, files) for order in orders]


def run_all(
    orders: Sequence[Order],
    materials: Sequence[Materials],
    place: Pool,
    on_wait: Callable[[int], None] | None = None,
    work: Callable[[Task], Answer] = work,
) -> list[list[Record]]:
    """``run`` of several experiments, whose cells share a pool.

    materials: of each order, from ``prepare``. on_wait(number of cells in hand) is called once a second. work: what a worker
    does with a task.
    """
    sent: dict[str, dict[str, np.ndarray]] = {}
    runs = [_Run(order, one, sent) for order, one in zip(orders, materials)]
    in_hand: dict[Future[Answer], _Waiting] = {}
    suspects: deque[_Waiting] = deque()
    with contextlib.ExitStack() as folders:
        for one in runs:
            folders.callback(one.close)
        while True:
            while len(in_hand) < place.slots():
                waiting = next(filter(None, (one.next() for one in runs)), None)
                if waiting is None:
                    break
                in_hand[place.executor.submit(work, waiting.task)] = waiting
            if not in_hand and suspects:  # alone: what dies now has died of it, and has all the memory
                waiting = suspects.popleft()
                in_hand[place.executor.submit(work, waiting.task)] = waiting
            if not in_hand:
                return [one.records() for one in runs]
            for future in wait(in_hand, PATIENCE, FIRST_COMPLETED).done:
                again = in_hand[future].run.receive(in_hand.pop(future), future)
                if again and again.suspect:
                    suspects.append(again)
                elif again:
                    in_hand[place.executor.submit(work, again.task)] = again
            if on_wait:
                on_wait(len(in_hand))


class _Waiting(NamedTuple):
    """A cell in hand. suspect: a worker has died that had it; it is computed once more, alone, after the others."""

    run: _Run
    cell: Cell
    task: Task
    specification: Record
    suspect: bool = False


class _Run:
    """A run and what is known of its cells so far. sent: weights that are given to workers which lack them, by digest."""

    def __init__(self, order: Order, materials: Materials, sent: dict[str, dict[str, np.ndarray]]) -> None:
        self._order, self._materials, self._sent = order, materials, sent
        self._plan, self._versions = plan_of(materials), versions()
        self._cells = materials.cells
        self._records: dict[str, Record] = {}
        self._behind = {cell.predecessor: cell for cell in self._cells if cell.predecessor}
        # Cells that need no other, and behind them, as they come up, those that do: each with its predecessor's record.
        self._ready: deque[tuple[Cell, Record | None]] = deque((cell, None) for cell in self._cells if not cell.predecessor)
        self._folder = contextlib.ExitStack()
        self._check_folder: Callable[[], None] | None = None

    def next(self) -> _Waiting | None:
        """The next cell to be computed, or None where all others are in hand, wait for one that is, or are there."""
        if self._check_folder is None:
            self._check_folder = self._folder.enter_context(store.locked(self._order.out))
            write_plan(self._order.out, self._plan)
        while self._ready:
            cell, before = self._ready.popleft()
            specification = specify(self._plan, cell, before)
            found = read_cell(self._order.out, cell.name)
            if found is not None and found["specification"] == specification and "failed" not in found:
                self._keep(cell, found, True)
                continue
            task = self._task(cell, before)
            if isinstance(task, Task):
                return _Waiting(self, cell, task, specification)
            self._store(cell, specification, task)
        return None

    def _task(self, cell: Cell, before: Record | None) -> Task | Failed:
        """What a worker is given for a cell, or why it cannot be computed. before: the record of its predecessor."""
        if before and "failed" in before:
            return Failed(f"its target comes from {cell.predecessor}, which failed", {})
        left_behind = None
        if cell.predecessor:
            try:
                left_behind = store.read_array(self._order.out, cell.predecessor, "evaluated")
            except InputError as error:
                return Failed(str(error), {})
        return task_of(self._materials, cell, left_behind)

    def receive(self, waiting: _Waiting, future: Future[Answer]) -> _Waiting | None:
        """Stores what has come of a task. Returns it where it has to be computed again."""
        try:
            answer = future.result()
        except BrokenExecutor:
            if not waiting.suspect:
                return waiting._replace(suspect=True)
            answer = Failed("workers have died of it, with others and alone: killed, or short of memory", {})
        if isinstance(answer, Lacking):
            assert waiting.task.weights is not None  # as that is what it lacks
            return waiting._replace(task=waiting.task._replace(arrays=self._arrays(waiting.task.weights)))
        self._store(waiting.cell, waiting.specification, answer)
        return None

    def _arrays(self, known: Weights) -> dict[str, np.ndarray]:
        """The weights of a file, which is read once for all workers. Raises InputError where it has others by now."""
        if known.digest not in self._sent:
            arrays = read_weights(known.path)
            if weights_digest(arrays) != known.digest:
                raise InputError(f"weights {known.path} have been changed while this run was using them; start it again")
            self._sent[known.digest] = arrays
        return dict(self._sent[known.digest])  # a worker empties its own

    def _store(self, cell: Cell, specification: Record, answer: Done | Failed) -> None:
        assert self._check_folder is not None  # as the folder was opened before the first task
        self._check_folder()
        record = {"specification": specification, "versions": self._versions, **answer.facts}
        if isinstance(answer, Done):
            try:
                self._keep(cell, store.save_cell(self._order.out, cell.name, answer.picture, answer.arrays, record), False)
                return
            except MemoryError:
                answer = Failed(NO_MEMORY, {})
        failed = store.save_failure(self._order.out, cell.name, {**record, "failed": answer.reason})
        self._keep(cell, failed, False)

    def _keep(self, cell: Cell, record: Record, stored: bool) -> None:
        """A cell is there, whole or failed. After the last one the run is finished."""
        self._records[cell.name] = record
        if self._order.on_cell:
            self._order.on_cell(cell, record, stored)
        if cell.name in self._behind:
            self._ready.appendleft((self._behind[cell.name], record))
        if len(self._records) == len(self._cells):
            assert self._check_folder is not None  # as above
            self._check_folder()
            finish(self._order.out, self._materials.experiment, self.records(), self._plan.width or 1)
            self.close()

    def records(self) -> list[Record]:
        """The records, in the order of the cells."""
        return [self._records[cell.name] for cell in self._cells]

    def close(self) -> None:
        """Leaves the folder."""
        self._folder.close()
