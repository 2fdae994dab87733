"""Keras' weights: its .h5 file, and the folder that TensorFlow.js makes of one. Both have names as ``block1_conv1/kernel``
and axes (kh, kw, in, out)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError, shown
from ...network.vgg19 import LAYERS
from .naming import check_whole
from .stored_numbers import Damaged

_LAYERS = {f"block{name[4]}_conv{name[6]}": name for name, (kind, _, _) in LAYERS.items() if kind == "conv"}


def read_h5(path: Path) -> dict[str, np.ndarray]:
    """The arrays, canonical name -> array, of a Keras .h5 file, with or without its fully connected layers. Raises
    InputError, without the file's name, for an array that is elsewhere, twice there or missing."""
    import h5py

    with h5py.File(path, "r") as file:
        # A callback's exception would be lost in HDF5; what one returns ends the visit.
        link = file.id.links.visit(lambda name, info: name if info.type != h5py.h5l.TYPE_HARD else None, info=True)
        if link:
            raise _elsewhere(link.decode("utf-8", "replace"), "a link")
        found = {}

        def visit(name: str, entry: object) -> None:
            if isinstance(entry, h5py.Dataset) and not name.startswith("optimizer_weights/"):
                found[name] = entry

        file.visititems(visit)
        return _canonical({name: _dataset(name, entry) for name, entry in found.items() if _layer(name)}, list(found))


def _dataset(name: str, entry: Any) -> np.ndarray:
    if entry.external or entry.is_virtual:
        raise _elsewhere(name, "stored in another file")
    return entry[()]


def _elsewhere(name: str, what: str) -> InputError:
    return InputError(f"{shown(name)} is {what}, and only what is in the file itself is read")


def read_tensorflow_js(folder: Path) -> dict[str, np.ndarray]:
    """The arrays, canonical name -> array, of a TensorFlow.js layers model: model.json and its shards, float32 or quantised
    to uint8 or uint16. Only files of the folder are opened, whatever path model.json gives. Raises InputError, without the
    folder's name, for an array that is twice there or missing."""
    found = {}
    for group in json.loads((folder / "model.json").read_text(encoding="utf-8"))["weightsManifest"]:
        data = b"".join((folder / Path(name).name).read_bytes() for name in group["paths"])
        found.update(_group(data, group["weights"]))
    return _canonical({name: array for name, array in found.items() if _layer(name)}, list(found))


def _group(data: bytes, weights: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """The arrays, by name, that a group's bytes hold one behind the other."""
    found, offset = {}, 0
    for weight in weights:
        shape, stored = weight["shape"], weight.get("quantization", {})
        if type(shape) is not list or not all(type(length) is int and length >= 0 for length in shape):
            raise Damaged(f"an array of shape {shown(shape)}")
        kind = np.dtype(str(stored.get("dtype", weight["dtype"]))).newbyteorder("<")
        count = int(np.prod(shape, dtype=object))
        array = np.frombuffer(data, kind, count, offset).reshape(shape)
        offset += count * kind.itemsize
        if "scale" in stored:
            array = (array * np.float64(stored["scale"]) + stored["min"]).astype(np.float32)
        found[str(weight["name"])] = array
    return found


def _layer(path: str) -> str | None:
    """The convolution, by our name, that an array of this path belongs to, or None."""
    return next((ours for theirs, ours in _LAYERS.items() if f"/{theirs}/" in f"/{path}/"), None)


def _canonical(found: dict[str, np.ndarray], keys: list[str]) -> dict[str, np.ndarray]:
    """Arrays by path (``.../block1_conv1/...``) as canonical ones, by their number of axes. keys: all names of the file."""
    arrays = {}
    for path, array in found.items():
        if array.ndim in (1, 4):
            key = f"{_layer(path)}_{'weight' if array.ndim == 4 else 'bias'}"
            if key in arrays:
                raise InputError(f"{key} is there twice, the second time as {shown(path)}")
            arrays[key] = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array
    check_whole(arrays, keys)
    return arrays
