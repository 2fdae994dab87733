"""Computes the cells of an experiment that are not stored yet."""

import contextlib
import hashlib
import json
import platform
from pathlib import Path

import numpy as np

from . import __version__, store
from .cell import cells, image_name
from .compute import compute
from .errors import InputError
from .experiment import as_data, from_data
from .images import png_bytes
from .materials import gather
from .mxnet_setup import installed_builds
from .network import WIDTHS, width_of
from .precision import precision_on
from .weights import device_of

# Keys of an experiment that say which cells there are, and nothing of any one of them.
_CHOOSING = ("figure", "images", "credits", "layers", "filters", "draws", "styles", "losses")


def run(experiment, out, weights, images, device="auto", on_cell=None, on_pass=None):
    """Computes what is missing of an experiment, and writes run.json last.

    experiment: ``Experiment``. out: the run's folder. weights: file. images: folder of the images. device: see
    ``choose_device``. on_cell(cell, record, stored) is called for each cell, stored True where it was there already;
    on_pass(cell, Pass) after each pass. Returns the list of records, one a cell. Raises InputError before anything is
    computed or written for whatever is wrong with the input, and later where a descent explodes or memory is short; the
    cells done by then stay.
    """
    materials = gather(experiment, weights, images, device)
    with store.locked(out):
        with contextlib.suppress(FileNotFoundError):
            (Path(out) / "run.json").unlink()
        records, digests = [], {}
        for cell in cells(experiment):
            specification = specify(experiment, cell, materials, digests.get(cell.predecessor))
            digests[cell.name] = _digest(specification)
            record = store.read_record(out, cell.name)
            stored = record is not None and record.get("specification") == specification
            if not stored:
                picture, arrays, facts = compute(experiment, cell, materials, out, on_pass)
                record = {"specification": specification, **facts, "versions": versions()}
                store.save_cell(out, cell.name, png_bytes(picture), arrays, record)
            records.append(record)
            if on_cell:
                on_cell(cell, record, stored)
        names = [cell.name for cell in cells(experiment)]
        width = width_of(materials.weights or {})
        store.write_json(Path(out) / "run.json", {"experiment": as_data(experiment), "cells": names, "width": width})
    return records


def read_run(folder):
    """What a finished run's run.json says: experiment (as ``as_data`` gives it), cells (their names) and width. Raises
    InputError where the folder holds none, or one that no run wrote."""
    try:
        finished = json.loads((Path(folder) / "run.json").read_text())
        from_data(finished["experiment"])
        finished.setdefault("width", 1)  # of runs from before it
        if finished["width"] not in WIDTHS or not isinstance(finished["cells"], list):
            raise InputError("not of a run's")
    except (OSError, ValueError, LookupError, TypeError, InputError) as error:
        raise InputError(
            f"{folder} holds no finished run (run.json); first `fmi run EXPERIMENT.yaml --out {folder}`"
        ) from error
    return finished


def specify(experiment, cell, materials, predecessor_digest):
    """Everything that decides a cell's picture, as JSON holds it: a stored cell is reused only if all of it is equal."""
    data = {key: value for key, value in as_data(experiment).items() if key not in _CHOOSING}
    specification = {
        "name": cell.name,
        "image": image_name(cell.image),
        "image_sha256": materials.sources[cell.image].digest,
        "layer": cell.layers[0] if experiment.layers and cell.layers else None,
        "filter": cell.filter,
        "draw_number": cell.draw,
        "style": image_name(cell.style) if cell.style else None,
        "style_sha256": materials.sources[cell.style].digest if cell.style else None,
        "filters": list(experiment.filters) if cell.method == "maps" else None,
        "weights_sha256": materials.digest if cell.layers else None,
    }
    if experiment.precision:
        specification["precision"] = precision_on(experiment.precision, device_of(materials.weights))
    predecessor = {"name": cell.predecessor, "specification_sha256": predecessor_digest} if cell.predecessor else None
    known = {key: value for key, value in specification.items() if value is not None}
    return {**data, **known, "method": cell.method, "predecessor": predecessor}


def versions():
    """Versions of what the numbers come from, for a cell's record."""
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "fmi_mx": __version__,
        **installed_builds(),
    }


def _digest(specification):
    return hashlib.sha256(json.dumps(specification, sort_keys=True).encode()).hexdigest()
