"""MXNet's .params, read and written without MXNet, beside MXNet itself."""

import io
import struct

import numpy as np
import pytest

from fmi_mx import InputError
from fmi_mx.machine.mxnet import mx
from fmi_mx.weights.foreign.params_file import MAGIC, open_params, write_params

ARRAY = np.arange(12, dtype=np.float32).reshape(3, 4)


def read(path):
    with open_params(path) as (names, array):
        return {name: array(name) for name in names}


def test_what_is_written_is_what_mxnet_writes(arrays, tmp_path):
    ours = {f"arg:{name}": array for name, array in arrays.items()}
    mx.nd.save(str(tmp_path / "x.params"), {name: mx.nd.array(array) for name, array in ours.items()})
    written = io.BytesIO()
    write_params(ours, written)
    assert written.getvalue() == (tmp_path / "x.params").read_bytes()


@pytest.mark.parametrize("kind", ["float32", "float64", "float16", "uint8", "int8", "int32", "int64", "bool"])
def test_every_type_of_mxnets_is_read(tmp_path, kind):
    with mx.util.np_array(True):
        mx.nd.save(str(tmp_path / "x.params"), {"a": mx.nd.array(ARRAY, dtype=kind), "b": mx.nd.array(ARRAY[0])})
    found = read(tmp_path / "x.params")
    assert found["a"].dtype == kind
    np.testing.assert_array_equal(found["a"], ARRAY.astype(kind))
    np.testing.assert_array_equal(found["b"], ARRAY[0])


DENSE = struct.pack("<Ii", 0xF993FAC9, 0)  # version 2


def stored(start=DENSE, axes=2, shape=(3, 4), letter="q", kind=0, data=None):
    """An array as MXNet stores it."""
    data = ARRAY.tobytes() if data is None else data
    return (
        start
        + struct.pack("<i", axes)
        + struct.pack(f"<{len(shape)}{letter}", *shape)
        + struct.pack("<3i", 1, 0, kind)
        + data
    )


def listed(array, names=(b"a",), count=1, name_count=None):
    names_stored = b"".join(struct.pack("<Q", len(name)) + name for name in names)
    name_count = len(names) if name_count is None else name_count
    return MAGIC + struct.pack("<Q", count) + array + struct.pack("<Q", name_count) + names_stored


OLDER = {
    "before version 1": stored(b"", letter="I"),
    "version 1": stored(struct.pack("<I", 0xF993FAC8)),
    "version 3": stored(struct.pack("<Ii", 0xF993FACA, 0)),
}


@pytest.mark.parametrize("version", OLDER)
def test_every_version_is_read_as_mxnet_reads_it(tmp_path, version):
    """dmlc's vgg19.params is from before version 1."""
    (tmp_path / "x.params").write_bytes(listed(OLDER[version]))
    with mx.util.np_shape(version == "version 3"):
        np.testing.assert_array_equal(mx.nd.load(str(tmp_path / "x.params"))["a"].asnumpy(), ARRAY)
    np.testing.assert_array_equal(read(tmp_path / "x.params")["a"], ARRAY)


def test_bfloat16_is_read(tmp_path):
    bits = (ARRAY.view(np.uint32) >> 16).astype(np.uint16)
    (tmp_path / "x.params").write_bytes(listed(stored(kind=12, data=bits.tobytes())))
    np.testing.assert_array_equal(read(tmp_path / "x.params")["a"], ARRAY)  # whole numbers below 256 are as they were


HOSTILE = {
    "-1 axes": (listed(stored(axes=-1)), "an array of -1 axes"),
    "a million axes": (listed(stored(axes=10**6)), "an array of 1000000 axes"),
    "a negative size": (listed(stored(shape=(-3, -4))), r"an array of shape \(-3, -4\)"),
    "a huge size": (listed(stored(shape=(2**40, 2**62))), "ends within an array"),
    "a row-sparse array": (listed(stored(struct.pack("<Ii", 0xF993FAC9, 1))), "a sparse array"),
    "a CSR array": (listed(stored(struct.pack("<Ii", 0xF993FAC9, 2))), "a sparse array"),
    "another type": (listed(stored(kind=99)), "type 99"),
    "too few numbers": (listed(stored(shape=(30, 40))), "ends within an array"),
    "too many arrays": (listed(stored(), count=2**62), "4611686018427387904 entries"),
    "fewer names": (listed(stored() * 2, count=2), "2 arrays and 1 names"),
    "no names": (listed(stored(), names=()), "no names"),
    "too many names": (listed(stored(), name_count=2**62), "entries"),
    "a long name": (listed(stored(), names=(b"a",))[:-9] + struct.pack("<Q", 2**62) + b"a", "ends within a name"),
    "another start": (b"\x12\x01" + b"\x01" * 40, "does not begin as"),
    "cut": (listed(stored())[:30], "ends too early"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_file_is_refused(tmp_path, what):
    data, words = HOSTILE[what]
    (tmp_path / "x.params").write_bytes(data)
    with pytest.raises(InputError, match=words):
        read(tmp_path / "x.params")


def test_a_name_that_is_no_text_is_read_as_what_it_is(tmp_path):
    (tmp_path / "x.params").write_bytes(listed(stored(), names=(b"\xff\x00a",)))
    assert list(read(tmp_path / "x.params")) == ["\\xff\x00a"]
