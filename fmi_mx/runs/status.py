"""How far a run has come, out of its folder alone."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..experiment.cell import Cell, cells
from ..experiment.experiment import as_data
from ..files import store
from ..machine.aliases import AnyPath
from ..machine.processor import kinds
from ..network.vgg19 import multiply_adds
from .finished import StoredRun, listed, read_cell, read_run, state
from .plan import Plan, read_plan, specify

LATEST = 50  # cells whose pace is taken
PAUSE, LONG = 60.0, 10.0  # a gap between two cells that is longer, in seconds and in medians, is no computing


class Status(NamedTuple):
    """A run's plan, its cells, and the records of those that are done. failed: name -> why. missing: names."""

    plan: Plan
    cells: list[Cell]
    done: dict[str, dict[str, Any]]
    failed: dict[str, str]
    missing: list[str]


def read_status(folder: AnyPath) -> Status:
    """What is there of a run, whatever another one is doing in its folder now. A cell is done where it is stored whole and
    as the plan specifies it. Raises InputError as ``read_plan``."""
    plan = read_plan(folder)
    status = Status(plan, cells(plan.experiment, plan.width or 1), {}, {}, [])
    for cell in status.cells:
        record = read_cell(folder, cell.name)
        before = status.done.get(cell.predecessor) if cell.predecessor else None
        fits = record is not None and (cell.predecessor is None or before is not None)
        if record is None or (fits and record["specification"] != specify(plan, cell, before)):
            status.missing.append(cell.name)
        elif "failed" in record:
            status.failed[cell.name] = record["failed"]
        elif fits:
            status.done[cell.name] = record
        else:
            status.missing.append(cell.name)
    return status


def read_so_far(folder: AnyPath) -> StoredRun:
    """The run that a folder's plan tells of, as far as it has come. Raises InputError as ``read_run``, whose run it is where
    there is no plan, as before version 0.2."""
    if not (Path(folder) / "plan.json").exists():
        return read_run(folder)
    plan, names, done, failed, missing = read_status(folder)
    return StoredRun(as_data(plan.experiment), [cell.name for cell in names], plan.width or 1, done, failed, missing)


def report(folder: AnyPath) -> dict[str, Any]:
    """``fmi status --json``: counts, names, passes and seconds by layer, machines, versions, and seconds that are left."""
    status = read_status(folder)
    records = list(status.done.values())
    return {
        "figure": status.plan.experiment.figure,
        "cells": len(status.cells),
        "done": len(status.done),
        "failed": status.failed,
        "missing": status.missing,
        **{word: [name for name, record in status.done.items() if state(record) == word] for word in ("silent", "stuck")},
        "layers": _by_layer(status),
        "machines": kinds(records),
        "precision": status.plan.precision,
        "versions": _counted(
            ", ".join(f"{key} {one}" for key, one in record.get("versions", {}).items()) for record in records
        ),
        "seconds_left": seconds_left(folder, status),
        "occupant": store.occupant(folder),
    }


def _by_layer(status: Status) -> dict[str, dict[str, float]]:
    """layer -> cells, done, and of those that are descents the mean passes and seconds."""
    found: dict[str, dict[str, float]] = {}
    for cell in status.cells:
        if not cell.layers:
            continue
        row = found.setdefault(cell.layers[-1], {"cells": 0, "done": 0, "passes": 0, "seconds": 0})
        row["cells"] += 1
        record = status.done.get(cell.name)
        if record:
            row["done"] += 1
            row["passes"] += record.get("passes", 0)
            row["seconds"] += record.get("seconds", 0)
    for row in found.values():
        row["passes"] /= max(row["done"], 1)
        row["seconds"] /= max(row["done"], 1)
    return found


def seconds_left(folder: AnyPath, status: Status) -> float | None:
    """How long the rest takes at the pace at which the latest cells came, by arithmetic: a pass to relu5_2 costs several of
    one to relu1_2. None where fewer than two cells are there."""
    waiting = [cell for cell in status.cells if cell.name not in status.done]
    if not waiting:
        return 0.0
    came = [(_stored(folder, cell), cell) for cell in status.cells if cell.name in status.done and cell.layers]
    latest = _without_pauses(sorted(came, key=lambda one: one[0])[-LATEST:])
    if len(latest) < 2 or latest[-1][0] <= latest[0][0]:
        return None
    passes = statistics.mean(status.done[cell.name].get("passes", 1) for _, cell in came)
    work = sum(_work(cell) * status.done[cell.name].get("passes", 1) for _, cell in latest[1:])
    return passes * sum(map(_work, waiting)) / work * (latest[-1][0] - latest[0][0])


def _without_pauses(came: list[tuple[float, Cell]]) -> list[tuple[float, Cell]]:
    """The cells behind the last pause, in which nobody computed; by when they came."""
    gaps = [after - before for (before, _), (after, _) in zip(came, came[1:])]
    longest = max(PAUSE, LONG * statistics.median(gaps)) if gaps else 0.0
    return came[max((place + 1 for place, gap in enumerate(gaps) if gap > longest), default=0) :]


def _stored(folder: AnyPath, cell: Cell) -> float:
    try:
        return (Path(folder) / "cells" / f"{cell.name}.json").stat().st_mtime
    except OSError:  # another run is replacing it
        return 0.0


def _work(cell: Cell) -> float:
    return max(map(multiply_adds, cell.layers), default=0.0)


def _counted(words: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in words:
        found[one] = found.get(one, 0) + 1
    return found


def lines(found: Mapping[str, Any]) -> list[str]:
    """The report, to be read."""
    counts = (
        f"{found['done']} of {found['cells']} cells done, {len(found['failed'])} failed, {len(found['missing'])} missing"
    )
    states = [f"; {len(found[word])} {word}" for word in ("silent", "stuck") if found[word]]
    said = [f"{found['figure']}: {counts}{''.join(states)}"]
    said += [f"failed: {name}: {reason}" for name, reason in list(found["failed"].items())[:10]]
    said += [f"missing: {listed(found['missing'])}"] if found["missing"] else []
    for layer, row in found["layers"].items():
        means = f", {row['passes']:.0f} passes and {row['seconds']:.1f} s a cell" if row["passes"] else ""
        said.append(f"{layer}: {row['done']} of {row['cells']}{means}")
    for what in ("machines", "versions"):
        several = f" ({len(found[what])} kinds, whose last digits differ)" if len(found[what]) > 1 else ""
        said += [f"{what}: {'; '.join(f'{count} on {words}' for words, count in found[what].items())}{several}"]
    said.append(f"in the folder now: {found['occupant'] or 'nobody'}")
    left = found["seconds_left"]
    if found["missing"] or found["failed"]:
        known = "not known yet" if left is None else f"{_duration(left)}, at the pace of the latest cells"
        said.append(f"time left: {known}")
    return said


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min" if minutes else f"{seconds:.0f} s"
