"""Weights as other programs write them (``weights_files``), through ``fmi weights convert`` and ``diff``."""

import hashlib
import json
import os

import h5py
import numpy as np
import pytest
import torch_files
import weights_files as files
from conftest import ROOT

from fmi_mx import InputError, cli
from fmi_mx.network.vgg19 import weight_shapes
from fmi_mx.weights import known
from fmi_mx.weights.canonical import read_weights, write_weights
from fmi_mx.weights.convert import convert, network_of, provenance_of, read_any
from fmi_mx.weights.foreign.formats import format_of
from fmi_mx.weights.rescale import normalise


def read_here(path):
    """What a format's reader makes of a good file, in this process."""
    return format_of(path).read(path)


def same(ours, arrays, rtol=0.0):
    assert list(ours) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_allclose(ours[name], array, rtol=rtol, err_msg=name)


@pytest.mark.parametrize("name", files.EXACT)
def test_a_format_comes_out_bit_for_bit(arrays, tmp_path, name):
    source = tmp_path / ("misleading.jpg" if "." in name else name)  # content decides, not the name
    files.EXACT[name](arrays, source)
    provenance = convert(source, tmp_path / "vgg19.params")
    same(read_here(tmp_path / "vgg19.params").arrays, arrays)
    assert provenance == json.loads((tmp_path / "vgg19.provenance.json").read_text(encoding="utf-8"))
    assert len(provenance["sha256"]) == 32
    assert provenance_of(arrays, tmp_path / "vgg19.params") == provenance
    assert ("conv1_1: BGR to RGB" in provenance["conversions"]) == (name[-3:] in (".h5", "del") or name == "tfjs")


@pytest.mark.parametrize("name", files.TORCH)
def test_torchvisions_scaling_is_folded_in_and_said(arrays, tmp_path, name):
    files.TORCH[name](files.fed_as_torchvision(arrays), tmp_path / name)
    ours, provenance = read_any(tmp_path / name)
    same(ours, arrays, 1e-6)
    assert any("remaining difference" in line and "123.675" in line for line in provenance["conversions"])


def nested(arrays, path):
    """As a training program's checkpoint: the state dictionary within others, beside what is no tensor."""
    entries, data = torch_files.stored(files.by_position(arrays, "module.features."))
    state = torch_files.with_metadata(torch_files.dictionary(entries))
    model = torch_files.dictionary({"state_dict": state, "epoch": torch_files.opcodes(3)}, ordered=False)
    torch_files.write_zip(path, torch_files.dictionary({"model": model}, ordered=False), data)


def timm(arrays, path):
    """timm's names for the fully connected layers, and of one a bias with a short storage."""
    more = {"pre_logits.fc1.weight": np.zeros((4, 5, 7, 7), "<f4"), "head.fc.bias": np.zeros(3, "<f4")}
    entries, data = torch_files.stored({**files.by_position(arrays), **more})
    torch_files.write_zip(path, torch_files.with_metadata(torch_files.dictionary(entries)), data)


def gluon(arrays, path):
    """``save_parameters`` of MXNet's model zoo: counted, with the fully connected layers behind them."""
    files.write_bare_params({**files.by_position(arrays), "features.37.weight": np.zeros((2, 3), "f4")}, path)


def gluon_exported(arrays, path):
    files.write_params({**files.by_number(arrays), "vgg0_dense0_weight": np.zeros((2, 3), "f4")}, path)


@pytest.mark.parametrize("write", [nested, timm, gluon, gluon_exported])
def test_names_that_say_torchvisions_scaling(arrays, tmp_path, write):
    write(files.fed_as_torchvision(arrays), tmp_path / "x")
    ours, provenance = read_any(tmp_path / "x")
    same(ours, arrays, 1e-6)
    assert any("taken as torchvision's" in line for line in provenance["conversions"])


@pytest.mark.parametrize("before", ["", "vgg.", "module.vgg19."])
def test_gatys_names_say_bgr(arrays, tmp_path, before):
    entries, data = torch_files.stored(files.by_name(files.fed_bgr(arrays), before))
    torch_files.write_zip(tmp_path / "vgg_conv.pth", torch_files.dictionary(entries), data)
    ours, provenance = read_any(tmp_path / "vgg_conv.pth")
    same(ours, arrays)
    assert "Gatys" in provenance["conversions"][0]
    assert "conv1_1: BGR to RGB" in provenance["conversions"]


def rounded(arrays, kind):
    if kind == "float16":
        return {name: array.astype(np.float16).astype(np.float32) for name, array in arrays.items()}
    return {name: (array.view(np.uint32) & 0xFFFF0000).view(np.float32) for name, array in arrays.items()}


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", ["zip.pth", "legacy.pth", "x.safetensors"])
def test_numbers_of_16_bits(arrays, tmp_path, name, kind):
    path = tmp_path / name
    if name == "x.safetensors":
        files.write_safetensors(arrays, path, {"float16": "F16", "bfloat16": "BF16"}[kind])
    else:
        entries, data = torch_files.stored(arrays, {"float16": "<f2", "bfloat16": "bfloat16"}[kind])
        write = torch_files.write_zip if name == "zip.pth" else torch_files.write_legacy
        write(path, torch_files.dictionary(entries), data, *([2] if name == "legacy.pth" else []))
    same(read_here(path).arrays, rounded(arrays, kind))


@pytest.mark.parametrize("kind, levels", [("uint8", 255), ("uint16", 65535)])
def test_quantised_tensorflow_js(arrays, tmp_path, kind, levels):
    files.write_tensorflow_js(arrays, tmp_path / "tfjs", kind)
    ours, _ = read_any(tmp_path / "tfjs")
    for key, array in arrays.items():
        assert np.abs(ours[key] - array).max() <= np.ptp(array) / levels * 0.51, key


@pytest.mark.parametrize("name", files.ALL)
def test_a_cut_file_is_refused(arrays, tmp_path, name):
    files.ALL[name](arrays, tmp_path / name)
    file = tmp_path / name / "group15-shard2of2" if name == "tfjs" else tmp_path / name
    whole = file.read_bytes()
    file.write_bytes(whole[: int(0.7 * len(whole))])
    with pytest.raises(InputError, match="cut or damaged|safetensors") as caught:
        read_any(tmp_path / name)
    assert str(caught.value).startswith(f"weights {tmp_path / name}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", files.ALL)
def test_a_layer_that_is_missing_is_named_and_so_are_the_first_names_there(arrays, tmp_path, name):
    files.ALL[name]({key: array for key, array in arrays.items() if not key.startswith("conv3_2")}, tmp_path / name)
    with pytest.raises(InputError, match="^conv3_2_weight is missing, and 1 more") as caught:
        read_here(tmp_path / name)
    if name != "x.caffemodel":  # OpenCV does not say what is there
        assert "first names in the file are" in str(caught.value)


@pytest.mark.parametrize("what, layer", [("a wrong shape", "conv2_2"), ("not a number", "conv4_1")])
@pytest.mark.parametrize("name", ["x.mat", "zip.pth"])
def test_a_spoilt_layer_is_refused_and_nothing_written(arrays, tmp_path, name, what, layer):
    shape = arrays["conv2_2_weight"].shape
    spoilt = {
        "a wrong shape": {"conv2_2_weight": np.zeros((shape[0], shape[1] - 1, 3, 3), np.float32)},
        "not a number": {"conv4_1_bias": np.full_like(arrays["conv4_1_bias"], np.nan)},
    }
    files.ALL[name]({**arrays, **spoilt[what]}, tmp_path / name)
    with pytest.raises(InputError, match=layer) as caught:
        convert(tmp_path / name, tmp_path / "out.params")
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def vgg(convolutions, step=2, normalised=False):
    """PyTorch's names of a VGG with so many convolutions a block: key -> array."""
    found, position = {}, 0
    for count in convolutions:
        for _ in range(count):
            found[f"features.{position}.weight"] = np.zeros((2, 2, 3, 3), "<f4")
            found[f"features.{position}.bias"] = np.zeros(2, "<f4")
            if normalised:
                found.update(
                    {f"features.{position + 1}.{part}": np.zeros(2, "<f4") for part in ("weight", "bias", "running_mean")}
                )
            position += step
        position += 1
    return {**found, "classifier.0.weight": np.zeros((2, 2), "<f4")}


def torch_state(arrays):
    entries, data = torch_files.stored(arrays)
    return lambda path: torch_files.write_zip(path, torch_files.dictionary(entries), data)


RELATIVES = {
    "VGG-16": torch_state(vgg((2, 2, 3, 3, 3))),
    "VGG-13": torch_state(vgg((2, 2, 2, 2, 2))),
    "VGG-11": torch_state(vgg((1, 1, 2, 2, 2))),
    "batch normalisation": torch_state(vgg((2, 2, 4, 4, 4), 3, True)),
    "a VGG with batch normalisation": torch_state(vgg((2, 2, 3, 3, 3), 3, True)),
}


@pytest.mark.parametrize("what", RELATIVES)
def test_a_relative_is_named(tmp_path, what):
    RELATIVES[what](tmp_path / "x.pth")
    with pytest.raises(InputError, match=f"it is .*{what}, another network"):
        read_here(tmp_path / "x.pth")


def without_some(arrays):
    """VGG-16 among VGG-19's names: three layers fewer."""
    return {name: array for name, array in arrays.items() if name[:7] not in ("conv3_4", "conv4_4", "conv5_4")}


@pytest.mark.parametrize("name", ["x.params", "x.caffemodel", "notop.h5", "x.mat", "tfjs"])
def test_a_vgg_16_by_its_layers_names(arrays, tmp_path, name):
    files.ALL[name](without_some(arrays), tmp_path / name)
    with pytest.raises(InputError, match="it is a VGG-16, another network"):
        read_here(tmp_path / name)


def test_the_model_zoos_relatives_by_their_numbers(arrays, tmp_path):
    counted = {**vgg((2, 2, 3, 3, 3)), "features.31.weight": np.zeros((2, 2), "f4"), "features.31.bias": np.zeros(2, "f4")}
    files.write_bare_params(counted, tmp_path / "counted.params")
    with pytest.raises(InputError, match="it is a VGG-16"):
        read_here(tmp_path / "counted.params")
    sixteen = {f"vgg0_conv{n}_{part}": np.zeros(2, "f4") for n in range(13) for part in ("weight", "bias")}
    files.write_params(sixteen, tmp_path / "16.params")
    with pytest.raises(InputError, match="it is a VGG-16"):
        read_here(tmp_path / "16.params")
    files.write_params({**files.by_number(arrays), "vgg0_batchnorm0_gamma": np.zeros(2, "f4")}, tmp_path / "bn.params")
    with pytest.raises(InputError, match="VGG with batch normalisation"):
        read_here(tmp_path / "bn.params")


def test_two_networks_in_a_file_are_refused(arrays, tmp_path):
    torch_state({**files.by_position(arrays, "model."), **files.by_position(arrays, "ema.")})(tmp_path / "x.pth")
    with pytest.raises(InputError, match=r"it holds 2 networks, whose names begin with \['model.', 'ema.'\]"):
        read_here(tmp_path / "x.pth")


def test_what_is_not_understood_names_the_first_keys(tmp_path):
    torch_state({f"layer{n}.0.conv1.weight": np.zeros(2, "<f4") for n in range(40)})(tmp_path / "x.pth")
    with pytest.raises(InputError, match=r"conv1_1_weight is missing, and 31 more.*\['layer0.0.conv1.weight', ") as caught:
        read_here(tmp_path / "x.pth")
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("data, words", [
    (b"", "it is empty"),
    (b"text of a kind\n" * 9, "not a format that is known"),
    (b"\nnot a network" * 9, "no Caffe network"),
    (b"\x89HDF\r\n\x1a\n" + b"x" * 99, "cut or damaged"),
    (b"MATLAB 7.3 MAT-file, Platform" + b" " * 99, "MATLAB 7.3"),
    (b"\x93NUMPY\1\0" + b" " * 99, "a single .npy"),
    (b"<!DOCTYPE html><html>Sorry</html>", "a web page"),
    (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
])  # fmt: skip
def test_what_is_no_network_is_refused(tmp_path, data, words):
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(InputError, match=words):
        read_any(tmp_path / "x")


def test_an_empty_folder_and_no_file_are_refused(tmp_path):
    with pytest.raises(InputError, match="model.json"):
        read_any(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        read_any(tmp_path / "none")


def test_diff_names_the_array_that_differs(arrays, tmp_path, capsys):
    files.write_keras(arrays, tmp_path / "a.h5")
    files.write_npz({**arrays, "conv2_1_bias": arrays["conv2_1_bias"] + np.float32(0.5)}, tmp_path / "b.npz")
    assert cli.main(["weights", "diff", str(tmp_path / "a.h5"), str(tmp_path / "b.npz")]) == 0
    lines = dict(line.split() for line in capsys.readouterr().out.splitlines())
    assert len(lines) == 32
    assert float(lines["conv2_1_bias"]) == pytest.approx(0.5, rel=1e-3)
    assert {value for name, value in lines.items() if name != "conv2_1_bias"} == {"0"}


def test_diff_of_enormous_numbers_says_so_and_nothing_else(arrays, tmp_path, capsys):
    for name, sign in (("a.npz", 1), ("b.npz", -1)):
        bias = np.full_like(arrays["conv2_1_bias"], sign * 3e38)
        files.write_npz({**arrays, "conv2_1_bias": bias}, tmp_path / name)
    assert cli.main(["weights", "diff", str(tmp_path / "a.npz"), str(tmp_path / "b.npz")]) == 0
    out, err = capsys.readouterr()
    assert "6e+38" in out
    assert err == ""


def test_diff_of_two_widths_is_refused(tmp_path, capsys):
    files.write_npz({name: np.zeros(shape, np.float16) for name, shape in weight_shapes(1 / 4).items()}, tmp_path / "a.npz")
    assert cli.main(["weights", "diff", str(tmp_path / "a.npz"), str(ROOT / "model" / "small.params")]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "a.npz" in err
    assert "(16, 3, 3, 3) and (8, 3, 3, 3)" in err


@pytest.mark.parametrize("place", ["x.bin", "nowhere/x.npz", "folder.npz", "beside.npz"])
def test_a_place_where_weights_cannot_be_written_is_refused_before_anything_is_read(tmp_path, monkeypatch, place):
    (tmp_path / "folder.npz").mkdir()
    (tmp_path / "beside.provenance.json").mkdir()
    monkeypatch.setattr("fmi_mx.weights.convert.read_any", lambda _: 1 / 0)
    monkeypatch.setattr("fmi_mx.weights.rescale.read_weights", lambda _: 1 / 0)
    with pytest.raises(InputError, match="written.*--to"):
        convert("any", tmp_path / place)
    with pytest.raises(InputError, match="written.*--to"):
        normalise("any", tmp_path / place, ["coffee"], tmp_path)


def test_what_an_optimiser_has_stored_beside_the_weights_is_left_out(arrays, tmp_path):
    """As Keras's ``model.save`` does after ``fit``: moments under the layers' names, behind the weights."""
    files.write_keras_with_top(arrays, tmp_path / "x.h5")
    first = np.zeros(arrays["conv1_1_weight"].shape[::-1], np.float32)
    with h5py.File(tmp_path / "x.h5", "a") as file:
        file.create_dataset("optimizer_weights/Adam/block1_conv1/kernel/m:0", data=first)
    np.testing.assert_array_equal(
        read_here(tmp_path / "x.h5").arrays["conv1_1_weight"], files.fed_bgr(arrays)["conv1_1_weight"]
    )
    with h5py.File(tmp_path / "x.h5", "a") as file:
        file.create_dataset("other/block1_conv1/kernel:0", data=first)
    with pytest.raises(InputError, match="conv1_1_weight is there twice.*other/block1_conv1"):
        read_here(tmp_path / "x.h5")


def oxford(arrays):
    """Arrays with the sums of Oxford's biases, and red heavier than blue."""
    sums = dict(zip((name for name in arrays if name.endswith("_bias")), known._OXFORD))
    made = {**arrays, **{name: np.full_like(arrays[name], total / arrays[name].size) for name, total in sums.items()}}
    made["conv1_1_weight"] = arrays["conv1_1_weight"] * np.float32([3, 2, 1])[:, None, None]
    return made


def test_weights_with_oxfords_biases_are_told_and_turned_by_their_first_layer(arrays, tmp_path):
    made = oxford(arrays)
    assert known.describe(made) == "Oxford's VGG-19, RGB"
    files.write_npz(files.fed_bgr(made), tmp_path / "bgr.npz")
    with pytest.raises(InputError, match="conv1_1 takes BGR.*fmi weights convert"):
        read_weights(tmp_path / "bgr.npz")
    ours, provenance = read_any(tmp_path / "bgr.npz")
    same(ours, made)
    assert "in the other order" in provenance["conversions"][0]


@pytest.mark.parametrize("turned", [False, True])
def test_oxfords_weights_under_pytorchs_names_are_scaled_as_oxfords(arrays, tmp_path, turned):
    """jcjohnson's files: torchvision's names, but fed as Caffe's."""
    made = oxford(arrays)
    files.write_torch_legacy(files.fed_bgr(made) if turned else made, tmp_path / "x.pth")
    ours, provenance = read_any(tmp_path / "x.pth")
    same(ours, made)
    assert provenance["conversions"] == (["conv1_1: BGR to RGB"] if turned else [])
    assert provenance["network"] == "Oxford's VGG-19, RGB"


@pytest.mark.real_weights
def test_oxfords_weights_in_bgr_order_are_caught_and_turned(real, tmp_path):
    arrays = read_weights(real[0])
    assert known.describe(arrays) == "Oxford's VGG-19, RGB"
    write_weights(files.fed_bgr(arrays), tmp_path / "bgr.npz")
    with pytest.raises(InputError, match="conv1_1 takes BGR.*fmi weights convert"):
        read_weights(tmp_path / "bgr.npz")
    files.write_torch_legacy(files.fed_bgr(arrays), tmp_path / "bgr.pth")
    files.write_keras(arrays, tmp_path / "x.h5")
    for name in ("bgr.npz", "bgr.pth", "x.h5"):
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
    files.write_torch_zip(arrays, tmp_path / "x.pth")
    monkeypatch.setattr(known, "TORCHVISION", hashlib.sha256((tmp_path / "x.pth").read_bytes()).hexdigest())
    assert convert(tmp_path / "x.pth", tmp_path / "a.npz")["network"].startswith("torchvision's VGG-19")
    assert network_of(read_weights(tmp_path / "a.npz"), tmp_path / "a.npz").startswith("torchvision's")
    assert network_of(arrays, tmp_path / "a.npz").startswith("a small network")
    assert network_of(arrays, tmp_path / "b.npz").startswith("a small network")


@pytest.mark.parametrize("text", ["[" * 60_000, "{}", "[]", "7", "\x00", '{"sha256": {}, "network": 3}'])
def test_a_strangers_provenance_is_passed_over(arrays, tmp_path, text):
    (tmp_path / "x.provenance.json").write_text(text, encoding="utf-8")
    assert network_of(arrays, tmp_path / "x.npz").startswith("a small network")


def test_a_fifo_in_place_of_the_provenance_is_not_waited_for(arrays, tmp_path):
    os.mkfifo(tmp_path / "x.provenance.json")
    assert provenance_of(arrays, tmp_path / "x.npz") == {}


def test_what_a_strangers_provenance_calls_the_network_is_one_printable_line(arrays, tmp_path):
    digests = {name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in arrays.items()}
    provenance = {"network": "a\x1b[31m\nb" + "c" * 999, "sha256": digests}
    for other in ({"sha256": {}}, {"more": "x" * 70_000}):
        write_weights(arrays, tmp_path / "x.npz", {**provenance, **other})
        assert network_of(arrays, tmp_path / "x.npz").startswith("a small network")
    write_weights(arrays, tmp_path / "x.npz", provenance)
    assert network_of(arrays, tmp_path / "x.npz").isprintable()
    assert len(network_of(arrays, tmp_path / "x.npz")) <= 300


def test_random_weights_are_nobodys(arrays):
    full = {name: np.zeros(shape, np.float32) for name, shape in weight_shapes().items()}
    assert known.describe(full).startswith("unknown network")
    assert known.describe(arrays).startswith("a small network")


def test_more_names_than_any_network_has_are_refused_at_once(tmp_path):
    files.write_safetensors({f"{n}.0.weight": np.zeros(0, "f4") for n in range(10_001)}, tmp_path / "x")
    with pytest.raises(InputError, match="it has 10001 arrays; VGG-19 has 38"):
        read_here(tmp_path / "x")
