"""VGG-19's weights as other programs write them, each by its own library or from its published layout: one function a
format, of canonical arrays (name -> NumPy) and a path."""

import json

import h5py
import numpy as np
import scipy.io
import torch_files

from fmi_mx.machine.mxnet import mx
from fmi_mx.network.vgg19 import LAYERS

CONVOLUTIONS = [name for name in LAYERS if name.startswith("conv")]
STD = np.array([0.229, 0.224, 0.225])[None, :, None, None]


def pairs(arrays):
    return [(name, arrays[f"{name}_weight"], arrays[f"{name}_bias"]) for name in CONVOLUTIONS if f"{name}_weight" in arrays]


def bgr(name, weight):
    return np.ascontiguousarray(weight[:, ::-1]) if name == "conv1_1" else weight


def fed_bgr(arrays):
    """The same network for BGR."""
    return {**arrays, "conv1_1_weight": bgr("conv1_1", arrays["conv1_1_weight"])}


def fed_as_torchvision(arrays):
    """The same network for (x / 255 - mean) / standard deviation."""
    return {**arrays, "conv1_1_weight": (arrays["conv1_1_weight"] * 255 * STD).astype(np.float32)}


def by_position(arrays, before="features."):
    """PyTorch's names: layers counted with ReLUs and poolings."""
    places = {name: number for number, name in enumerate(LAYERS)}
    return {f"{before}{places[name[:7]]}.{name[8:]}": array for name, array in arrays.items()}


def by_name(arrays, before=""):
    """Gatys' names: conv1_1.weight."""
    return {f"{before}{name[:7]}.{name[8:]}": array for name, array in arrays.items()}


def by_number(arrays, before="vgg0_"):
    """The names that MXNet's gluon model zoo exports: vgg0_conv0_weight."""
    return {f"{before}conv{CONVOLUTIONS.index(name[:7])}_{name[8:]}": array for name, array in arrays.items()}


def write_params(arrays, path):
    extra = {"fc6_weight": np.zeros((2, 3), np.float32)}
    mx.nd.save(str(path), {f"arg:{name}": mx.nd.array(a) for name, a in {**arrays, **extra}.items()})


def write_bare_params(arrays, path):
    mx.nd.save(str(path), {name: mx.nd.array(a) for name, a in arrays.items()})


def write_npz(arrays, path):
    with open(path, "wb") as file:
        np.savez(file, **arrays)


def write_keras(arrays, path):
    with h5py.File(path, "w") as file:
        for name, weight, bias in pairs(arrays):
            layer = f"block{name[4]}_conv{name[6]}"
            group = file.create_group(layer)
            group.create_dataset(f"{layer}_W_1:0", data=bgr(name, weight).transpose(2, 3, 1, 0))
            group.create_dataset(f"{layer}_b_1:0", data=bias)


def write_keras_with_top(arrays, path):
    with h5py.File(path, "w") as file:
        for name, weight, bias in pairs(arrays):
            layer = f"block{name[4]}_conv{name[6]}"
            group = file.create_group(f"model_weights/{layer}/{layer}")
            group.create_dataset("kernel:0", data=bgr(name, weight).transpose(2, 3, 1, 0))
            group.create_dataset("bias:0", data=bias)
        file.create_dataset("model_weights/fc1/fc1/kernel:0", data=np.zeros((4, 5), np.float32))


def write_matconvnet(arrays, path):
    layers = np.empty((1, len(pairs(arrays)) + 1), dtype=object)
    for i, (name, weight, bias) in enumerate(pairs(arrays)):
        both = np.empty((1, 2), dtype=object)
        both[0, 0], both[0, 1] = weight.transpose(2, 3, 1, 0), bias[:, None]
        layers[0, i] = {"name": name, "type": "conv", "weights": both}
    layers[0, -1] = {"name": "relu1_1", "type": "relu"}
    scipy.io.savemat(path, {"layers": layers})


def write_old_matconvnet(arrays, path):
    layers = np.empty((1, len(pairs(arrays))), dtype=object)
    for i, (name, weight, bias) in enumerate(pairs(arrays)):
        layers[0, i] = {"name": name, "type": "conv", "filters": weight.transpose(2, 3, 1, 0), "biases": bias[None]}
    scipy.io.savemat(path, {"layers": layers})


def varint(number):
    out = bytearray()
    while True:
        number, low = number >> 7, number & 127
        out.append(low | (128 if number else 0))
        if not number:
            return bytes(out)


def message(field, data):
    """A length-delimited field of a protobuf message."""
    return varint(field << 3 | 2) + varint(len(data)) + data


def blob(array):
    """BlobProto: data = 5 (packed float), shape = 7 (BlobShape: dim = 1, packed int64)."""
    return message(5, array.astype("<f4").tobytes()) + message(7, message(1, b"".join(map(varint, array.shape))))


def write_caffe(arrays, path):
    """NetParameter: name = 1, layer = 100; LayerParameter: name = 1, type = 2, blobs = 7 (caffe.proto)."""
    data = message(1, b"VGG_ILSVRC_19_layers")
    for name, weight, bias in pairs(arrays):
        layer = message(1, name.encode()) + message(2, b"Convolution")
        data += message(100, layer + message(7, blob(bgr(name, weight))) + message(7, blob(bias)))
    path.write_bytes(data)


def write_tensorflow_js(arrays, path, quantised=None):
    path.mkdir()
    groups = []
    for i, (name, weight, bias) in enumerate(pairs(arrays)):
        entries, data = [], b""
        for part, array in (("kernel", bgr(name, weight).transpose(2, 3, 1, 0)), ("bias", bias)):
            entry = {"name": f"block{name[4]}_conv{name[6]}/{part}", "shape": list(array.shape), "dtype": "float32"}
            if quantised:
                levels = np.iinfo(quantised).max
                low, scale = float(array.min()), float(np.ptp(array)) / levels or 1.0
                entry["quantization"] = {"dtype": quantised, "min": low, "scale": scale}
                array = np.rint((array - low) / scale).astype(quantised)
            entries.append(entry)
            data += np.ascontiguousarray(array).tobytes()
        half = len(data) // 2 // 4 * 4
        for part, piece in enumerate((data[:half], data[half:]), start=1):
            (path / f"group{i}-shard{part}of2").write_bytes(piece)
        groups.append({"paths": [f"group{i}-shard1of2", f"group{i}-shard2of2"], "weights": entries})
    (path / "model.json").write_text(json.dumps({"modelTopology": {}, "weightsManifest": groups}), encoding="utf-8")


def write_safetensors(arrays, path, kind="F32"):
    """The length of a JSON header (u64), the header, the numbers. kind: F32, F16 or BF16."""
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for key, array in arrays.items():
        numbers = torch_files.numbers(array, {"F32": "<f4", "F16": "<f2", "BF16": "bfloat16"}[kind])
        start, data = len(data), data + numbers
        header[key] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [start, len(data)]}
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def write_torch_zip(arrays, path):
    """torchvision's names, in the canonical scale."""
    entries, data = torch_files.stored(by_position(arrays))
    torch_files.write_zip(path, torch_files.with_metadata(torch_files.dictionary(entries)), data)


def write_torch_legacy(arrays, path):
    entries, data = torch_files.stored(by_position(arrays))
    torch_files.write_legacy(path, torch_files.with_metadata(torch_files.dictionary(entries)), data)


EXACT = {
    "x.params": write_params, "bare.params": write_bare_params, "x.npz": write_npz, "notop.h5": write_keras,
    "top.h5": write_keras_with_top, "x.mat": write_matconvnet, "old.mat": write_old_matconvnet,
    "x.caffemodel": write_caffe, "tfjs": write_tensorflow_js, "x.safetensors": write_safetensors,
}  # fmt: skip
TORCH = {"zip.pth": write_torch_zip, "legacy.pth": write_torch_legacy}
ALL = {**EXACT, **TORCH}
