"""Where cells are computed: in this process, or side by side in processes of their own."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from ..machine.devices import Device, alone
from ..machine.mxnet import compute_with

if TYPE_CHECKING:
    from typing_extensions import ParamSpec

    _P = ParamSpec("_P")
_T = TypeVar("_T")


class Pool(NamedTuple):
    """executor: computes cells, any of ``concurrent.futures``. slots: how many to give it at a time."""

    executor: Executor
    slots: Callable[[], int]


@contextlib.contextmanager
def pool(jobs: int, threads: int, devices: Sequence[Device]) -> Iterator[Pool]:
    """A pool for cells that are computed with so many threads each: this process for one job, else processes, each on a
    device, in turn. They end with the block, whatever they are doing."""
    if jobs == 1 and compute_with(threads):
        yield Pool(Here(), lambda: 1)
        return
    with Processes([alone(devices[number % len(devices)]) for number in range(jobs)]) as processes:
        yield Pool(processes, lambda: jobs)


class Here(Executor):
    """Computes at once, in this process."""

    def submit(self, fn: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Returns a future that is done."""
        future: Future[_T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class _Slot:
    """A place for one worker: the process, once it is needed, and the pipe with which it ends."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._pool: ProcessPoolExecutor | None = None
        self._lifeline: Connection | None = None

    def submit(self, work: Callable[_P, _T], *given: _P.args, **named: _P.kwargs) -> Future[_T]:
        """Gives the worker something to do; it is started where there is none."""
        if self._pool is None:
            spawn = multiprocessing.get_context("spawn")  # MXNet does not survive a fork
            theirs, self._lifeline = spawn.Pipe(duplex=False)
            self._pool = ProcessPoolExecutor(1, spawn, _begin, (theirs, self._environment))
        # A worker inherits that these are not for it: the coordinator, who gets them too, ends it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])
        try:
            return self._pool.submit(work, *given, **named)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def end(self) -> None:
        """Ends the worker, whatever it is doing."""
        pool, lifeline, self._pool, self._lifeline = self._pool, self._lifeline, None, None
        if lifeline is not None:
            lifeline.close()
        if pool is not None:
            pool.shutdown(wait=True)


class Processes(Executor):
    """Worker processes side by side, a pool of one for each, as one death breaks every future of a pool. environments: of
    each worker, what is added to this process's own."""

    def __init__(self, environments: Sequence[Mapping[str, str]]) -> None:
        self._slots = [_Slot(environment) for environment in environments]
        self._free: SimpleQueue[_Slot] = SimpleQueue()
        for slot in self._slots:
            self._free.put(slot)

    def submit(self, fn: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Waits for a free worker, and has it compute. The future of a worker that dies has BrokenExecutor; the next one
        in its place is new."""
        slot = self._free.get()
        try:
            future = slot.submit(fn, *args, **kwargs)
        except BrokenExecutor as error:  # it has died since its last answer
            slot.end()
            self._free.put(slot)
            return _broken(error)
        future.add_done_callback(lambda done: self._free_again(slot, done))
        return future

    def _free_again(self, slot: _Slot, done: Future[Any]) -> None:
        if not done.cancelled() and isinstance(done.exception(), BrokenExecutor):
            threading.Thread(target=self._replace, args=(slot,), daemon=True).start()  # not in the pool's own thread
        else:
            self._free.put(slot)

    def _replace(self, slot: _Slot) -> None:
        slot.end()
        self._free.put(slot)

    def shutdown(self, *_: object, **__: object) -> None:
        """Ends all workers, whatever they are doing."""
        for slot in self._slots:
            slot.end()


def _broken(error: BrokenExecutor) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_exception(error)
    return future


def _begin(lifeline: Connection, environment: Mapping[str, str]) -> None:
    """A worker's first act: to end as soon as the other end of the lifeline is closed, or its process is gone."""
    os.environ.update(environment)
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()


def _end_with(lifeline: Connection) -> None:
    with contextlib.suppress(EOFError, OSError):
        lifeline.recv()
    os._exit(0)
