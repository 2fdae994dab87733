"""What a stranger can put into each library's own format. Only what ends in an InputError is read in this process."""

import json

import h5py
import numpy as np
import pytest
import scipy.io
import weights_files as files

from fmi_mx import InputError
from fmi_mx.weights import apart
from fmi_mx.weights.foreign.formats import format_of, prepare


def read_here(path):
    return format_of(path).read(path)


def keras(arrays, path, instead):
    """A Keras file whose first kernel is something else. instead: called with its group."""
    files.write_keras(arrays, path)
    with h5py.File(path, "a") as file:
        del file["block1_conv1/block1_conv1_W_1:0"]
        instead(file["block1_conv1"])


def virtual(group):
    layout = h5py.VirtualLayout((3, 3, 3, 8), "f4")
    layout[...] = h5py.VirtualSource("/etc/passwd", "k", (3, 3, 3, 8))
    group.create_virtual_dataset("kernel:0", layout)


ELSEWHERE = {
    "a link to another file": lambda group: group.__setitem__("kernel:0", h5py.ExternalLink("/dev/zero", "/k")),
    "a soft link": lambda group: group.__setitem__("kernel:0", h5py.SoftLink("/block1_conv2/block1_conv2_W_1:0")),
    "numbers in another file": lambda group: group.create_dataset(
        "kernel:0", (3, 3, 3, 8), "f4", external=[("/etc/passwd", 0, 864)]
    ),
    "a virtual dataset": virtual,
}


@pytest.mark.parametrize("what", ELSEWHERE)
def test_hdf5_brings_nothing_from_elsewhere(arrays, tmp_path, what):
    keras(arrays, tmp_path / "x.h5", ELSEWHERE[what])
    with pytest.raises(InputError, match="'.*kernel:0' is .*only what is in the file itself is read"):
        read_here(tmp_path / "x.h5")


def test_hdf5_that_goes_in_circles_ends(arrays, tmp_path):
    files.write_keras(arrays, tmp_path / "x.h5")
    with h5py.File(tmp_path / "x.h5", "a") as file:
        file["block1_conv1/again"] = file["/"]
    assert len(read_here(tmp_path / "x.h5").arrays) == 32


def edited(arrays, path, **fields):
    """A TensorFlow.js folder, of whose first array some fields are others."""
    files.write_tensorflow_js(arrays, path)
    model = json.loads((path / "model.json").read_text(encoding="utf-8"))
    model["weightsManifest"][0]["weights"][0].update(fields)
    (path / "model.json").write_text(json.dumps(model), encoding="utf-8")


@pytest.mark.parametrize("shape", [
    float("nan"), [3, 3, 3, float("inf")], [3, 3, 3, 8.0], [-3, -3, 3, 8], [True, 3, 3, 8], ["3"], "3338", None, {}, [[3]],
])  # fmt: skip
def test_sizes_that_are_no_whole_numbers(arrays, tmp_path, shape):
    edited(arrays, tmp_path / "x", shape=shape)
    with pytest.raises(InputError, match="cut or damaged .an array of shape"):
        read_here(tmp_path / "x")


def test_shards_are_taken_from_the_folder_whatever_path_is_given(arrays, tmp_path):
    files.write_tensorflow_js(arrays, tmp_path / "x")
    text = (tmp_path / "x" / "model.json").read_text(encoding="utf-8")
    (tmp_path / "x" / "model.json").write_text(
        text.replace("group0-shard1", "../../elsewhere/group0-shard1"), encoding="utf-8"
    )
    assert len(read_here(tmp_path / "x").arrays) == 32


class Spoilt:
    """Files that a library answers with whatever it has: read by the program only."""

    def deep_json(arrays, path):
        files.write_tensorflow_js(arrays, path)
        (path / "model.json").write_text("[" * 200_000, encoding="utf-8")

    def strange_type(arrays, path):
        edited(arrays, path, dtype="M8[D],O")

    def huge_shape(arrays, path):
        edited(arrays, path, shape=[2**40, 2**40])

    def cells_in_matlab(_, path):
        scipy.io.savemat(path, {"layers": np.array([3, "x"], dtype=object)})

    def no_layers(_, path):
        scipy.io.savemat(path, {"net": 1})

    def text_in_matlab(arrays, path):
        layers = np.empty((1, 1), dtype=object)
        layers[0, 0] = {"name": "conv1_1", "weights": "text"}
        scipy.io.savemat(path, {"layers": layers})

    def huge_hdf5(arrays, path):
        keras(arrays, path, lambda group: group.create_dataset("kernel:0", (3, 3, 3, 2**40), "f4", chunks=(3, 3, 3, 8)))

    def strings_in_hdf5(arrays, path):
        keras(arrays, path, lambda group: group.create_dataset("kernel:0", (3, 3, 3, 8), h5py.string_dtype()))

    def no_header(_, path):
        path.write_bytes((2**62).to_bytes(8, "little") + b"{" * 100)

    def overlap(arrays, path):
        files.write_safetensors(arrays, path)
        data = path.read_bytes()
        path.write_bytes(data.replace(b'"data_offsets": [0, 864]', b'"data_offsets": [4, 868]'))

    def huge_caffe(arrays, path):
        weight = files.message(5, bytes(864)) + files.message(7, files.message(1, files.varint(2**62) * 2))
        layer = files.message(1, b"conv1_1") + files.message(2, b"Convolution") + files.message(7, weight)
        path.write_bytes(files.message(1, b"VGG") + files.message(100, layer))


@pytest.mark.parametrize("write", [one for name, one in vars(Spoilt).items() if not name.startswith("_")])
def test_whatever_a_library_makes_of_a_file_is_one_line(arrays, tmp_path, write, capfd):
    write(arrays, tmp_path / "x")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError) as caught:
        apart.read(tmp_path / "x")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500
    assert capfd.readouterr() == ("", "")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_library_that_is_missing_is_named_and_how_to_install_it(tmp_path, monkeypatch):
    for module, start in (("h5py", b"\x89HDF\r\n\x1a\n"), ("safetensors", bytes(8) + b"{")):
        (tmp_path / "x").write_bytes(start)
        monkeypatch.setitem(__import__("sys").modules, module, None)
        with pytest.raises(InputError, match=rf"needs {module} .*pip install -e '.\[convert\]'"):
            prepare(format_of(tmp_path / "x"))
