"""What a worker does with a task: it computes one cell, in the coordinator's process, in another, or on another machine."""

from __future__ import annotations

import platform
import socket
import threading
from typing import Any, NamedTuple, Union

import numpy as np

from .. import __version__
from ..errors import InputError, as_line
from ..experiment.cell import Cell
from ..files.images import png_bytes
from ..machine.aliases import Arrays
from ..machine.devices import Device, as_seen, context
from ..machine.mxnet import compute_with, installed_builds, mx, threads
from ..machine.precision import precision_on
from ..machine.processor import machine
from ..network.vgg19 import vgg19
from ..weights.canonical import read_weights, weights_digest
from .compute import NO_MEMORY, CellFailed, Given, Network, compute
from .materials import Materials, Weights

KEPT = 2  # weights that a worker keeps on its device; the claims go to and fro between two


class Task(NamedTuple):
    """A cell to be computed, with everything that decides its bytes. weights: None where it needs none. threads, precision:
    that it must be computed with. versions: of the coordinator. arrays: the weights themselves, for a worker that cannot
    read them."""

    given: Given
    weights: Weights | None
    device: Device
    threads: int
    precision: str | None
    versions: dict[str, str]
    arrays: dict[str, np.ndarray] | None = None


def task_of(materials: Materials, cell: Cell, left_behind: np.ndarray | None = None) -> Task:
    """A cell as a task. left_behind: see ``Given``."""
    experiment = materials.experiment
    given = Given(experiment, cell, materials.shown[cell.image, cell.style], left_behind)
    weights = materials.weights if cell.layers else None
    return Task(given, weights, materials.device, experiment.threads or 1, materials.precision, versions())


class Done(NamedTuple):
    """A computed cell. picture: the PNG. arrays: of its .npz. facts: of its record."""

    picture: bytes
    arrays: dict[str, np.ndarray]
    facts: dict[str, Any]


class Failed(NamedTuple):
    """A cell that cannot be computed, and why. facts: of its record."""

    reason: str
    facts: dict[str, Any]


class Lacking(NamedTuple):
    """The worker cannot read the weights, or reads others: the task has to come again with its arrays."""


Answer = Union[Done, Failed, Lacking]

_one_at_a_time = threading.Lock()  # cells in a process, whose MXNet has one set of threads, whatever calls it
_kept: dict[tuple[str, Device], Arrays] = {}


def work(task: Task) -> Answer:
    """Computes the cell of a task. Raises InputError where this worker would compute something else than was asked for."""
    with _one_at_a_time:
        return _work(task._replace(device=as_seen(task.device)))


def _work(task: Task) -> Answer:
    _check(task)
    network, facts = None, {}
    if task.weights is not None:
        weights = _weights_of(task, task.weights)
        if weights is None:
            return Lacking()
        symbol = vgg19(task.given.experiment.pool, task.weights.width)
        network = Network(symbol, weights, task.weights.width, context(task.device))
        facts = {"machine": machine(task.device)}
    facts["versions"] = versions()
    try:
        picture, arrays, more = compute(task.given, network)
        return Done(png_bytes(picture), arrays, {**facts, **more})
    except CellFailed as error:
        return Failed(as_line(" ".join(str(error).split())), facts)
    except MemoryError:
        return Failed(NO_MEMORY, facts)


def _check(task: Task) -> None:
    """Raises InputError where this worker is of another version, computes in another precision or with other threads."""
    asked, mine = compared(task.versions), compared(versions())
    if asked != mine:
        raise InputError(f"{name()} has {words_of(mine)}, and this run {words_of(asked)}; give both the same versions")
    if task.weights is None:
        return
    if task.precision is not None:
        found = precision_on(task.given.experiment.precision, task.device)
        if found != task.precision:
            raise InputError(
                f"{name()} computes in {found}, and this run in {task.precision}; take workers of one kind, or "
                "--set precision=float32"
            )
    if not compute_with(task.threads):
        raise InputError(
            f"{name()} has begun with {threads()} threads, and this run has threads: {task.threads}; start the worker anew"
        )


def _weights_of(task: Task, known: Weights) -> Arrays | None:
    """The weights of a task on its device, or None where they are neither kept, nor in a file here, nor with the task."""
    key = known.digest, task.device
    if key not in _kept:
        arrays = task.arrays or _read(known)
        if arrays is None:
            return None
        while len(_kept) >= KEPT:
            del _kept[next(iter(_kept))]
        place = context(task.device)
        _kept[key] = {name: mx.nd.array(arrays.pop(name), ctx=place) for name in list(arrays)}  # never all of them twice
    return _kept[key]


def _read(known: Weights) -> dict[str, np.ndarray] | None:
    """The numbers in a weights file, or None where it cannot be read or has others."""
    try:
        arrays = read_weights(known.path)
    except (InputError, OSError):
        return None
    return arrays if weights_digest(arrays) == known.digest else None


def versions() -> dict[str, str]:
    """Versions of what the numbers come from, for a cell's record."""
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "fmi_mx": __version__,
        **installed_builds(),
    }


def compared(found: dict[str, str]) -> dict[str, str]:
    """The versions that have to be the same everywhere; Python's may differ."""
    return {name: version for name, version in found.items() if name != "python"}


def name() -> str:
    """What to call this worker."""
    return f"the worker on {socket.gethostname()}"


def words_of(found: dict[str, str]) -> str:
    """Versions in words."""
    return ", ".join(f"{package} {version}" for package, version in sorted(found.items()))
