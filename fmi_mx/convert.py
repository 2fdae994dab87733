"""Weights of any known format -> the canonical form, with where they come from beside them."""

import json
from pathlib import Path

import numpy as np

from . import known
from .errors import InputError
from .fetch import checksums
from .formats import read_foreign
from .network import weight_shapes
from .store import write_json
from .weights import array_digest, check_arrays, check_target, write_weights


def convert(source, target):
    """Converts weights of any known format, and writes where they come from beside them.

    source: file, or the folder of a TensorFlow.js model. target: .params or .npz. Returns the provenance, which is also in
    the file TARGET with the ending .provenance.json. Raises InputError for what cannot be read or is not VGG-19.
    """
    check_target(target)
    return write_canonical(*read_any(source), target)


def write_canonical(arrays, provenance, target):
    """Writes canonical arrays and beside them their provenance, which is what it returns. Raises InputError as
    ``write_weights`` does."""
    write_weights(arrays, target)
    write_json(Path(target).with_suffix(".provenance.json"), provenance)
    return provenance


def network_of(arrays, path):
    """Which network canonical arrays are, one line: by what they show, else by the provenance beside their file, path, if
    that speaks of these very numbers."""
    return str(provenance_of(arrays, path).get("network") or known.describe(arrays))


def provenance_of(arrays, path):
    """The provenance beside the file, path, of canonical arrays, where it is of these very numbers; else an empty dict."""
    try:
        found = json.loads(Path(path).with_suffix(".provenance.json").read_text())
        same = found["sha256"] == {name: array_digest(array) for name, array in arrays.items()}
        return found if same else {}
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def read_any(source):
    """Canonical arrays of a file of any known format, and their provenance. Raises InputError as ``convert`` does."""
    source = Path(source)
    if not source.exists():
        raise InputError(f"weights {source}: no such file")
    try:
        foreign = read_foreign(source)
        arrays, done = _canonical(foreign)
        check_arrays(arrays)
    except InputError as error:
        raise InputError(f"weights {source}: {error}") from error
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


def _canonical(foreign):
    """float32, RGB, contiguous, in the network's order; and what was done for it."""
    missing = [name for name in weight_shapes() if name not in foreign.arrays]
    if missing:
        raise InputError(f"{missing[0]} is missing" + (f", and {len(missing) - 1} more" if missing[1:] else ""))
    done = []
    # Taken out one by one, so that never more than twice the weights are in memory.
    arrays = {name: np.ascontiguousarray(foreign.arrays.pop(name), np.float32) for name in weight_shapes()}
    bgr = foreign.channels == "BGR"
    if known.is_oxford(arrays) and known.takes_bgr(arrays) != bgr:  # e.g. an .npz that was filled from Caffe
        bgr = not bgr
        done.append("Oxford's weights, recognised by their biases, are in the other order than this format has")
    if bgr and arrays["conv1_1_weight"].ndim == 4:
        arrays["conv1_1_weight"] = np.ascontiguousarray(arrays["conv1_1_weight"][:, ::-1])
        done.append("conv1_1: BGR to RGB")
    return arrays, done


def _files(folder):
    return sorted(path for path in folder.iterdir() if path.is_file())
