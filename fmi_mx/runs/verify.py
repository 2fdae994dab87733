"""Computes stored cells again and says how far they are from what is stored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from ..errors import CellsFailed, InputError
from ..files import store
from ..machine.aliases import AnyPath
from ..machine.processor import words
from .coordinator import Order, prepare
from .jobs import pool
from .plan import plan_of
from .status import Status, read_status
from .worker import Done, task_of, work


class Verdict(NamedTuple):
    """A cell that was computed again. same: whether all its bytes are as stored. levels: the largest difference of a value
    of the image, in grey levels; of the PNG where the image is not kept. loss: the difference of the last loss over the
    stored one. then, now: the machines, in words."""

    name: str
    same: bool
    levels: float
    loss: float
    then: str
    now: str


def verify(folder: AnyPath, count: int, seed: int, weights: AnyPath, images: AnyPath, device: str) -> Iterator[Verdict]:
    """A verdict for each of ``count`` cells, drawn by seed among those that are done.

    folder: of the run. weights: file. images: folder. device: see ``find_device``. Raises InputError where nothing is done,
    or weights or images are not those of the run, and CellsFailed where a cell cannot be computed now.
    """
    status = read_status(folder)
    names = [cell.name for cell in status.cells if cell.name in status.done]
    if not names:
        raise InputError(f"{folder} has no cell that is done; first `fmi run`")
    (materials,) = prepare([Order(status.plan.experiment, folder, weights, images)], device)
    _check_same(folder, status, plan_of(materials))
    drawn = np.random.default_rng(seed).permutation(len(names))[:count]
    chosen = {names[number] for number in drawn}
    with pool(1, status.plan.experiment.threads or 1, [materials.device]) as place:
        for cell in status.cells:
            if cell.name not in chosen:
                continue
            before = store.read_array(folder, cell.predecessor, "evaluated") if cell.predecessor else None
            answer = place.executor.submit(work, task_of(materials, cell, before)).result()
            if not isinstance(answer, Done):
                raise CellsFailed(f"{cell.name} cannot be computed now: {getattr(answer, 'reason', 'the weights changed')}")
            yield _compare(folder, cell.name, status.done[cell.name], answer)


def _check_same(folder: AnyPath, status: Status, now: Any) -> None:
    """Raises InputError where the run was computed from other weights or images, or in another precision."""
    then = status.plan
    for what, before, after in (
        ("weights", then.weights, now.weights),
        ("images", dict(then.images), dict(now.images)),
        ("precision", then.precision, now.precision),
    ):
        if before != after:
            differs = f"{before}, now {after}" if what == "precision" else "others; give those with --weights and --images"
            raise InputError(f"{folder} was computed with {what} that are not these: {differs}")


def _compare(folder: AnyPath, name: str, record: dict[str, Any], answer: Done) -> Verdict:
    stored = (Path(folder) / "cells" / f"{name}.png").read_bytes()
    arrays = {key: store.read_array(folder, name, key) for key in answer.arrays}
    same = stored == answer.picture and all(np.array_equal(arrays[key], answer.arrays[key]) for key in arrays)
    if "image" in arrays:
        levels = _largest(arrays["image"], answer.arrays["image"])
    else:
        levels = _largest(
            *(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR) for png in (stored, answer.picture))
        )
    loss = 0.0
    if "loss_last" in record:
        loss = (answer.facts["loss_last"] - record["loss_last"]) / (abs(record["loss_last"]) or 1)
    then, now = (words(one["machine"]) if "machine" in one else "no network" for one in (record, answer.facts))
    return Verdict(name, same, levels, loss, then, now)


def _largest(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(np.float64) - other).max()) if one.shape == other.shape else float("inf")


def line(found: Verdict) -> str:
    """A verdict, to be read."""
    if found.same:
        return f"{found.name}: the same bytes"
    apart = f"at most {found.levels:.3g} grey levels apart, last loss {found.loss:+.2%}"
    where = f"both on {found.now}" if found.then == found.now else f"then on {found.then}, now on {found.now}"
    return f"{found.name}: {apart}; {where}"
