"""Every format of VGG-19's weights that is read, told apart by content, one short reader each. Only the program that reads a
stranger's file (``apart``) runs them."""

from __future__ import annotations

import importlib
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...errors import InputError, as_line
from ...network.vgg19 import LAYERS
from . import keras_files, params_file, torch_file
from .naming import check_whole, choose
from .stored_numbers import BFLOAT16, Damaged, from_bytes

_CONVOLUTIONS = [name for name, (kind, _, _) in LAYERS.items() if kind == "conv"]
_KERNELS_LAST = "axes (kh, kw, in, out) to (out, in, kh, kw)"


class Foreign(NamedTuple):
    """What a file holds. arrays: canonical name -> array, (out, in, kh, kw) and (out,). kind: the format. scale: what the
    network is fed, one of ``naming.SCALES``. done: the conversions so far, in words."""

    arrays: dict[str, np.ndarray]
    kind: str
    scale: str
    done: tuple[str, ...] = ()


class Format(NamedTuple):
    """kind: its name. read: raises InputError, without the file's name, and whatever its library
    raises at a damaged file. needs: the modules that it imports."""

    kind: str
    read: Callable[[Path], Foreign]
    needs: tuple[str, ...] = ()


def format_of(source: Path) -> Format:
    """The ``Format`` that a file's first bytes say. source: a folder for a TensorFlow.js model. Raises InputError
    for one that is not known."""
    if source.is_dir():
        return Format("TensorFlow.js", _tensorflow_js)
    with open(source, "rb") as file:
        start = file.read(32)
    for magic, words in _NOT_READ.items():
        if start.lower().startswith(magic.lower()):
            raise InputError(f"it is {words}")
    for magic, found in _FORMATS.items():
        if start.startswith(magic):
            return found
    if start[8:9] == b"{":  # behind the length of what is in the braces
        return Format("safetensors", _safetensors, ("safetensors",))
    raise InputError(
        "not a format that is known (MXNet .params, .npz, Caffe .caffemodel, MatConvNet .mat, Keras .h5, TensorFlow.js "
        "folder, PyTorch .pth, safetensors)"
    )


def prepare(found: Format) -> None:
    """Imports what reading a ``Format`` needs. Raises InputError where it is not installed."""
    for module in found.needs:
        try:
            importlib.import_module(module)
        except ImportError as error:
            reason = as_line(str(error))
            raise InputError(f"{found.kind} needs {module} ({reason}): pip install -e '.[convert]'") from error


def _named(kind: str, names: list[str], read: Callable[[str], np.ndarray]) -> Foreign:
    """``Foreign`` of a file whose arrays have names. read: name -> array."""
    naming = choose(names)
    arrays = {name: read(key) for name, key in naming.keys.items()}
    return Foreign(arrays, kind, naming.scale, (naming.said,) if naming.said else ())


def _params(path: Path) -> Foreign:
    with params_file.open_params(path) as (names, read):
        return _named("MXNet .params", names, read)


def _torch(path: Path) -> Foreign:
    with torch_file.open_torch(path) as (names, read):
        return _named("PyTorch .pth", names, read)


def _zip(path: Path) -> Foreign:
    with zipfile.ZipFile(path) as archive:
        members = archive.namelist()
    if any(torch_file.is_pickle(name) for name in members):
        return _torch(path)
    if "model.weights.h5" in members:
        raise InputError("it is a .keras archive; model.save_weights('x.weights.h5') writes what is read")
    with np.load(path, allow_pickle=False) as arrays:
        return _named(".npz", arrays.files, arrays.__getitem__)


def _safetensors(path: Path) -> Foreign:
    """By the library's function that returns the bytes, for NumPy has no bfloat16."""
    from safetensors import deserialize

    kinds = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": BFLOAT16}
    found = dict(deserialize(path.read_bytes()))

    def read(name: str) -> np.ndarray:
        entry = found[name]
        if entry["dtype"] not in kinds:
            raise InputError(f"{name} is {entry['dtype']}, and numbers of {', '.join(kinds)} are read")
        return from_bytes(entry["data"], kinds[entry["dtype"]]).reshape(entry["shape"])

    return _named("safetensors", sorted(found), read)


def _keras(path: Path) -> Foreign:
    return Foreign(keras_files.read_h5(path), "Keras .h5", "BGR", (_KERNELS_LAST,))


def _tensorflow_js(folder: Path) -> Foreign:
    return Foreign(keras_files.read_tensorflow_js(folder), "TensorFlow.js", "BGR", (_KERNELS_LAST,))


def _matconvnet(path: Path) -> Foreign:
    """MatConvNet: a list of layers with weights {(kh, kw, in, out), (out)} (older files: filters and biases)."""
    from scipy.io import loadmat

    arrays, names = {}, []
    for layer in loadmat(path, squeeze_me=True, struct_as_record=False, variable_names=["layers"])["layers"]:
        name = str(getattr(layer, "name", ""))
        names.append(name)
        if name in _CONVOLUTIONS:
            weight, bias = layer.weights if hasattr(layer, "weights") else (layer.filters, layer.biases)
            arrays[f"{name}_weight"] = weight.transpose(3, 2, 0, 1)
            arrays[f"{name}_bias"] = bias.reshape(-1)
    check_whole(arrays, names)
    return Foreign(arrays, "MatConvNet .mat", "RGB", (_KERNELS_LAST,))


def _caffe(path: Path) -> Foreign:
    """Caffe, read by OpenCV with a network description of our own, which it wants to have in a file: one in memory, so that
    nothing is left of it whatever happens."""
    import cv2

    description = os.memfd_create("vgg19.prototxt")
    os.write(description, _prototxt().encode())
    try:
        net = cv2.dnn.readNetFromCaffe(f"/proc/self/fd/{description}", str(path))
    except cv2.error as error:
        raise Damaged(f"or no Caffe network of VGG-19: {as_line(error.err)}") from error
    arrays: dict[str, np.ndarray] = {}
    for name in _CONVOLUTIONS:
        try:
            arrays[f"{name}_weight"] = net.getParam(name, 0)
            arrays[f"{name}_bias"] = net.getParam(name, 1).reshape(-1)
        except cv2.error:  # it has no such layer
            continue
    check_whole(arrays, ())
    return Foreign(arrays, "Caffe .caffemodel", "BGR")


def _prototxt() -> str:
    """VGG-19's convolutions, one behind the other, in Caffe's language: enough to read their weights."""
    lines, below = ['name: "VGG19"', 'input: "data"', "input_shape { dim: 1 dim: 3 dim: 16 dim: 16 }"], "data"
    for name in _CONVOLUTIONS:
        filters = LAYERS[name][1]
        lines.append(f'layer {{ name: "{name}" type: "Convolution" bottom: "{below}" top: "{name}"')
        lines.append(f"  convolution_param {{ num_output: {filters} pad: 1 kernel_size: 3 }} }}")
        below = name
    return "\n".join(lines) + "\n"


_FORMATS = {
    params_file.MAGIC[:8]: Format("MXNet .params", _params),
    b"PK\x03\x04": Format("zip", _zip),
    torch_file.MAGIC: Format("PyTorch .pth", _torch),
    b"\x89HDF\r\n\x1a\n": Format("Keras .h5", _keras, ("h5py",)),
    b"MATLAB 5.0 MAT-file": Format("MatConvNet .mat", _matconvnet, ("scipy.io",)),
    b"\n": Format("Caffe .caffemodel", _caffe, ("cv2",)),  # protobuf has no magic number; field 1 of a network is its name
}
_NOT_READ = {
    b"MATLAB 7.3 MAT-file": "a MATLAB 7.3 file; save(..., '-v7') writes what is read",
    b"\x93NUMPY": "a single .npy, and VGG-19 has 32 arrays; np.savez writes what is read",
    b"<!doctype html": "a web page in place of the file; download it again",
    b"<html": "a web page in place of the file; download it again",
    b"version https://git-lfs": "Git LFS's pointer in place of the file; `git lfs pull` gets it",
}
