"""What a run is going to compute: its cells, and everything that decides the picture of each. plan.json says it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import InputError
from ..experiment.cell import Cell, cells
from ..experiment.experiment import Experiment, as_data, from_data
from ..experiment.filters import filters_of
from ..files import store, whole
from ..files.finding import image_name
from ..files.plain_yaml import read_text
from ..files.readers import choice, list_of, mapping, number, or_none, read_keys, text
from ..machine.aliases import AnyPath
from ..machine.precision import PRECISIONS
from ..network.vgg19 import WIDTHS
from .materials import Materials

_STREAMS = 2  # how cells draw random numbers: by purpose; version 0.1 drew v behind the initial image
LARGEST = 10**8  # bytes of a plan.json
# Keys of an experiment that say which cells there are, and nothing of any one of them.
_CHOOSING = ("figure", "images", "credits", "layers", "filters", "draws", "styles", "losses")


class Plan(NamedTuple):
    """What decides the cells of a run. images: SHA-256 of each image's file, styles among them. weights: of the weights'
    numbers, and width and precision of the network; None where no cell needs one."""

    experiment: Experiment
    images: Mapping[str, str]
    weights: str | None
    width: float | None
    precision: str | None


def plan_of(materials: Materials) -> Plan:
    """The plan of what has been gathered."""
    known = materials.weights
    digests = {image: source.digest for image, source in materials.sources.items()}
    return Plan(materials.experiment, digests, known and known.digest, known.width if known else None, materials.precision)


def specify(plan: Plan, cell: Cell, before: Mapping[str, Any] | None) -> dict[str, Any]:
    """Everything that decides a cell's picture, as JSON holds it: a stored cell is reused only if all of it is equal.
    before: the record of its predecessor, if it has one, whose very numbers the target comes from."""
    experiment = plan.experiment
    data = {key: value for key, value in as_data(experiment).items() if key not in _CHOOSING}
    specification = {
        "name": cell.name,
        "image": image_name(cell.image),
        "image_sha256": plan.images[cell.image],
        "layer": cell.layers[0] if experiment.layers and cell.layers else None,
        "filter": cell.filter,
        "draw_number": cell.draw,
        "style": image_name(cell.style) if cell.style else None,
        "style_sha256": plan.images[cell.style] if cell.style else None,
        "filters": list(filters_of(experiment.filters, cell.layers[0])) if cell.method == "maps" else None,
        "weights_sha256": plan.weights if cell.layers else None,
        "precision": plan.precision,
        "streams": _STREAMS if experiment.seed is not None else None,
    }
    predecessor = None
    if before:
        digest = store.data_digest(before["specification"])
        numbers = before["files"].get(".npz")
        predecessor = {"name": cell.predecessor, "specification_sha256": digest, "npz_sha256": numbers}
    known = {key: value for key, value in specification.items() if value is not None}
    return {**data, **known, "method": cell.method, "predecessor": predecessor}


def write_plan(folder: AnyPath, plan: Plan) -> None:
    """Writes plan.json into a run's folder, before its first cell."""
    content = {
        "experiment": as_data(plan.experiment),
        "cells": [cell.name for cell in cells(plan.experiment, plan.width or 1)],
        "images": dict(plan.images),
        "weights": plan.weights,
        "width": plan.width,
        "precision": plan.precision,
    }
    whole.write_json(Path(folder) / "plan.json", content)


def read_plan(folder: AnyPath) -> Plan:
    """The plan in a run's folder. Raises InputError where there is none, or none that a run of this version wrote."""
    again = f"first `fmi run EXPERIMENT.yaml --out {folder}`"
    try:
        content = json.loads(read_text(Path(folder) / "plan.json", LARGEST))
        content = read_keys(mapping(content), _SCHEMA)
        experiment = from_data(content["experiment"])
        if not set(experiment.images + (experiment.styles or ())) <= set(content["images"]):
            raise InputError("images: lacks an image of the experiment")
        if content["width"] not in (None, *WIDTHS):
            raise InputError(f"width: must be {' or '.join(map(str, WIDTHS))}")
    except InputError as error:
        raise InputError(f"{folder} holds no run of this version (plan.json: {error}); {again}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{folder} holds no run (plan.json is damaged); {again}") from error
    return Plan(experiment, content["images"], content["weights"], content["width"], content["precision"])


_SCHEMA = {
    "experiment": mapping,
    "cells": list_of(lambda value: [text(value)]),
    "images": lambda value: {text(name): text(digest) for name, digest in mapping(value).items()},
    "weights": or_none(text),
    "width": or_none(number(0, above=True, high=1)),
    "precision": or_none(choice(*PRECISIONS)),
}
