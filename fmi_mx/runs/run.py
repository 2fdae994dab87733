"""Computes the cells of an experiment that are not stored yet."""

from __future__ import annotations

import platform
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import __version__
from ..descent.optimisers import Pass
from ..errors import as_line
from ..experiment.cell import Cell, cells
from ..experiment.experiment import Experiment, as_data
from ..files import store
from ..files.finding import image_name
from ..files.images import png_bytes
from ..machine.aliases import AnyPath
from ..machine.mxnet import installed_builds
from .compute import NO_MEMORY, CellFailed, compute
from .finished import finish, read_cell
from .materials import Materials, gather

# Keys of an experiment that say which cells there are, and nothing of any one of them.
_STREAMS = 2  # how cells draw random numbers: by purpose; version 0.1 drew v behind the initial image
_CHOOSING = ("figure", "images", "credits", "layers", "filters", "draws", "styles", "losses")


def run(
    experiment: Experiment,
    out: AnyPath,
    weights: AnyPath,
    images: AnyPath,
    device: str = "auto",
    on_cell: Callable[[Cell, dict[str, Any], bool], None] | None = None,
    on_pass: Callable[[Cell, Pass], None] | None = None,
) -> list[dict[str, Any]]:
    """Computes what is missing of an experiment, and writes run.json last.

    out: the run's folder. weights: file. images: folder of the images. device: see ``choose_device``. on_cell(cell, record,
    stored) is called for each cell, stored True where it was there already; on_pass after each pass. Returns the records,
    one a cell; that of a cell that cannot be computed says why (``failed``), and the next run tries it again. Raises
    InputError before anything is computed or written for whatever is wrong with the input, and later where the folder is
    deleted or made anew; the cells done by then stay.
    """
    materials = gather(experiment, weights, images, device)
    with store.locked(out) as check_folder:
        records: dict[str, dict[str, Any]] = {}
        for cell in cells(experiment):
            before = records.get(cell.predecessor) if cell.predecessor else None
            specification = specify(materials, cell, before)
            found = read_cell(out, cell.name)
            if found is not None and found["specification"] == specification and "failed" not in found:
                record, stored = found, True
            else:
                record, stored = _compute(materials, cell, out, specification, before, check_folder, on_pass), False
            records[cell.name] = record
            if on_cell:
                on_cell(cell, record, stored)
        check_folder()
        finish(out, experiment, list(records.values()), materials.network.width if materials.network else 1)
    return list(records.values())


def _compute(
    materials: Materials,
    cell: Cell,
    out: AnyPath,
    specification: dict[str, Any],
    before: dict[str, Any] | None,
    check_folder: Callable[[], None],
    on_pass: Callable[[Cell, Pass], None] | None,
) -> dict[str, Any]:
    """Computes a cell and stores it, or why it cannot be computed. before: the record of its predecessor, if it has one.
    Returns its record."""
    where = {"machine": materials.network.machine} if materials.network and cell.layers else {}
    record: dict[str, Any] = {"specification": specification, **where, "versions": versions()}
    try:
        if before and "failed" in before:
            raise CellFailed(f"its target comes from {cell.predecessor}, which failed")
        picture, arrays, facts = compute(materials, cell, out, on_pass)
        check_folder()
        return store.save_cell(out, cell.name, png_bytes(picture), arrays, {**record, **facts})
    except CellFailed as error:
        reason = as_line(" ".join(str(error).split()))
    except MemoryError:
        reason = NO_MEMORY
    check_folder()
    return store.save_failure(out, cell.name, {**record, "failed": reason})


def specify(materials: Materials, cell: Cell, before: dict[str, Any] | None) -> dict[str, Any]:
    """Everything that decides a cell's picture, as JSON holds it: a stored cell is reused only if all of it is equal.
    before: the record of its predecessor, if it has one, whose very numbers the target comes from."""
    experiment, network = materials.experiment, materials.network
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
        "weights_sha256": network.digest if network and cell.layers else None,
        "precision": network.precision if network else None,
        "streams": _STREAMS if experiment.seed is not None else None,
    }
    predecessor = None
    if before:
        digest = store.data_digest(before["specification"])
        numbers = before["files"].get(".npz")
        predecessor = {"name": cell.predecessor, "specification_sha256": digest, "npz_sha256": numbers}
    known = {key: value for key, value in specification.items() if value is not None}
    return {**data, **known, "method": cell.method, "predecessor": predecessor}


def versions() -> dict[str, str]:
    """Versions of what the numbers come from, for a cell's record."""
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "fmi_mx": __version__,
        **installed_builds(),
    }
