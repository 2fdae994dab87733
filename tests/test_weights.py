import numpy as np
import pytest

from fmi_mx import InputError, load_weights
from fmi_mx.network import weight_shapes
from fmi_mx.weights import read_weights, weights_digest, write_weights


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
    loaded = load_weights(path)
    assert loaded["conv5_4_weight"].shape == (512, 512, 3, 3)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again.npz", "vgg19.params"]


def test_params_are_named_as_mxnet_names_them(arrays, tmp_path):
    from fmi_mx.mxnet_setup import mx

    write_weights(arrays, tmp_path / "vgg19.params")
    assert "arg:conv1_1_weight" in mx.nd.load(str(tmp_path / "vgg19.params"))


def test_the_digest_changes_with_a_number(arrays):
    changed = {**arrays, "conv1_1_bias": arrays["conv1_1_bias"] + np.float32(1)}
    assert weights_digest(changed) != weights_digest(arrays)
    renamed = {name.replace("conv5_4", "conv5_5"): array for name, array in arrays.items()}
    assert weights_digest(renamed) != weights_digest(arrays)


def spoilt(arrays, what):
    changed = dict(arrays)
    if what == "missing":
        del changed["conv3_4_bias"]
    if what == "shape":
        changed["conv2_1_weight"] = changed["conv2_1_weight"].transpose(2, 3, 1, 0)
    if what == "type":
        changed["conv2_1_weight"] = changed["conv2_1_weight"].astype(np.float64)
    if what == "infinite":
        changed["conv4_4_bias"] = np.full(512, np.inf, np.float32)
    if what == "nan":
        changed["conv4_4_bias"] = np.full(512, np.nan, np.float32)
    return changed


@pytest.mark.parametrize("what, message", [
    ("missing", "conv3_4_bias is missing"),
    ("shape", r"conv2_1_weight has shape \(3, 3, 64, 128\), VGG-19's is \(128, 64, 3, 3\)"),
    ("type", "conv2_1_weight is float64, not float32"),
    ("infinite", "conv4_4_bias has a number that is not finite"),
    ("nan", "conv4_4_bias has a number that is not finite"),
])  # fmt: skip
def test_a_spoilt_layer_is_named(arrays, tmp_path, what, message):
    path = tmp_path / "x.npz"
    np.savez(path, **spoilt(arrays, what))
    with pytest.raises(InputError, match=message) as caught:
        read_weights(path)
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


@pytest.mark.parametrize("data", [b"", b"text", b"\x89PNG\r\n\x1a\n" * 20, b"PK\x03\x04" + b"x" * 50])
def test_another_kind_of_file_is_refused(tmp_path, data):
    path = tmp_path / "x.params"
    path.write_bytes(data)
    with pytest.raises(InputError, match="neither|damaged"):
        read_weights(path)


def test_other_arrays_beside_them_do_not_matter(arrays, tmp_path):
    np.savez(tmp_path / "x.npz", **arrays, notes=np.array([{"a": 1}], dtype=object))
    assert list(read_weights(tmp_path / "x.npz")) == list(arrays)


def test_a_pickle_in_an_npz_is_not_run(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, conv1_1_weight=np.array([{"a": 1}], dtype=object))
    with pytest.raises(InputError, match="damaged"):
        read_weights(path)


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


@pytest.fixture
def narrow():
    """Random weights at 1/8 of the width."""
    generator = np.random.default_rng(3)
    return {name: generator.normal(size=shape).astype(np.float16) for name, shape in weight_shapes(1 / 8).items()}


@pytest.mark.parametrize("name", ["x.params", "x.npz"])
def test_float16_on_disk_becomes_float32(narrow, tmp_path, name):
    from fmi_mx.mxnet_setup import mx

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
