"""PyTorch's .pth files made by hand, opcode by opcode, so that no test needs PyTorch, and as a stranger could make them."""

import pickle
import zipfile

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
KINDS = {"<f4": "Float", "<f2": "Half", "<f8": "Double", "<i8": "Long", "bfloat16": "BFloat16"}


def opcodes(value):
    """A plain value pickled, without what begins and ends a pickle."""
    return pickle.dumps(value, 2)[2:-1]


def function(module, name):
    return b"c" + f"{module}\n{name}\n".encode()


def storage(key, kind, count):
    """A persistent id. kind: as PyTorch names it, ``Float``."""
    described = opcodes("storage") + function("torch", f"{kind}Storage") + opcodes(key) + opcodes("cpu") + opcodes(count)
    return b"(" + described + b"tQ"


def tensor(stored, offset, size, stride):
    """What rebuilds a view of a storage. The end is what PyTorch writes: requires_grad and an empty OrderedDict of hooks."""
    view = stored + opcodes(offset) + opcodes(size) + opcodes(stride)
    return function("torch._utils", "_rebuild_tensor_v2") + b"(" + view + b"\x89" + dictionary({}) + b"tR"


def parameter(rebuilt):
    return function("torch._utils", "_rebuild_parameter") + b"(" + rebuilt + b"\x88" + dictionary({}) + b"tR"


def dictionary(entries, ordered=True):
    """entries: key -> opcodes."""
    new = function("collections", "OrderedDict") + b")R" if ordered else b"}"
    return new + b"(" + b"".join(opcodes(key) + value for key, value in entries.items()) + b"u"


def with_metadata(opcodes_of_dictionary):
    """As PyTorch pickles a state dictionary: BUILD sets ``_metadata``."""
    return opcodes_of_dictionary + b"}" + opcodes("_metadata") + opcodes({"": {"version": 1}}) + b"sb"


def stored(arrays, kind="<f4"):
    """Arrays, key -> NumPy, as (key -> opcodes, the storages' bytes), a storage each. Every second one is a Parameter."""
    entries, data = {}, []
    for number, (key, array) in enumerate(arrays.items()):
        stride = tuple(step // array.itemsize for step in np.ascontiguousarray(array).strides)
        one = tensor(storage(str(number), KINDS[kind], array.size), 0, array.shape, stride)
        entries[key] = parameter(one) if number % 2 else one
        data.append(numbers(array, kind))
    return entries, data


def numbers(array, kind):
    """An array's bytes. bfloat16: the upper half of each float32."""
    if kind == "bfloat16":
        return (np.ascontiguousarray(array, "<f4").view("<u4") >> 16).astype("<u2").tobytes()
    return array.astype(kind).tobytes()


def write_zip(path, pickled, data):
    """pickled: opcodes of what is stored. data: bytes of each storage."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("vgg/data.pkl", b"\x80\x02" + pickled + b".")
        archive.writestr("vgg/byteorder", "little")
        for number, numbers in enumerate(data):
            archive.writestr(f"vgg/data/{number}", numbers)
        archive.writestr("vgg/version", "3\n")


def write_legacy(path, pickled, data, itemsize=4):
    keys = [str(number) for number in range(len(data))]
    start = [pickle.dumps(one, 2) for one in (MAGIC, 1001, {"little_endian": True})]
    rows = [(len(one) // itemsize).to_bytes(8, "little") + one for one in data]
    path.write_bytes(b"".join([*start, b"\x80\x02" + pickled + b".", pickle.dumps(keys, 2), *rows]))
