"""Workers on other machines, through a scheduler of dask.distributed."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import CellsFailed, InputError, as_line, shown
from ..files.plain_yaml import read_text
from .jobs import Pool
from .worker import compared, versions, words_of

if TYPE_CHECKING:
    from typing_extensions import ParamSpec

    _P = ParamSpec("_P")
_T = TypeVar("_T")

PATIENCE = 10  # seconds for a scheduler to answer
A_WORKER = 2  # tasks that a worker has: one in hand, and the next
LARGE = "1GB"  # of a task, of which dask warns below; weights are 80 MB, and sent once


@contextlib.contextmanager
def cluster(address: str, say: Callable[[str], object]) -> Iterator[Pool]:
    """The workers of a scheduler as a pool; workers may come and go.

    address: such as ``tcp://HOST:8786``, or a scheduler's file. say: told in a line that there is no worker yet. Raises
    InputError where dask.distributed is not installed, the scheduler does not answer, or a worker is of another version, and
    CellsFailed later where the scheduler is gone.
    """
    client = _connect(address)
    try:
        found = Cluster(client, address)
        found.check_versions()
        if not found.count():
            say(f"no worker is at {address} yet; waiting for one")
        yield Pool(found, lambda: max(1, A_WORKER * found.count()))
    finally:
        with contextlib.suppress(Exception):  # of a scheduler that is gone
            client.close(timeout=PATIENCE)


def _connect(address: str) -> Any:
    try:
        import dask
        from distributed import Client
    except ImportError as error:
        raise InputError(f"--scheduler needs dask.distributed ({error}); pip install 'fmi_mx[cluster]'") from error
    dask.config.set({"distributed.admin.large-graph-warning-threshold": LARGE})
    if os.path.isfile(address):
        address = _address_in(address)
    try:
        return Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError, RuntimeError, TypeError) as error:
        raise InputError(
            f"scheduler {shown(address)} does not answer ({as_line(str(error))}); start one with `dask scheduler`, and give "
            "its address as tcp://HOST:8786"
        ) from error


def _address_in(path: str) -> str:
    """The address in the file that a scheduler writes."""
    try:
        return str(json.loads(read_text(path))["address"])
    except (InputError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise InputError(
            f"{shown(path)} is no scheduler's file; give what `dask scheduler --scheduler-file` writes"
        ) from error


class Cluster(Executor):
    """The workers of a client's scheduler. What goes wrong comes as what a run knows: a cell whose workers have
    died has BrokenExecutor, and a scheduler that is gone is CellsFailed."""

    def __init__(self, client: Any, address: str) -> None:
        self._client, self._address = client, address
        self._executor = client.get_executor(pure=False)
        self._count, self._counted = 0, 0.0

    def count(self) -> int:
        """The number of workers, at most a second old."""
        if time.monotonic() - self._counted > 1:
            with self._scheduler():
                self._count, self._counted = len(self._client.ncores()), time.monotonic()
        return self._count

    def check_versions(self) -> None:
        """Raises InputError where a worker that is there has other versions; those that come later say it themselves."""
        try:
            found = self._client.run(versions, on_error="return")
        except Exception as error:
            raise self._gone() from error
        for worker, theirs in found.items():
            if isinstance(theirs, BaseException):
                raise InputError(f"worker {worker} cannot use fmi_mx ({as_line(str(theirs))}); install it there")
            if compared(theirs) != compared(versions()):
                there, here = words_of(compared(theirs)), words_of(compared(versions()))
                raise InputError(f"worker {worker} has {there}, and this run {here}; give both the same versions")

    def submit(self, fn: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Gives a task to a worker."""
        with self._scheduler():
            inner = self._executor.submit(fn, *args, **kwargs)
        future: Future[Any] = Future()
        inner.add_done_callback(lambda done: self._pass_on(done, future))
        return future

    def _pass_on(self, done: Future[Any], future: Future[Any]) -> None:
        try:
            future.set_result(done.result())
        except (Exception, CancelledError) as error:
            future.set_exception(self._meaning(error))

    def _meaning(self, error: BaseException) -> BaseException:
        """What an error of a task means to a run."""
        if isinstance(error, InputError):
            return error
        if type(error).__name__ == "KilledWorker":
            return BrokenExecutor(str(error))  # of which dask accuses every task that such a worker had
        if isinstance(error, (ImportError, AttributeError)) or "deserialization" in str(error):
            why = as_line(" ".join(str(error).split()), 100)
            both = "scheduler and workers need the same fmi_mx and distributed"
            return InputError(f"the cluster cannot read a task ({why}); {both}")
        if isinstance(error, (CancelledError, OSError)) or type(error).__module__.startswith("distributed"):
            return self._gone()
        return error

    @contextlib.contextmanager
    def _scheduler(self) -> Iterator[None]:
        """What goes wrong in the block is that the scheduler is gone."""
        try:
            yield
        except Exception as error:
            raise self._gone() from error

    def _gone(self) -> CellsFailed:
        return CellsFailed(f"the scheduler {self._address} is gone; what is stored stays, and the same command resumes")
