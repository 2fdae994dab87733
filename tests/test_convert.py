"""Every format is written by its own library from one set of arrays (Caffe's from its published message layout)."""

import hashlib
import json
import pickle
import zipfile

import h5py
import numpy as np
import pytest
import scipy.io
from conftest import ROOT

from fmi_mx import InputError, cli, known
from fmi_mx.convert import convert, network_of, read_any
from fmi_mx.formats import read_foreign
from fmi_mx.mxnet_setup import mx
from fmi_mx.network import LAYERS
from fmi_mx.rescale import normalise
from fmi_mx.weights import read_weights, write_weights

CONVOLUTIONS = [name for name in LAYERS if name.startswith("conv")]
STD = np.array([0.229, 0.224, 0.225])[None, :, None, None]


def pairs(arrays):
    return [(name, arrays[f"{name}_weight"], arrays[f"{name}_bias"]) for name in CONVOLUTIONS if f"{name}_weight" in arrays]


def bgr(name, weight):
    return np.ascontiguousarray(weight[:, ::-1]) if name == "conv1_1" else weight


def write_params(arrays, path):
    extra = {"fc6_weight": np.zeros((2, 3), np.float32)}
    mx.nd.save(str(path), {f"arg:{name}": mx.nd.array(a) for name, a in {**arrays, **extra}.items()})


def write_bare_params(arrays, path):
    mx.nd.save(str(path), {name: mx.nd.array(a) for name, a in arrays.items()})


def write_npz(arrays, path):
    np.savez(path.open("wb"), **arrays)


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
    (path / "model.json").write_text(json.dumps({"modelTopology": {}, "weightsManifest": groups}))


def state_dictionary(arrays, scaled):
    """A state dictionary as torchvision has it, with its scaling of the image in conv1_1."""
    torch = pytest.importorskip("torch", reason="PyTorch, which writes the .pth files to be read, is not installed")
    state = {}
    for number, layer in enumerate(LAYERS):
        for part in ("weight", "bias"):
            array = arrays.get(f"{layer}_{part}")
            if array is not None:
                scale = 255 * STD if scaled and (layer, part) == ("conv1_1", "weight") else 1
                tensor = torch.from_numpy((array * scale).astype(np.float32))
                state[f"features.{number}.{part}"] = torch.nn.Parameter(tensor) if part == "bias" else tensor
    return torch, state


def write_torch_zip(arrays, path, scaled=True):
    torch, state = state_dictionary(arrays, scaled)
    torch.save(state, path)


def write_torch_legacy(arrays, path, scaled=True):
    torch, state = state_dictionary(arrays, scaled)
    torch.save(state, path, _use_new_zipfile_serialization=False)


EXACT = {
    "x.params": write_params, "bare.params": write_bare_params, "x.npz": write_npz, "notop.h5": write_keras,
    "top.h5": write_keras_with_top, "x.mat": write_matconvnet, "old.mat": write_old_matconvnet,
    "x.caffemodel": write_caffe, "tfjs": write_tensorflow_js,
}  # fmt: skip
TORCH = {"zip.pth": write_torch_zip, "legacy.pth": write_torch_legacy}
ALL = {**EXACT, **TORCH}


@pytest.mark.parametrize("name", EXACT)
def test_a_format_comes_out_bit_for_bit(arrays, tmp_path, name):
    source = tmp_path / ("misleading.jpg" if "." in name else name)  # content decides, not the name
    EXACT[name](arrays, source)
    provenance = convert(source, tmp_path / "vgg19.params")
    ours = read_weights(tmp_path / "vgg19.params")
    for key, array in arrays.items():
        np.testing.assert_array_equal(ours[key], array, err_msg=key)
    assert provenance == json.loads((tmp_path / "vgg19.provenance.json").read_text())
    assert len(provenance["sha256"]) == 32
    assert ("conv1_1: BGR to RGB" in provenance["conversions"]) == (name[-3:] in (".h5", "del") or name == "tfjs")


@pytest.mark.parametrize("name", TORCH)
def test_torchvisions_scaling_is_folded_in_and_said(arrays, tmp_path, name):
    TORCH[name](arrays, tmp_path / name)
    ours, provenance = read_any(tmp_path / name)
    for key, array in arrays.items():
        if key == "conv1_1_weight":
            np.testing.assert_allclose(ours[key], array, rtol=1e-6)
        else:
            np.testing.assert_array_equal(ours[key], array, err_msg=key)
    assert any("remaining difference" in line and "123.675" in line for line in provenance["conversions"])


@pytest.mark.parametrize("kind, levels", [("uint8", 255), ("uint16", 65535)])
def test_quantised_tensorflow_js(arrays, tmp_path, kind, levels):
    write_tensorflow_js(arrays, tmp_path / "tfjs", kind)
    ours, _ = read_any(tmp_path / "tfjs")
    for key, array in arrays.items():
        assert np.abs(ours[key] - array).max() <= np.ptp(array) / levels * 0.51, key


@pytest.mark.parametrize("name", ALL)
def test_a_cut_file_is_refused(arrays, tmp_path, name):
    ALL[name](arrays, tmp_path / name)
    file = tmp_path / name / "group15-shard2of2" if name == "tfjs" else tmp_path / name
    for share in (0.9, 0.5):
        whole = file.read_bytes()
        file.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(InputError) as caught:
            read_any(tmp_path / name)
        assert str(caught.value).startswith(f"weights {tmp_path / name}: ")
        assert "\n" not in str(caught.value)


def spoilt(arrays, what):
    changed = dict(arrays)
    if what == "a missing layer":
        del changed["conv3_2_weight"], changed["conv3_2_bias"]
    if what == "a wrong shape":
        changed["conv2_2_weight"] = np.zeros((128, 127, 3, 3), np.float32)
    if what == "not a number":
        changed["conv4_1_bias"] = np.full(512, np.nan, np.float32)
    return changed


@pytest.mark.parametrize(
    "what, layer", [("a missing layer", "conv3_2"), ("a wrong shape", "conv2_2"), ("not a number", "conv4_1")]
)
@pytest.mark.parametrize("name", ALL)
def test_a_spoilt_layer_is_refused(arrays, tmp_path, name, what, layer):
    ALL[name](spoilt(arrays, what), tmp_path / name)
    with pytest.raises(InputError, match=layer if name != "x.caffemodel" else ".") as caught:
        convert(tmp_path / name, tmp_path / "out.params")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out.params").exists()
    assert not (tmp_path / "out.provenance.json").exists()


class Payload:
    """Writes a file if its pickle is run."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("layout", ["zip", "legacy"])
def test_a_payload_in_a_pth_is_not_run(tmp_path, layout):
    payload = pickle.dumps({"features.0.weight": Payload(tmp_path / "run")}, 2)
    path = tmp_path / "x.pth"
    if layout == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("vgg19/data.pkl", payload)
    else:
        start = b"".join(pickle.dumps(entry, 2) for entry in (0x1950A86A20F9469CFC6C, 1001, {}))
        path.write_bytes(start + payload + pickle.dumps([], 2))
    with pytest.raises(InputError, match="open, and only tensors are admitted"):
        read_any(path)
    assert not (tmp_path / "run").exists()


def test_a_tensor_that_leaves_its_storage_is_refused(arrays, tmp_path):
    write_torch_zip({"conv1_1_bias": arrays["conv1_1_bias"]}, tmp_path / "x.pth")
    with zipfile.ZipFile(tmp_path / "x.pth") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(tmp_path / "x.pth", "w") as archive:
        for name, data in members.items():  # K@ is 64, the size of the tensor and, once, of its storage
            head, found, tail = data.rpartition(b"K@")
            archive.writestr(name, head + b"K\xff" + tail if name.endswith("data.pkl") and found else data)
    with pytest.raises(InputError, match="cut or damaged"):
        read_any(tmp_path / "x.pth")


@pytest.mark.parametrize("data", [b"", b"text of a kind\n" * 9, b"\nnot a network" * 9, b"\x89HDF\r\n\x1a\n" + b"x" * 99])
def test_what_is_no_network_is_refused(tmp_path, data):
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(InputError):
        read_any(tmp_path / "x")


def test_an_empty_folder_and_no_file_are_refused(tmp_path):
    with pytest.raises(InputError, match="model.json"):
        read_any(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        read_any(tmp_path / "none")


def test_diff_names_the_array_that_differs(arrays, tmp_path, capsys):
    write_keras(arrays, tmp_path / "a.h5")
    write_npz({**arrays, "conv2_1_bias": arrays["conv2_1_bias"] + np.float32(0.5)}, tmp_path / "b.npz")
    assert cli.main(["weights", "diff", str(tmp_path / "a.h5"), str(tmp_path / "b.npz")]) == 0
    lines = dict(line.split() for line in capsys.readouterr().out.splitlines())
    assert len(lines) == 32
    assert float(lines["conv2_1_bias"]) == pytest.approx(0.5, rel=1e-3)
    assert {value for name, value in lines.items() if name != "conv2_1_bias"} == {"0"}


def test_diff_of_two_widths_is_refused(arrays, tmp_path, capsys):
    write_npz(arrays, tmp_path / "a.npz")
    assert cli.main(["weights", "diff", str(tmp_path / "a.npz"), str(ROOT / "model" / "small.params")]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "a.npz" in err and "(64, 3, 3, 3) and (8, 3, 3, 3)" in err


@pytest.mark.parametrize("place", ["x.bin", "nowhere/x.npz", "folder.npz"])
def test_a_place_where_weights_cannot_be_written_is_refused_before_anything_is_read(tmp_path, monkeypatch, place):
    (tmp_path / "folder.npz").mkdir()
    monkeypatch.setattr("fmi_mx.convert.read_any", lambda _: 1 / 0)
    monkeypatch.setattr("fmi_mx.rescale.read_weights", lambda _: 1 / 0)
    with pytest.raises(InputError, match="written.*--to"):
        convert("any", tmp_path / place)
    with pytest.raises(InputError, match="written.*--to"):
        normalise("any", tmp_path / place, ["coffee"], tmp_path)


def test_what_an_optimiser_has_stored_beside_the_weights_is_left_out(arrays, tmp_path):
    """As Keras's ``model.save`` does after ``fit``: moments under the layers' names, behind the weights."""
    write_keras_with_top(arrays, tmp_path / "x.h5")
    with h5py.File(tmp_path / "x.h5", "a") as file:
        file.create_dataset("optimizer_weights/Adam/block1_conv1/kernel/m:0", data=np.zeros((3, 3, 3, 64), np.float32))
    np.testing.assert_array_equal(read_any(tmp_path / "x.h5")[0]["conv1_1_weight"], arrays["conv1_1_weight"])
    with h5py.File(tmp_path / "x.h5", "a") as file:
        file.create_dataset("other/block1_conv1/kernel:0", data=np.zeros((3, 3, 3, 64), np.float32))
    with pytest.raises(InputError, match="conv1_1_weight is there twice.*other/block1_conv1"):
        read_any(tmp_path / "x.h5")


def opcodes(value):
    """A plain value pickled, without what begins and ends a pickle."""
    return pickle.dumps(value, 2)[2:-1]


def legacy_file(numbers, views):
    """A .pth in PyTorch's legacy layout, made by hand: tensors name -> (offset, size, stride), all views of one storage."""
    kind = b"(" + opcodes("storage") + b"ctorch\nFloatStorage\n" + opcodes("0") + opcodes("cpu") + opcodes(len(numbers))
    storage = kind + b"NtQ"  # a persistent id
    state = b"\x80\x02}"
    for name, (offset, size, stride) in views.items():
        arguments = b"(" + storage + opcodes(offset) + opcodes(size) + opcodes(stride) + b"\x89N" + b"t"
        state += opcodes(name) + b"ctorch._utils\n_rebuild_tensor_v2\n" + arguments + b"Rs"
    header = [pickle.dumps(one, 2) for one in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
    data = np.array(numbers, "<f4")
    return b"".join([*header, state + b".", pickle.dumps(["0"], 2), np.int64(len(data)).tobytes(), data.tobytes()])


def test_a_pth_made_by_hand_is_read_view_by_view(tmp_path):
    numbers = np.random.default_rng(0).normal(size=64 * 27 + 64 + 5)
    views = {"features.0.weight": (5, (64, 3, 3, 3), (27, 9, 3, 1)), "features.0.bias": (5 + 64 * 27, (64,), (1,))}
    (tmp_path / "x.pth").write_bytes(legacy_file(numbers, views))
    found = read_foreign(tmp_path / "x.pth").arrays
    weight = numbers[5 : 5 + 64 * 27].reshape(64, 3, 3, 3) / (255 * STD)  # torchvision's scaling
    np.testing.assert_allclose(found["conv1_1_weight"], weight, rtol=1e-6)
    np.testing.assert_allclose(found["conv1_1_bias"], numbers[5 + 64 * 27 :], rtol=1e-6)


def test_weights_with_oxfords_biases_are_told_and_turned_by_their_first_layer(arrays, tmp_path):
    sums = dict(zip((name for name in arrays if name.endswith("_bias")), known._OXFORD))
    made = {**arrays, **{name: np.full_like(arrays[name], total / arrays[name].size) for name, total in sums.items()}}
    made["conv1_1_weight"] = arrays["conv1_1_weight"] * np.float32([3, 2, 1])[:, None, None]
    assert known.describe(made) == "Oxford's VGG-19, RGB"
    turned = {**made, "conv1_1_weight": np.ascontiguousarray(made["conv1_1_weight"][:, ::-1])}
    write_npz(turned, tmp_path / "bgr.npz")
    with pytest.raises(InputError, match="conv1_1 takes BGR.*fmi weights convert"):
        read_weights(tmp_path / "bgr.npz")
    np.testing.assert_array_equal(read_any(tmp_path / "bgr.npz")[0]["conv1_1_weight"], made["conv1_1_weight"])


@pytest.mark.real_weights
def test_oxfords_weights_in_bgr_order_are_caught_and_turned(real, tmp_path):
    arrays = read_weights(real[0])
    assert known.describe(arrays) == "Oxford's VGG-19, RGB"
    turned = {**arrays, "conv1_1_weight": np.ascontiguousarray(arrays["conv1_1_weight"][:, ::-1])}
    write_weights(turned, tmp_path / "bgr.npz")
    with pytest.raises(InputError, match="conv1_1 takes BGR.*fmi weights convert"):
        read_weights(tmp_path / "bgr.npz")
    for name in ("bgr.npz", "bgr.pth", "x.h5"):
        if name == "bgr.pth":
            write_torch_legacy(turned, tmp_path / name, scaled=False)
        if name == "x.h5":
            write_keras(arrays, tmp_path / name)
        back, provenance = read_any(tmp_path / name)
        np.testing.assert_array_equal(back["conv1_1_weight"], arrays["conv1_1_weight"])
        assert provenance["network"] == "Oxford's VGG-19, RGB"
        assert "conv1_1: BGR to RGB" in provenance["conversions"]


@pytest.mark.real_weights
def test_oxford_is_known_after_rounding_to_8_bits(real):
    arrays = read_weights(real[0])
    rounded = {}
    for name, array in arrays.items():
        step = np.ptp(array) / 255 if name.endswith("weight") else 1e-6
        rounded[name] = (np.rint(array / step) * step).astype(np.float32)
    assert known.describe(rounded) == "Oxford's VGG-19, RGB"


def test_torchvisions_is_known_by_its_file(arrays, tmp_path, monkeypatch):
    """By the checksum of what was converted; the provenance beside a file counts only for the very numbers it speaks of."""
    write_torch_zip(arrays, tmp_path / "x.pth")
    monkeypatch.setattr(known, "TORCHVISION", hashlib.sha256((tmp_path / "x.pth").read_bytes()).hexdigest())
    assert convert(tmp_path / "x.pth", tmp_path / "a.npz")["network"].startswith("torchvision's VGG-19")
    assert network_of(read_weights(tmp_path / "a.npz"), tmp_path / "a.npz").startswith("torchvision's")
    write_npz(arrays, tmp_path / "a.npz")
    assert network_of(read_weights(tmp_path / "a.npz"), tmp_path / "a.npz").startswith("unknown")
    assert network_of(arrays, tmp_path / "b.npz").startswith("unknown")


def test_random_weights_are_nobodys(arrays):
    assert known.describe(arrays).startswith("unknown network")


@pytest.mark.parametrize("name", [name for name in ALL if name != "x.caffemodel"])  # its description is of the whole network
def test_a_reader_reads_what_there_is(tmp_path, name):
    """Two small layers, not square in channels, each number in its place."""
    shapes = {"conv1_1": (5, 3, 3, 3), "conv2_1": (4, 5, 3, 3)}
    small = {}
    for layer, shape in shapes.items():
        small[f"{layer}_weight"] = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
        small[f"{layer}_bias"] = np.arange(shape[0], dtype=np.float32) + 0.5
    ALL[name](small, tmp_path / name)
    foreign = read_foreign(tmp_path / name)
    assert set(foreign.arrays) == set(small)
    for key, array in small.items():
        if key == "conv1_1_weight" and foreign.channels == "BGR":
            array = array[:, ::-1]
        np.testing.assert_allclose(foreign.arrays[key], array, rtol=1e-6, err_msg=key)
