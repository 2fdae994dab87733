"""What a stranger's pickle may do: rebuild tensors whose numbers are in the file, and nothing else."""

import pickle
import zipfile

import numpy as np
import pytest
import torch_files as torch
from torch_files import function, opcodes, storage, tensor

from fmi_mx import InputError
from fmi_mx.weights.foreign.torch_file import open_torch

NUMBERS = np.arange(24, dtype=np.float32)
ROW = storage("0", "Float", 24)
REBUILD, ORDERED = function("torch._utils", "_rebuild_tensor_v2"), function("collections", "OrderedDict")


def write(layout, path, entries, data=None):
    """entries: opcodes of what is stored, or key -> opcodes. data: the storages' bytes, of NUMBERS if None."""
    data = [NUMBERS.tobytes()] if data is None else data
    pickled = torch.dictionary(entries) if isinstance(entries, dict) else entries
    {"zip": torch.write_zip, "legacy": torch.write_legacy}[layout](path, pickled, data)
    return path


def read(path):
    with open_torch(path) as (names, array):
        return {name: np.array(array(name)) for name in names}


both = pytest.mark.parametrize("layout", ["zip", "legacy"])


@both
def test_views_of_one_storage(tmp_path, layout):
    entries = {
        "rows": tensor(ROW, 0, (4, 6), (6, 1)),
        "columns": tensor(ROW, 0, (6, 4), (1, 6)),
        "behind": torch.parameter(tensor(ROW, 20, (2, 2), (2, 1))),
        "one": tensor(ROW, 23, (), ()),
        "spread": tensor(ROW, 3, (5,), (0,)),
        "none": tensor(ROW, 24, (0, 7), (7, 1)),
    }
    found = read(write(layout, tmp_path / "x.pth", torch.with_metadata(torch.dictionary(entries))))
    np.testing.assert_array_equal(found["rows"], NUMBERS.reshape(4, 6))
    np.testing.assert_array_equal(found["columns"], NUMBERS.reshape(4, 6).T)
    np.testing.assert_array_equal(found["behind"], [[20, 21], [22, 23]])
    np.testing.assert_array_equal(found["one"], 23)
    np.testing.assert_array_equal(found["spread"], [3] * 5)
    assert found["none"].shape == (0, 7)


OUTSIDE = {
    "longer": (0, (25,), (1,)), "behind its end": (1, (4, 6), (6, 1)), "steps out": (0, (4, 6), (7, 1)),
    "before it": (-1, (4, 6), (6, 1)), "backwards": (23, (24,), (-1,)), "a negative size": (0, (-4, 6), (6, 1)),
    "an offset alone": (24, (), ()), "empty, but elsewhere": (25, (0,), (1,)), "a huge offset": (2**70, (0,), (1,)),
    "a huge size": (0, (2**63, 2**63), (1, 1)), "sizes without steps": (0, (4, 6), (1,)),
    "parts of numbers": (0, (4.0, 6), (6, 1)), "no number": (0, ("4", 6), (6, 1)), "truth": (False, (4, 6), (6, 1)),
    "true sizes": (0, (True, 6), (6, 1)), "lists": (0, [4, 6], [6, 1]), "nothing": (None, None, None),
}  # fmt: skip


@both
@pytest.mark.parametrize("what", OUTSIDE)
def test_a_view_is_checked_by_arithmetic(tmp_path, layout, what):
    with pytest.raises(InputError, match="cut or damaged .a tensor"):
        read(write(layout, tmp_path / "x.pth", {"a": tensor(ROW, *OUTSIDE[what])}))


def test_a_view_of_an_empty_storage_has_no_numbers(tmp_path):
    """Else the process follows a pointer out of the file."""
    entries = {"a": tensor(storage("0", "Float", 0), 0, (268435456,), (1,))}
    with pytest.raises(InputError, match="leaves its storage of 0"):
        read(write("zip", tmp_path / "x.pth", entries, [b""]))


NO_STORAGE = {
    "a number": opcodes(3), "a text": opcodes("0"), "a tuple like one": opcodes(("0", "<f4", 24)), "nothing": opcodes(None),
    "a dictionary": b"}", "another tensor": tensor(ROW, 0, (4, 6), (6, 1)), "its type": function("torch", "FloatStorage"),
    "an id of another kind": ROW.replace(opcodes("storage"), opcodes("module")),
    "an id that is too short": b"(" + opcodes("storage") + b"tQ",
    "a kind that is a list": ROW.replace(function("torch", "FloatStorage"), b"]"),
    "an id that is a number": opcodes(3) + b"Q",
    "a kind that is not in the table": storage("0", "Complex", 24),
    "a count that is no whole number": storage("0", "Float", 24.0), "a negative count": storage("0", "Float", -1),
    "a key that is no text": storage(0, "Float", 24),
    "NumPy's own type": ORDERED.replace(b"collections\nOrderedDict", b"numpy\ndtype"),
}  # fmt: skip


@both
@pytest.mark.parametrize("what", NO_STORAGE)
def test_a_storage_is_one(tmp_path, layout, what):
    with pytest.raises(InputError, match="damaged|not in|only tensors are admitted"):
        read(write(layout, tmp_path / "x.pth", {"a": tensor(NO_STORAGE[what], 0, (4, 6), (6, 1))}))


STAND_INS = {
    "a tensor": tensor(ROW, 0, (4, 6), (6, 1)), "a storage": ROW, "its type": function("torch", "FloatStorage"),
    "what rebuilds": REBUILD, "what makes a parameter": function("torch._utils", "_rebuild_parameter"),
    "the dictionary's class": ORDERED, "a dictionary": ORDERED + b")R", "a plain one": b"}",
}  # fmt: skip
STATES = {
    "attributes": opcodes({"items": 1, "offset": 0, "count": 10**9, "storage": None, "__class__": 3}),
    "slots": b"N" + opcodes({"__call__": 1, "offset": 0, "count": 10**9, "__setstate__": 2, "read": 3}) + b"\x86",
    "metadata and more": opcodes({"_metadata": 1, "items": 2}),
    "a number": opcodes(3),
}


@both
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("target", STAND_INS)
def test_a_stand_in_cannot_be_changed(tmp_path, layout, target, state):
    """BUILD sets attributes of what is on the stack. The same file without it is read."""
    good = {"b": tensor(ROW, 0, (4, 6), (6, 1))}
    path = write(layout, tmp_path / "x.pth", {"a": STAND_INS[target] + STATES[state] + b"b", **good})
    with pytest.raises((InputError, AttributeError, TypeError, pickle.UnpicklingError)):
        read(path)
    np.testing.assert_array_equal(read(write(layout, path, {"a": STAND_INS[target], **good}))["b"], NUMBERS.reshape(4, 6))


class Payload:
    """Writes a file if its pickle is run."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def runs(path):
    """Pickles that would call something with a path, by every opcode that calls."""
    argument = opcodes(str(path))
    return {
        "REDUCE": pickle.dumps(Payload(path), 2)[2:-1], "INST": b"(" + argument + b"ios\nmkdir\n",
        "OBJ": b"(" + function("os", "mkdir") + argument + b"o", "NEWOBJ": function("io", "FileIO") + argument + b"\x85\x81",
        "STACK_GLOBAL": b"\x8c\x02os\x8c\x05mkdir\x93" + argument + b"\x85R", "EXT1": b"\x82\x01",
    }  # fmt: skip


@both
@pytest.mark.parametrize("opcode", ["REDUCE", "INST", "OBJ", "NEWOBJ", "STACK_GLOBAL", "EXT1"])
def test_nothing_in_a_pickle_is_run(tmp_path, layout, opcode):
    path = write(layout, tmp_path / "x.pth", {"a": runs(tmp_path / "run")[opcode]})
    words = "unregistered extension code" if opcode == "EXT1" else "only tensors are admitted; torch.save"
    with pytest.raises(ValueError, match=words):
        read(path)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("of", ["torchvision.models.vgg VGG", "torch.nn.modules.conv Conv2d"])
def test_a_whole_pickled_model_is_named(tmp_path, of):
    with pytest.raises(InputError, match="it is a whole pickled model .*torch.save.model.state_dict"):
        read(write("zip", tmp_path / "x.pth", function(*of.split()) + b")\x81"))


def test_torchscript_is_named(tmp_path):
    write("zip", tmp_path / "x.pth", {})
    with zipfile.ZipFile(tmp_path / "x.pth", "a") as archive:
        archive.writestr("vgg/constants.pkl", b"")
    with pytest.raises(InputError, match="it is a TorchScript archive.*torch.save.model.state_dict"):
        read(tmp_path / "x.pth")


@both
@pytest.mark.parametrize("what", [b"N", b"]", tensor(ROW, 0, (4, 6), (6, 1)), ORDERED])
def test_what_is_no_dictionary_is_refused(tmp_path, layout, what):
    data = None if b"storage" in what else []
    with pytest.raises(InputError, match="no dictionary of tensors"):
        read(write(layout, tmp_path / "x.pth", what, data))


def test_a_dictionary_within_itself_ends(tmp_path):
    view = tensor(ROW, 0, (24,), (1,)).replace(b"q\x00", b"")
    found = read(write("zip", tmp_path / "x.pth", b"}q\x07(" + opcodes("a")[:-2] + view + opcodes("me")[:-2] + b"h\x07u"))
    assert list(found) == ["a", "me.a", "me.me.a", "me.me.me.a"]


def test_a_storage_of_another_size_than_it_says(tmp_path):
    entries = {"a": tensor(ROW, 0, (4, 6), (6, 1))}
    for data in (b"", NUMBERS[:-1].tobytes(), 2 * NUMBERS.tobytes()):
        for layout in ("zip", "legacy"):
            with pytest.raises(InputError, match="storage '0' has another size"):
                read(write(layout, tmp_path / "x.pth", entries, [data]))


def test_one_storage_of_two_kinds_is_refused(tmp_path):
    entries = {"a": tensor(ROW, 0, (24,), (1,)), "b": tensor(storage("0", "Double", 12), 0, (12,), (1,))}
    with pytest.raises(InputError, match="storage '0' is there twice"):
        read(write("zip", tmp_path / "x.pth", entries))


@pytest.mark.parametrize("keys", [[], ["0", "1"], "0", {"0": 0}, [0], None])
def test_a_legacy_file_that_lists_other_storages(tmp_path, keys):
    path = write("legacy", tmp_path / "x.pth", {"a": tensor(ROW, 0, (24,), (1,))})
    path.write_bytes(path.read_bytes().replace(pickle.dumps(["0"], 2), pickle.dumps(keys, 2)))
    with pytest.raises((InputError, KeyError)):
        read(path)


def test_a_big_endian_file_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.pth", "w") as archive:
        archive.writestr("vgg/data.pkl", b"\x80\x02}.")
        archive.writestr("vgg/byteorder", "big")
    with pytest.raises(InputError, match="big-endian"):
        read(tmp_path / "x.pth")
