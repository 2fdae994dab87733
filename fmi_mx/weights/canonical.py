"""The canonical weights of VGG-19: 32 float32 arrays, RGB, (out, in, kh, kw), in a .params or an .npz file."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, as_line, shown
from ..files import whole
from ..machine.aliases import AnyPath, Arrays, Context
from ..machine.mxnet import mx
from ..network.executors import to_device
from . import apart, known
from .checks import check_arrays
from .foreign.formats import format_of
from .foreign.params_file import write_params

_ENDINGS = (".params", ".npz")


def read_weights(path: AnyPath) -> dict[str, np.ndarray]:
    """The arrays of a weights file, checked, and read in a process of its own (see ``apart``).

    path: MXNet's .params (``arg:conv1_1_weight`` ...) or .npz (``conv1_1_weight`` ...), told apart by content; float32, or
    float16, which becomes float32. The network is as wide as conv1_1 is (``network.WIDTHS``).
    Returns name -> float32 array in the network's order. Raises InputError, naming the file and what is wrong, for a
    file that is missing, cut, hostile or of another kind, for a layer that is missing, of another shape or type, or not
    finite, and for Oxford's weights in BGR order.
    """
    try:
        arrays = apart.read(path, canonical=True).arrays
        check_arrays(arrays)
        if known.is_oxford(arrays) and known.takes_bgr(arrays):
            raise InputError("conv1_1 takes BGR, and RGB is fed here; `fmi weights convert` turns it round")
    except InputError as error:
        remedy = (
            "" if "`fmi " in str(error) else "; `fmi weights fetch` gets a good one, `fmi weights convert` reads other kinds"
        )
        raise InputError(f"weights {as_line(str(path))}: {error}{remedy}") from error
    return arrays


def load_weights(path: AnyPath, device: Context | None = None) -> Arrays:
    """The weights as NDArrays on a device (the CPU when None).

    Raises InputError as ``read_weights`` does.
    """
    return to_device(read_weights(path), device or mx.cpu())


def weights_digest(arrays: dict[str, np.ndarray]) -> str:
    """SHA-256, hexadecimal, of the numbers themselves: the same for a .params and an .npz of the same weights."""
    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def array_digest(array: np.ndarray) -> str:
    """SHA-256, hexadecimal, of one array's numbers."""
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()


def check_target(path: AnyPath) -> None:
    """Raises InputError where ``write_weights`` could not write path: another ending, or no folder to write into."""
    path = Path(path)
    if path.suffix not in _ENDINGS:
        raise InputError(f"weights are written as .params or .npz, not as {shown(path.name)}; give --to such a name")
    if reason := _no_place(path):
        raise InputError(f"weights {as_line(str(path))} cannot be written ({reason}); give another place with --to")


def _no_place(path: Path) -> str:
    for place in (path, provenance_path(path)):
        if place.is_dir():
            return f"{shown(place.name)} is a directory"
    if not path.parent.is_dir():
        return f"no folder {as_line(str(path.parent))}"
    return "" if os.access(path.parent, os.W_OK) else f"no right to write {as_line(str(path.parent))}"


def write_weights(arrays: dict[str, np.ndarray], path: AnyPath, provenance: dict[str, Any] | None = None) -> None:
    """Writes arrays as path's ending says: .params (``arg:`` before each name) or .npz; and provenance, where it is
    given, as JSON beside it, with the ending .provenance.json.

    What is written is read again before it has its name: both files are there whole, or what was there before is. Raises
    InputError as ``check_arrays`` and ``check_target`` do, and where the disk does not take it.
    """
    path = Path(path)
    check_target(path)
    try:
        check_arrays(arrays)
    except InputError as error:
        raise InputError(f"weights {as_line(str(path))} are not written: {error}") from error
    places = [path, provenance_path(path)][: 1 if provenance is None else 2]
    try:
        with whole.together(*places) as parts:
            _write(arrays, parts[0], path.suffix)
            if not _is_there(arrays, parts[0]):
                raise OSError(errno.EIO, "the disk has lost some of it")
            for part in parts[1:]:
                part.write_text(json.dumps(provenance, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"weights {as_line(str(path))} cannot be written ({error.strerror}); give another place with --to"
        ) from error


def provenance_path(path: AnyPath) -> Path:
    """Where a weights file's provenance is."""
    return Path(path).with_suffix(".provenance.json")


def _write(arrays: dict[str, np.ndarray], path: Path, ending: str) -> None:
    with open(path, "wb") as file:
        if ending == ".params":
            write_params({f"arg:{name}": array for name, array in arrays.items()}, file)
        else:
            packed = io.BytesIO()  # at a full disk, ZipFile would go on writing to the file after it is closed
            np.savez(packed, **arrays)
            file.write(packed.getbuffer())


def _is_there(arrays: dict[str, np.ndarray], path: Path) -> bool:
    """Whether a file that was just written holds the arrays."""
    try:
        return weights_digest(format_of(path).read(path).arrays) == weights_digest(arrays)
    except Exception:  # whatever a cut file makes of its reader
        return False
