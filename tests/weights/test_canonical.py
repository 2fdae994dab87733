import errno
import json
import os

import numpy as np
import pytest

from fmi_mx import InputError, load_weights
from fmi_mx.files import whole
from fmi_mx.network.vgg19 import weight_shapes
from fmi_mx.weights.canonical import read_weights, weights_digest, write_weights


def test_params_and_npz_hold_the_same(arrays, weights_file, tmp_path):
    path = tmp_path / "vgg19.params"
    write_weights(read_weights(weights_file), path)
    back = read_weights(path)
    assert list(back) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(back[name], array)
    assert weights_digest(back) == weights_digest(read_weights(weights_file))
    write_weights(back, tmp_path / "again.npz")
    with np.load(tmp_path / "again.npz") as archive:
        assert set(archive.files) == set(arrays)
    assert load_weights(path)["conv5_4_weight"].shape == arrays["conv5_4_weight"].shape
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again.npz", "vgg19.params"]


def test_the_papers_network_is_read_whole(tmp_path):
    generator = np.random.default_rng(0)
    whole = {name: generator.random(shape, np.float32) for name, shape in weight_shapes().items()}
    write_weights(whole, tmp_path / "vgg19.params")
    assert weights_digest(read_weights(tmp_path / "vgg19.params")) == weights_digest(whole)


def test_the_digest_changes_with_a_number(arrays):
    changed = {**arrays, "conv1_1_bias": arrays["conv1_1_bias"] + np.float32(1)}
    assert weights_digest(changed) != weights_digest(arrays)
    renamed = {name.replace("conv5_4", "conv5_5"): array for name, array in arrays.items()}
    assert weights_digest(renamed) != weights_digest(arrays)


SPOILT = {
    "missing": lambda _: None,
    "shape": lambda array: array[..., None],
    "infinite": lambda array: array + np.float32(np.inf),
    "nan": lambda array: array + np.float32(np.nan),
    "float64": lambda array: array.astype(np.float64),
    "int64": lambda array: array.astype(np.int64),
    "bool": lambda array: array.astype(bool),
    "complex64": lambda array: array.astype(np.complex64),
    "<U4": lambda array: array.astype("U4"),
    "datetime64[D]": lambda array: array.astype("M8[D]"),
    "a structure": lambda array: array.astype([("x", "f4"), ("y", "f4")]),
    "object": lambda array: array.astype(object),
}


@pytest.mark.parametrize("what", SPOILT)
def test_a_spoilt_layer_is_named(arrays, tmp_path, what):
    words = {"missing": "missing", "shape": r"has shape \(64, 1\), with 1/8 of VGG-19's filters it is \(64,\)",
             "infinite": "has a number that is not finite", "nan": "has a number that is not finite",
             "float64": "is float64, not float32 or float16", "a structure": "not floating point",
             "object": "Object arrays cannot be loaded"}.get(what, "not floating point")  # fmt: skip
    changed = {**arrays, "conv4_4_bias": SPOILT[what](arrays["conv4_4_bias"])}
    path = tmp_path / "x.npz"
    np.savez(path, **{name: array for name, array in changed.items() if array is not None})
    with pytest.raises(InputError, match=words) as caught:
        read_weights(path)
    assert "conv4_4_bias" in str(caught.value) or what == "object"
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["x.params", "x.npz"])
@pytest.mark.parametrize("share", [0.999, 0.3, 0.0001])
def test_a_cut_file_is_refused(arrays, tmp_path, name, share):
    path = tmp_path / name
    write_weights(arrays, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match="cut or damaged") as caught:
        read_weights(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data, words", [
    (b"", "it is empty"),
    (b"text", "not a format that is known"),
    (b"\x89PNG\r\n\x1a\n" * 20, "not a format that is known"),
    (b"PK\x03\x04" + b"x" * 50, "damaged"),
    (b"\x89HDF\r\n\x1a\n" * 20, "neither .* it is Keras .h5; `fmi weights convert` reads that"),
])  # fmt: skip
def test_another_kind_of_file_is_refused(tmp_path, data, words):
    path = tmp_path / "x.params"
    path.write_bytes(data)
    with pytest.raises(InputError, match=words):
        read_weights(path)


def test_other_names_are_for_convert(arrays, tmp_path):
    np.savez(
        tmp_path / "x.npz", **{name.replace("_weight", ".weight").replace("_bias", ".bias"): a for name, a in arrays.items()}
    )
    with pytest.raises(InputError, match="neither .* it is .npz with other names; `fmi weights convert` reads that"):
        read_weights(tmp_path / "x.npz")


def test_other_arrays_beside_them_do_not_matter(arrays, tmp_path):
    np.savez(tmp_path / "x.npz", **arrays, notes=np.array([{"a": 1}], dtype=object))
    assert list(read_weights(tmp_path / "x.npz")) == list(arrays)


def test_no_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_weights(tmp_path / "none.params")
    with pytest.raises(InputError, match="is a directory"):
        read_weights(tmp_path)


def test_another_ending_and_a_closed_folder_are_refused(arrays, tmp_path):
    with pytest.raises(InputError, match=".params or .npz"):
        write_weights(arrays, tmp_path / "x.h5")
    for name in ("x.npz", "x.params"):
        with pytest.raises(InputError, match="cannot be written") as caught:
            write_weights(arrays, tmp_path / "none" / name)
        assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


class Full:
    """A file on a disk that takes only some bytes: the rest raises, or (silently) is lost, as MXNet's own writer has it."""

    def __init__(self, file, silently):
        self.file, self.left, self.silently = file, 100_000, silently

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def __getattr__(self, name):
        return getattr(self.file, name)

    def write(self, data):
        taken, self.left = data[: self.left], max(0, self.left - len(data))
        self.file.write(taken)
        if len(taken) < len(data) and not self.silently:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return len(data)


@pytest.mark.parametrize("silently", [False, True])
@pytest.mark.parametrize("name", ["x.params", "x.npz"])
def test_a_full_disk_leaves_what_was_there(arrays, tmp_path, monkeypatch, name, silently):
    write_weights(arrays, tmp_path / name, {"network": "the first"})
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    changed = {**arrays, "conv1_1_bias": arrays["conv1_1_bias"] + np.float32(1)}
    monkeypatch.setattr("fmi_mx.weights.canonical.open", lambda *how: Full(open(*how), silently), raising=False)  # noqa: SIM115
    with pytest.raises(InputError, match="cannot be written"):
        write_weights(changed, tmp_path / name, {"network": "the second"})
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_weights_and_provenance_are_there_together_or_neither(arrays, tmp_path, monkeypatch):
    path = tmp_path / "x.npz"
    write_weights(arrays, path, {"network": "ours"})
    assert json.loads((tmp_path / "x.provenance.json").read_text(encoding="utf-8")) == {"network": "ours"}
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    changed = {**arrays, "conv1_1_bias": arrays["conv1_1_bias"] + np.float32(1)}
    with pytest.raises(TypeError):
        write_weights(changed, path, {"network": object()})  # JSON has no such thing
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    monkeypatch.setattr(whole.os, "fsync", lambda _: (_ for _ in ()).throw(OSError(errno.EIO, "the disk is gone")))
    with pytest.raises(InputError, match="the disk is gone"):
        write_weights(changed, path, {"network": "ours"})
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_weights_that_could_not_be_read_are_not_written(arrays, tmp_path):
    with pytest.raises(InputError, match="x.npz are not written: conv1_1_bias has a number that is not finite"):
        write_weights({**arrays, "conv1_1_bias": arrays["conv1_1_bias"] * np.float32(np.nan)}, tmp_path / "x.npz", {})
    assert not list(tmp_path.iterdir())


@pytest.fixture
def narrow():
    """Random weights at 1/8 of the width, as float16."""
    generator = np.random.default_rng(3)
    return {name: generator.normal(size=shape).astype(np.float16) for name, shape in weight_shapes(1 / 8).items()}


@pytest.mark.parametrize("name", ["x.params", "x.npz"])
def test_float16_on_disk_becomes_float32(narrow, tmp_path, name):
    from fmi_mx.machine.mxnet import mx

    path = tmp_path / name
    if name == "x.npz":
        np.savez(path, **narrow)
    else:
        mx.nd.save(str(path), {f"arg:{n}": mx.nd.array(a, dtype=np.float16) for n, a in narrow.items()})
    assert path.stat().st_size < 1e6
    for n, array in read_weights(path).items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, narrow[n].astype(np.float32))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "conv3_2_weight",
            r"conv3_2_weight has shape \(256, 256, 3, 3\), with 1/8 of VGG-19's filters it is \(32, 32, 3, 3\)",
        ),
        ("conv1_1_bias", r"conv1_1_weight has shape \(8, 3, 3, 3\), VGG-19's is \(64, 3, 3, 3\)"),
    ],
)
def test_a_layer_of_another_width_is_named(narrow, tmp_path, name, said):
    narrow[name] = np.zeros(weight_shapes()[name], np.float16)
    np.savez(tmp_path / "x.npz", **narrow)
    with pytest.raises(InputError, match=said):
        read_weights(tmp_path / "x.npz")
