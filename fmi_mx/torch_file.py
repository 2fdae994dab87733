"""Reads the tensors of a PyTorch .pth file, zip or legacy layout, without PyTorch and without running anything in it.

A .pth file is a pickle, and a pickle can run any code. This reader admits only what rebuilds a tensor, each replaced by a
stand-in of its own, and refuses the rest by name. Source: torch/serialization.py and torch/_utils.py of PyTorch.
"""

import collections
import io
import pickle
import zipfile

import numpy as np

from .errors import InputError

MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19"  # the legacy layout's first pickle: 0x1950a86a20f9469cfc6c
_TYPES = {"FloatStorage": "<f4", "HalfStorage": "<f2", "DoubleStorage": "<f8", "LongStorage": "<i8", "IntStorage": "<i4"}


class _Storage:
    """Numbers in a row, which the legacy layout brings only after the pickle."""

    def __init__(self, kind, count):
        self.type, self.count, self.numbers = np.dtype(kind), int(count), None


class _Tensor:
    """What torch._utils._rebuild_tensor_v2 is given: a view of a storage."""

    def __init__(self, storage, offset, size, stride, *_):
        self.view = storage, offset, size, stride

    def array(self):
        storage, offset, size, stride = self.view
        width = storage.type.itemsize
        strides = [step * width for step in stride]
        # np.ndarray refuses a view that leaves its buffer.
        return np.ndarray(tuple(size), storage.type, storage.numbers, offset * width, strides).copy()


_ADMITTED = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _Tensor,
    ("torch._utils", "_rebuild_parameter"): lambda tensor, *_: tensor,
    **{("torch", name): kind for name, kind in _TYPES.items()},
}


class _TensorsOnly(pickle.Unpickler):
    def __init__(self, file):
        super().__init__(file, encoding="latin-1")
        self.storages = {}

    def find_class(self, module, name):
        if (module, name) not in _ADMITTED:
            raise InputError(f"it holds {module}.{name}, and only tensors are admitted")
        return _ADMITTED[module, name]

    def persistent_load(self, pid):
        _, kind, key, _, count = pid[:5]
        return self.storages.setdefault(key, _Storage(kind, count))


def read_tensors(path):
    """The tensors of a state dictionary.

    path: .pth file. Returns a dict name -> array. Raises InputError (without the file's name) for a file that is cut, or
    that holds anything but tensors.
    """
    try:
        with open(path, "rb") as file:
            state = _read_zip(file) if zipfile.is_zipfile(file) else _read_legacy(file)
            return {str(name): entry.array() for name, entry in state.items() if isinstance(entry, _Tensor)}
    except InputError:
        raise
    except Exception as error:  # whatever a damaged pickle makes of itself
        raise InputError(f"the file is cut or damaged ({type(error).__name__}: {' '.join(str(error).split())})") from error


def _read_zip(file):
    with zipfile.ZipFile(file) as archive:
        pickled = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
        unpickler = _TensorsOnly(io.BytesIO(archive.read(pickled)))
        state = unpickler.load()
        for key, storage in unpickler.storages.items():
            data = archive.read(f"{pickled[: -len('data.pkl')]}data/{key}")
            storage.numbers = np.frombuffer(data, storage.type, storage.count)
    return state


def _read_legacy(file):
    file.seek(0)
    for _ in range(3):  # magic number, protocol, what machine wrote it
        _TensorsOnly(file).load()
    unpickler = _TensorsOnly(file)
    state = unpickler.load()
    for key in _TensorsOnly(file).load():
        storage = unpickler.storages[key]
        if int(np.fromfile(file, "<i8", 1)[0]) != storage.count:
            raise ValueError(f"storage {key} has another size than its tensor")
        storage.numbers = np.frombuffer(file.read(storage.count * storage.type.itemsize), storage.type, storage.count)
    return state
