"""What a run left behind: run.json, once it has finished, and which of its cells are there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import InputError
from ..experiment.experiment import Experiment, as_data, from_data
from ..files import store, whole
from ..files.plain_yaml import read_text
from ..files.readers import list_of, mapping, number, read_keys, text
from ..machine.aliases import AnyPath
from ..network.vgg19 import WIDTHS

LARGEST = 10**8  # bytes of a run.json
LEAST_FALL = 0.001  # of a loss; pictures whose loss fell by less are grey, or nearly so (docs/silent.md)


class StoredRun(NamedTuple):
    """A run as its folder holds it, finished or not. experiment: as ``as_data`` gives it. cells: their names, in
    their order. width: of the network. failed: name -> why the cell could not be computed. missing: names of
    the cells that are gone, damaged or, by now, another experiment's."""

    experiment: dict[str, Any]
    cells: list[str]
    width: float
    records: dict[str, dict[str, Any]]
    failed: dict[str, str]
    missing: list[str]


def finish(folder: AnyPath, experiment: Experiment, records: Iterable[dict[str, Any]], width: float) -> None:
    """Writes run.json into a run's folder. records: of its cells, in their order. width: of the network."""
    digests = {one["specification"]["name"]: store.data_digest(one["specification"]) for one in records}
    content = {"experiment": as_data(experiment), "cells": list(digests), "specifications": digests, "width": width}
    whole.write_json(Path(folder) / "run.json", content)


def read_run(folder: AnyPath) -> StoredRun:
    """The finished run in a folder, whatever another run is doing there now. Raises InputError where the folder holds none,
    or one that no run of this version wrote."""
    again = f"first `fmi run EXPERIMENT.yaml --out {folder}`"
    try:
        content = json.loads(read_text(Path(folder) / "run.json", LARGEST))
    except InputError as error:
        raise InputError(f"{folder} holds no finished run (run.json: {error}); {again}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{folder} holds no finished run (run.json is damaged); {again}") from error
    try:
        content = read_keys(mapping(content), _SCHEMA)
        experiment = from_data(content["experiment"])
        if set(content["cells"]) != set(content["specifications"]):
            raise InputError("cells: are not those that have specifications")
        if content["width"] not in WIDTHS:
            raise InputError(f"width: must be {' or '.join(map(str, WIDTHS))}")
    except InputError as error:
        raise InputError(f"{folder} holds no finished run of this version (run.json: {error}); {again}") from error
    specifications = {name: content["specifications"][name] for name in content["cells"]}
    records: dict[str, dict[str, Any]] = {}
    failed: dict[str, str] = {}
    missing: list[str] = []
    for name, digest in specifications.items():
        record = read_cell(folder, name)
        if record is None or store.data_digest(record["specification"]) != digest:
            missing.append(name)
        elif "failed" in record:
            failed[name] = record["failed"]
        else:
            records[name] = record
    return StoredRun(as_data(experiment), list(specifications), content["width"], records, failed, missing)


def read_cell(folder: AnyPath, name: str) -> dict[str, Any] | None:
    """``store.read_record`` of a cell that a run of this version stored; None for another's, whose record says other
    things."""
    record = store.read_record(folder, name)
    if record is None:
        return None
    where = record.get("machine", _NOWHERE)
    fits = all(isinstance(record.get(key, kind()), kind) for key, kind in _KINDS.items())
    fits = fits and ("failed" in record or len(_DESCENT & set(record)) in (0, len(_DESCENT)))
    measures = record.get("measures", dict.fromkeys(_MEASURES, 0.0))
    fits = fits and all(isinstance(measures.get(key), float) for key in _MEASURES)
    return record if fits and all(isinstance(where.get(key), type(known)) for key, known in _NOWHERE.items()) else None


def state(record: Mapping[str, Any]) -> str:
    """What is wrong with the picture of a cell that is there: ``silent`` where the filter has no energy in it; ``stuck``,
    and often grey, where the descent has lowered the loss by less than LEAST_FALL; else empty."""
    if record.get("silent"):
        return "silent"
    return "stuck" if "passes" in record and record["loss_last"] > (1 - LEAST_FALL) * record["loss_first"] else ""


def check_all_there(folder: AnyPath, finished: StoredRun) -> None:
    """Raises InputError, with their names, where cells of a finished run failed or are missing."""
    for what, names in (("failed", list(finished.failed)), ("missing", finished.missing)):
        if names:
            raise InputError(f"{folder} lacks cells ({what}: {listed(names)}); the same `fmi run` computes them again")


def listed(names: Sequence[str], most: int = 10) -> str:
    """Names of cells in a line: the first ``most``, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


# What a record may say that others rely on: of which kind it is.
_KINDS = {"failed": str, "machine": dict, "versions": dict, "passes": int, "stopped": str, "seconds": float,
          "loss_first": float, "loss_last": float, "loss_printed": float, "energy_share": float,
          "energy_share_content": float, "target_energy": float, "measures": dict, "silent_at_start": bool,
          "silent": bool, "share_rose": bool}  # fmt: skip
_MEASURES = {"colourfulness", "intricacy"}  # numbers of a record's measures, where it has them
_DESCENT = {"passes", "stopped", "loss_first", "loss_last", "seconds"}
_NOWHERE = {"processor": "", "instructions": [], "threads": 0}
_SCHEMA = {
    "experiment": mapping,
    "cells": list_of(lambda value: [text(value)]),
    "specifications": lambda value: {text(name): text(digest) for name, digest in mapping(value).items()},
    "width": number(0, above=True, high=1),
}
