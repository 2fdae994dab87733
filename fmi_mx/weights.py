"""The canonical weights of VGG-19: 32 float32 arrays, RGB, (out, in, kh, kw), in a .params or an .npz file."""

import hashlib
import os
from fractions import Fraction
from pathlib import Path

import numpy as np

from . import known, store
from .errors import InputError
from .mxnet_setup import mx
from .network import weight_shapes, width_of

PARAMS_MAGIC = b"\x12\x01\0\0"  # 0x112, MXNet's kMXAPINDArrayListMagic
ZIP_MAGIC = b"PK\x03\x04"


def read_weights(path):
    """The arrays of a weights file, checked.

    path: MXNet's .params (``arg:conv1_1_weight`` ...) or .npz (``conv1_1_weight`` ...), told apart by content; float32, or
    float16, which becomes float32. The network is as wide as conv1_1 is (``network.WIDTHS``).
    Returns a dict name -> float32 array in the network's order. Raises InputError, naming the file and what is wrong, for a
    file that is missing, cut or of another kind, for a layer that is missing, of another shape or type, or not finite, and
    for Oxford's weights in BGR order.
    """
    path = Path(path)
    if not path.is_file():
        state = "is a directory" if path.is_dir() else "no such file"
        raise InputError(f"weights {path}: {state}; give a file with --weights, or `fmi weights fetch`")
    try:
        arrays = read_arrays(path)
        check_arrays(arrays)
        arrays = {name: arrays[name] for name in weight_shapes()}
        if known.is_oxford(arrays) and known.takes_bgr(arrays):
            raise InputError("conv1_1 takes BGR, and RGB is fed here; `fmi weights convert` turns it round")
    except InputError as error:
        remedy = (
            "" if "`fmi " in str(error) else "; `fmi weights fetch` gets a good one, or `fmi weights convert` another kind"
        )
        raise InputError(f"weights {path}: {error}{remedy}") from error
    return arrays


def check_arrays(arrays):
    """Raises InputError, naming the layer, unless arrays (name -> array) are VGG-19's in the canonical form, all of one of
    its widths."""
    width = width_of(arrays)
    network = "VGG-19's" if width == 1 else f"with {Fraction(width)} of VGG-19's filters it"
    for name, shape in weight_shapes(width).items():
        if name not in arrays:
            raise InputError(f"{name} is missing")
        array = arrays[name]
        if array.shape != shape:
            raise InputError(f"{name} has shape {array.shape}, {network} is {shape}")
        if array.dtype != np.float32:
            raise InputError(f"{name} is {array.dtype}, not float32 or float16")
        if not np.isfinite(array).all():
            raise InputError(f"{name} has a number that is not finite")


def load_weights(path, device=None):
    """The weights as NDArrays on a device (an ``mx.Context``; the CPU when None), name -> NDArray.

    Raises InputError as ``read_weights`` does.
    """
    return to_device(read_weights(path), device or mx.cpu())


def to_device(arrays, device):
    """Arrays name -> NumPy as name -> NDArray on a device."""
    return {name: mx.nd.array(array, ctx=device) for name, array in arrays.items()}


def device_of(weights):
    """The ``mx.Context`` of weights, name -> NDArray."""
    return next(iter(weights.values())).context


def weights_digest(arrays):
    """SHA-256, hexadecimal, of the numbers themselves: the same for a .params and an .npz of the same weights."""
    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


def array_digest(array):
    """SHA-256, hexadecimal, of one array's numbers."""
    return hashlib.sha256(np.ascontiguousarray(array)).hexdigest()


def check_target(path):
    """Raises InputError where ``write_weights`` could not write path: another ending, or no folder to write into."""
    path = Path(path)
    if path.suffix not in (".params", ".npz"):
        raise InputError(f"weights are written as .params or .npz, not as {path.name!r}; give --to such a name")
    there = path.parent.is_dir()
    if path.is_dir() or not there or not os.access(path.parent, os.W_OK):
        reason = "it is a directory" if path.is_dir() else f"no {'right to write' if there else 'folder'} {path.parent}"
        raise InputError(f"weights {path} cannot be written ({reason}); give another place with --to")


def write_weights(arrays, path):
    """Writes arrays, name -> NumPy, as path's ending says: .params (``arg:`` before each name) or .npz.

    The file is there whole or not at all. Raises InputError as ``check_target`` does, and where the disk does not take it.
    """
    path = Path(path)
    check_target(path)
    try:
        with store.aside(path) as temporary:
            if path.suffix == ".params":
                mx.nd.save(str(temporary), {f"arg:{name}": mx.nd.array(array) for name, array in arrays.items()})
            else:
                with open(temporary, "wb") as file:
                    np.savez(file, **arrays)
    except (OSError, mx.base.MXNetError) as error:
        reason = getattr(error, "strerror", None) or "MXNet cannot open it"
        raise InputError(f"weights {path} cannot be written ({reason}); give another place with --to") from error


def read_arrays(path):
    """The arrays with names of VGG-19's that a .params or an .npz file holds, name (without ``arg:``) -> array. Raises
    InputError, without the file's name, for one that is cut or of another kind."""
    with open(path, "rb") as file:
        start = file.read(4)
    if start not in (PARAMS_MAGIC, ZIP_MAGIC):
        raise InputError("neither MXNet's .params nor an .npz")
    arrays = _read_params(path) if start == PARAMS_MAGIC else _read_npz(path)
    return {name: array.astype(np.float32) if array.dtype == np.float16 else array for name, array in arrays.items()}


def _read_params(path):
    try:
        arrays = mx.nd.load(str(path))
    except (mx.base.MXNetError, UnicodeError) as error:
        raise _damaged(error) from error
    if not isinstance(arrays, dict):
        raise InputError("the arrays have no names")
    arrays = {name.split(":", 1)[-1]: array for name, array in arrays.items()}
    return {name: array.asnumpy() for name, array in arrays.items() if name in weight_shapes()}


def _read_npz(path):
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files if name in weight_shapes()}
    except Exception as error:  # NumPy and zipfile raise whatever a damaged archive leads them to
        raise _damaged(error) from error


def _damaged(error):
    lines = str(error).strip().splitlines()
    return InputError(f"the file is cut or damaged ({lines[-1] if lines else type(error).__name__})")
