"""Weights of any known format -> the canonical form, with where they come from beside them."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, as_line
from ..files.fetch import checksums
from ..machine.aliases import AnyPath
from . import apart, known
from .canonical import array_digest, check_target, provenance_path, write_weights
from .checks import check_arrays
from .foreign.formats import Foreign

_STANDARD_DEVIATION = np.array([0.229, 0.224, 0.225])
_TORCHVISION = (
    "not Oxford's, so taken as torchvision's: conv1_1 divided by 255 (0.229, 0.224, 0.225)",
    "remaining difference: torchvision subtracts 255 (0.485, 0.456, 0.406) = (123.675, 116.28, 103.53), not "
    "(123.68, 116.779, 103.939)",
)
_LARGEST_PROVENANCE = 2**16  # bytes; ours has 4,000


def convert(source: AnyPath, target: AnyPath) -> dict[str, Any]:
    """Converts weights of any known format, and writes where they come from beside them.

    source: file, or the folder of a TensorFlow.js model. target: .params or .npz. Returns the provenance, which is also in
    the file TARGET with the ending .provenance.json. Raises InputError for what cannot be read or is not VGG-19.
    """
    check_target(target)
    arrays, provenance = read_any(source)
    write_weights(arrays, target, provenance)
    return provenance


def network_of(arrays: dict[str, np.ndarray], path: AnyPath) -> str:
    """Which network canonical arrays are, one line: by what they show, else by the provenance beside their file, path, if
    that speaks of these very numbers."""
    found = provenance_of(arrays, path).get("network")
    return as_line(found) if found and isinstance(found, str) else known.describe(arrays)


def provenance_of(arrays: dict[str, np.ndarray], path: AnyPath) -> dict[str, Any]:
    """The provenance beside the file, path, of canonical arrays, where it is of these very numbers; else an empty dict."""
    beside = provenance_path(path)
    try:
        found = os.stat(beside)
        if not stat.S_ISREG(found.st_mode) or found.st_size > _LARGEST_PROVENANCE:
            return {}
        provenance = json.loads(beside.read_text(encoding="utf-8"))
        same = provenance["sha256"] == {name: array_digest(array) for name, array in arrays.items()}
        return provenance if same else {}
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return {}


def read_any(source: AnyPath) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Canonical arrays of a file of any known format, read in a process of its own (see ``apart``), and their provenance.
    Raises InputError as ``convert`` does."""
    source = Path(source)
    try:
        foreign = apart.read(source)
        arrays, done = _canonical(foreign)
        check_arrays(arrays)
    except InputError as error:
        raise InputError(f"weights {as_line(str(source))}: {error}") from error
    sums = checksums(source) if source.is_file() else {p.name: checksums(p)["sha256"] for p in _files(source)}
    provenance = {
        "source": source.name,
        "format": foreign.kind,
        "checksums": sums,
        "network": known.describe(arrays, sums.get("sha256")),
        "conversions": [*foreign.done, *done],
        "sha256": {name: array_digest(array) for name, array in arrays.items()},
    }
    return arrays, provenance


def _canonical(foreign: Foreign) -> tuple[dict[str, np.ndarray], list[str]]:
    """Arrays of a network that is fed RGB, 0..255 minus the mean; and what was done for it."""
    arrays, first, done = foreign.arrays, foreign.arrays["conv1_1_weight"], []
    bgr = foreign.scale == "BGR"
    if known.is_oxford(arrays):
        if known.takes_bgr(arrays) != bgr and foreign.scale != "torchvision":  # e.g. an .npz that was filled from Caffe
            done.append("Oxford's weights, recognised by their biases, are in the other order than this format has")
        bgr = known.takes_bgr(arrays)
    elif foreign.scale == "torchvision":
        first = (first / (255 * _STANDARD_DEVIATION[:, None, None])).astype(np.float32)
        done.extend(_TORCHVISION)
    if bgr:
        first = np.ascontiguousarray(first[:, ::-1])
        done.append("conv1_1: BGR to RGB")
    return {**arrays, "conv1_1_weight": first}, done


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())
