"""What a finished run left behind: run.json, and which of its cells are there."""

import json
from pathlib import Path
from typing import NamedTuple

from ..errors import InputError
from ..experiment.experiment import as_data, from_data
from ..files import store
from ..files.readers import list_of, mapping, number, read_keys, text
from ..network.vgg19 import WIDTHS


class Finished(NamedTuple):
    """A finished run. experiment: as ``as_data`` gives it. specifications: name of each of its cells, in their order ->
    digest of its specification. width: of the network. failed: name -> why the cell could not be computed. missing: names of
    the cells that are gone, damaged or, by now, another experiment's."""

    experiment: dict
    specifications: dict
    width: float
    failed: dict
    missing: list


def finish(folder, experiment, records, width):
    """Writes run.json into a run's folder. experiment: ``Experiment``. records: of its cells, in their order. width: of the
    network."""
    digests = {one["specification"]["name"]: store.data_digest(one["specification"]) for one in records}
    content = {"experiment": as_data(experiment), "cells": list(digests), "specifications": digests, "width": width}
    store.write_json(Path(folder) / "run.json", content)


def read_run(folder):
    """The finished run in a folder, whatever another run is doing there now. Returns ``Finished``. Raises InputError where
    the folder holds none, or one that no run of this version wrote."""
    path, again = Path(folder) / "run.json", f"first `fmi run EXPERIMENT.yaml --out {folder}`"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{folder} holds no finished run (no run.json); {again}") from error
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
    return Finished(as_data(experiment), specifications, content["width"], *_states(folder, specifications))


def check_all_there(folder, finished):
    """Raises InputError, with their names, where cells of a finished run failed or are missing."""
    for what, names in (("failed", list(finished.failed)), ("missing", finished.missing)):
        if names:
            raise InputError(f"{folder} lacks cells ({what}: {listed(names)}); the same `fmi run` computes them again")


def listed(names, most=10):
    """Names of cells in a line: the first ``most``, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def _states(folder, specifications):
    """(failed, missing) of a ``Finished``."""
    failed, missing = {}, []
    for name, digest in specifications.items():
        record = store.read_record(folder, name)
        if record is None or store.data_digest(record["specification"]) != digest:
            missing.append(name)
        elif "failed" in record:
            failed[name] = str(record["failed"])
    return failed, missing


_SCHEMA = {
    "experiment": mapping,
    "cells": list_of(lambda value: [text(value)]),
    "specifications": lambda value: {text(name): text(digest) for name, digest in mapping(value).items()},
    "width": number(0, above=True, high=1),
}
