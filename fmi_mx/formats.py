"""Every foreign format of VGG-19's weights, told apart by content, one short reader each.

A reader takes a path and returns ``Foreign``: canonical names and axes, the channels still in the source's order.
"""

import json
import tempfile
import zipfile
from pathlib import Path
from typing import Dict, NamedTuple

import cv2
import numpy as np

from . import known, torch_file
from .errors import InputError
from .network import LAYERS
from .weights import PARAMS_MAGIC, ZIP_MAGIC, read_arrays

_CONVOLUTIONS = [name for name, (kind, _, _) in LAYERS.items() if kind == "conv"]
_TORCHVISION_STD = np.array([0.229, 0.224, 0.225])


class Foreign(NamedTuple):
    """What a reader returns. arrays: canonical name -> array, (out, in, kh, kw) and (out,). kind: the format. channels:
    ``RGB`` or ``BGR`` of conv1_1. done: the conversions, in words."""

    arrays: Dict[str, np.ndarray]
    kind: str
    channels: str
    done: tuple = ()


def read_foreign(source):
    """Reads weights of any known format. source: Path of a file, or of the folder of a TensorFlow.js model.

    Returns ``Foreign``. Raises InputError, without the file's name, for what is cut or of no known format.
    """
    return _reader(source)(source)


def _reader(source):
    """The reader for what a file's first bytes say, or a folder's model.json."""
    if source.is_dir():
        if not (source / "model.json").is_file():
            raise InputError("is a folder without the model.json of a TensorFlow.js model")
        return _tensorflow_js
    with open(source, "rb") as file:
        start = file.read(32)
    if start.startswith(PARAMS_MAGIC):
        return _canonical_file
    if start.startswith(ZIP_MAGIC):
        return _npz_or_torch
    if start.startswith(torch_file.MAGIC):
        return _torch
    if start.startswith(b"\x89HDF\r\n\x1a\n"):
        return _keras
    if start.startswith(b"MATLAB 5.0 MAT-file"):
        return _matconvnet
    if start.startswith(b"\n"):  # protobuf has no magic number; field 1 of a Caffe network is its name
        return _caffe
    raise InputError(
        "not a format that is known (MXNet .params, .npz, Caffe .caffemodel, MatConvNet .mat, Keras .h5, TensorFlow.js "
        "folder, PyTorch .pth)"
    )


def _canonical_file(path):
    return Foreign(read_arrays(path), "MXNet .params or .npz", "RGB")


def _npz_or_torch(path):
    try:
        with zipfile.ZipFile(path) as archive:
            is_torch = any(name.endswith("/data.pkl") for name in archive.namelist())
    except zipfile.BadZipFile as error:
        raise InputError(f"the file is cut or damaged ({error})") from error
    return _torch(path) if is_torch else _canonical_file(path)


def _torch(path):
    """torchvision's and jcjohnson's state dictionaries: features.0.weight, ... counting ReLUs and poolings."""
    tensors = torch_file.read_tensors(path)
    arrays = {}
    for number, name in enumerate(LAYERS):
        for part in ("weight", "bias"):
            if name in _CONVOLUTIONS and f"features.{number}.{part}" in tensors:
                arrays[f"{name}_{part}"] = tensors[f"features.{number}.{part}"]
    if known.is_oxford(arrays):
        return Foreign(arrays, "PyTorch .pth", "BGR")
    if "conv1_1_weight" in arrays and arrays["conv1_1_weight"].ndim == 4 and arrays["conv1_1_weight"].shape[1] == 3:
        scale = 255 * _TORCHVISION_STD[:, None, None]
        arrays["conv1_1_weight"] = (arrays["conv1_1_weight"] / scale).astype(np.float32)
    done = (
        "not Oxford's, so taken as torchvision's: conv1_1 divided by 255 (0.229, 0.224, 0.225)",
        "remaining difference: torchvision subtracts 255 (0.485, 0.456, 0.406) = (123.675, 116.28, 103.53), not "
        "(123.68, 116.779, 103.939)",
    )
    return Foreign(arrays, "PyTorch .pth", "RGB", done)


def _keras(path):
    """Keras, with or without top: block1_conv1/..., (kh, kw, in, out)."""
    try:
        import h5py
    except ImportError as error:
        raise InputError("Keras files need h5py: pip install -e '.[convert]'") from error
    found = {}

    def visit(name, entry):
        if isinstance(entry, h5py.Dataset) and not name.startswith("optimizer_weights/"):
            found[name] = entry[()]

    try:
        with h5py.File(path, "r") as file:
            file.visititems(visit)
    except (OSError, RuntimeError, KeyError) as error:
        raise InputError(f"the file is cut or damaged ({error})") from error
    return Foreign(_from_keras_names(found), "Keras .h5", "BGR", ("axes (kh, kw, in, out) to (out, in, kh, kw)",))


def _tensorflow_js(folder):
    """A TensorFlow.js layers model: model.json and its shards, float32 or quantised to uint8 or uint16."""
    found = {}
    try:
        for group in json.loads((folder / "model.json").read_text())["weightsManifest"]:
            data = b"".join((folder / Path(name).name).read_bytes() for name in group["paths"])
            found.update(_tensorflow_js_group(data, group["weights"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"the model is cut or damaged ({type(error).__name__}: {error})") from error
    return Foreign(_from_keras_names(found), "TensorFlow.js", "BGR", ("axes (kh, kw, in, out) to (out, in, kh, kw)",))


def _tensorflow_js_group(data, weights):
    """The arrays, by name, that a group's bytes hold one behind the other."""
    found, offset = {}, 0
    for weight in weights:
        stored = weight.get("quantization", {})
        kind = np.dtype(stored.get("dtype", weight["dtype"])).newbyteorder("<")
        count = int(np.prod(weight["shape"]))
        array = np.frombuffer(data, kind, count, offset).reshape(weight["shape"])
        offset += count * kind.itemsize
        if "scale" in stored:
            array = (array * np.float64(stored["scale"]) + stored["min"]).astype(np.float32)
        found[weight["name"]] = array
    return found


def _from_keras_names(found):
    """Arrays by path (``.../block1_conv1/...``) as canonical ones, copied, by their number of axes."""
    arrays = {}
    for path, array in found.items():
        for name in _CONVOLUTIONS:
            if f"block{name[4]}_conv{name[6]}/" in f"{path}/" and array.ndim in (1, 4):
                key = f"{name}_weight" if array.ndim == 4 else f"{name}_bias"
                if key in arrays:
                    raise InputError(f"{key} is there twice, the second time as {path}")
                arrays[key] = np.array(array.transpose(3, 2, 0, 1) if array.ndim == 4 else array, np.float32, order="C")
    return arrays


def _matconvnet(path):
    """MatConvNet: a list of layers with weights {(kh, kw, in, out), (out)} (older files: filters and biases)."""
    from scipy.io import loadmat

    arrays = {}
    try:
        for layer in loadmat(path, squeeze_me=True, struct_as_record=False)["layers"]:
            if getattr(layer, "name", "") in _CONVOLUTIONS:
                pair = layer.weights if hasattr(layer, "weights") else (layer.filters, layer.biases)
                arrays[f"{layer.name}_weight"] = pair[0].transpose(3, 2, 0, 1)
                arrays[f"{layer.name}_bias"] = np.reshape(pair[1], -1)
    except Exception as error:  # scipy raises whatever a damaged file leads it to
        raise InputError(f"the file is cut or damaged ({type(error).__name__}: {' '.join(str(error).split())})") from error
    return Foreign(arrays, "MatConvNet .mat", "RGB", ("axes (kh, kw, in, out) to (out, in, kh, kw)",))


def _caffe(path):
    """Caffe, read by OpenCV with a network description of our own."""
    with tempfile.NamedTemporaryFile("w", suffix=".prototxt") as description:
        description.write(_prototxt())
        description.flush()
        try:
            net = cv2.dnn.readNetFromCaffe(description.name, str(path))
            arrays = {}
            for name in _CONVOLUTIONS:
                arrays[f"{name}_weight"] = net.getParam(name, 0)
                arrays[f"{name}_bias"] = net.getParam(name, 1).reshape(-1)
        except cv2.error as error:
            raise InputError(f"the file is cut or damaged, or no Caffe network of VGG-19 ({error.err})") from error
    return Foreign(arrays, "Caffe .caffemodel", "BGR")


def _prototxt():
    """VGG-19's convolutions, one behind the other, in Caffe's language: enough to read their weights."""
    lines, below = ['name: "VGG19"', 'input: "data"', "input_shape { dim: 1 dim: 3 dim: 16 dim: 16 }"], "data"
    for name in _CONVOLUTIONS:
        filters = LAYERS[name][1]
        lines.append(f'layer {{ name: "{name}" type: "Convolution" bottom: "{below}" top: "{name}"')
        lines.append(f"  convolution_param {{ num_output: {filters} pad: 1 kernel_size: 3 }} }}")
        below = name
    return "\n".join(lines) + "\n"
