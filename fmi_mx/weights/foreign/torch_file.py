"""Reads the tensors of a PyTorch .pth file, zip or legacy layout, without PyTorch and without running anything in it.

A .pth file is a pickle, and a pickle can run any code. This reader admits only what rebuilds a tensor, each replaced by a
stand-in that a pickle cannot change: nothing can be set on it, and no number in it is believed before it is checked against
the bytes that are there. Source: torch/serialization.py and torch/_utils.py of PyTorch.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import pickle
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from ...errors import InputError, shown
from .stored_numbers import BFLOAT16, Damaged, from_bytes, size_of

MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19"  # the legacy layout's first pickle: 0x1950a86a20f9469cfc6c
_TYPES = {"FloatStorage": "<f4", "HalfStorage": "<f2", "DoubleStorage": "<f8", "BFloat16Storage": BFLOAT16,
          "LongStorage": "<i8", "IntStorage": "<i4", "ShortStorage": "<i2", "CharStorage": "i1", "ByteStorage": "u1",
          "BoolStorage": "?"}  # fmt: skip
_DEEPEST = 4  # dictionaries within one another, as {"state_dict": {"model": {...}}}
_REMEDY = "torch.save(model.state_dict(), FILE) writes what is read here"


class _Storage(NamedTuple):
    """Numbers in a row: where they are in the file, and how many."""

    key: str
    kind: str
    length: int


class _Tensor(NamedTuple):
    """A view of a storage, all of whose numbers are in it."""

    storage: _Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


class _Dictionary(dict):
    """Stands for OrderedDict. Its ``_metadata``, which PyTorch hangs on a state dictionary, is passed over."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        if type(state) is not dict or set(state) != {"_metadata"}:
            raise InputError("its pickle sets what a dictionary of tensors does not have")


class _Rebuild:
    """Stands for torch._utils._rebuild_tensor and _rebuild_tensor_v2, which has three arguments more that are not needed."""

    __slots__ = ()

    def __call__(self, storage: object, offset: Any, size: object, stride: object, *_: object) -> _Tensor:
        if type(storage) is not _Storage or type(size) is not tuple or type(stride) is not tuple:
            raise Damaged("a tensor without a storage, size or stride")
        if len(size) != len(stride) or not all(type(n) is int and n >= 0 for n in (offset, *size, *stride)):
            raise Damaged("a tensor's size is not of whole numbers")
        steps = sum((length - 1) * step for length, step in zip(size, stride))
        end = offset + (1 + steps if all(size) else 0)  # an empty view looks at no number, but begins somewhere too
        if end > storage.length:
            raise Damaged(f"a tensor of {shown(size)} leaves its storage of {storage.length}")
        return _Tensor(storage, offset, size, stride)


class _RebuildParameter:
    """Stands for torch._utils._rebuild_parameter."""

    __slots__ = ()

    def __call__(self, tensor: object, *_: object) -> object:
        return tensor


_ADMITTED = {
    ("collections", "OrderedDict"): _Dictionary,
    ("torch._utils", "_rebuild_tensor"): _Rebuild(),
    ("torch._utils", "_rebuild_tensor_v2"): _Rebuild(),
    ("torch._utils", "_rebuild_parameter"): _RebuildParameter(),
    **{("torch", name): name for name in _TYPES},
}


class _TensorsOnly(pickle.Unpickler):
    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file, encoding="latin-1")
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> object:
        if (module, name) in _ADMITTED:
            return _ADMITTED[module, name]
        found = shown(f"{module}.{name}")
        if module.startswith(("torch.nn.", "torchvision.")):
            raise InputError(f"it is a whole pickled model ({found}), which would have to be run to be read; {_REMEDY}")
        raise InputError(f"it holds {found}, and only tensors are admitted; {_REMEDY}")

    def persistent_load(self, pid: object) -> _Storage:
        if type(pid) is not tuple or len(pid) not in (5, 6) or pid[0] != "storage" or pid[5:] not in ((), (None,)):
            raise Damaged("no storage of PyTorch's")
        _, kind, key, _, count = pid[:5]
        if type(kind) is not str or kind not in _TYPES or type(key) is not str or type(count) is not int or count < 0:
            raise Damaged("a storage of no known kind or size")
        storage = self.storages.setdefault(key, _Storage(key, _TYPES[kind], count))
        if storage != (key, _TYPES[kind], count):
            raise Damaged(f"storage {shown(key)} is there twice, the second time another")
        return storage


@contextlib.contextmanager
def open_torch(path: Path) -> Iterator[tuple[list[str], Callable[[str], np.ndarray]]]:
    """Yields (names, read): the tensors' names, those of a dictionary within another joined by points
    (``state_dict.features.0.weight``), and a function of a name that returns its array. Raises InputError, without the
    file's name, for a file that is cut, or that holds anything but tensors."""
    with open(path, "rb") as file:
        opened = _open_zip if zipfile.is_zipfile(file) else _open_legacy
        with opened(file) as (state, bytes_of):
            if not isinstance(state, dict):
                raise InputError(f"it holds no dictionary of tensors; {_REMEDY}")
            tensors, numbers = dict(_named(state)), functools.lru_cache(1)(lambda one: from_bytes(bytes_of(one), one.kind))

            def read(name: str) -> np.ndarray:
                storage, offset, size, stride = tensors[name]
                row = numbers(storage)
                strides = [step * row.itemsize for step in stride]
                return np.ndarray(size, row.dtype, row, offset * row.itemsize, strides)

            yield list(tensors), read


def _named(state: dict[object, object], before: str = "", depth: int = 1) -> Iterator[tuple[str, _Tensor]]:
    """(name, tensor) of all tensors in a dictionary and those within it."""
    for key, entry in dict.items(state):
        if type(key) is str and type(entry) is _Tensor:
            yield before + key, entry
        elif type(key) is str and isinstance(entry, dict) and depth < _DEEPEST:
            yield from _named(entry, f"{before}{key}.", depth + 1)


@contextlib.contextmanager
def _open_zip(file: BinaryIO) -> Iterator[tuple[object, Callable[[_Storage], bytes]]]:
    """Yields what was pickled, and a function of a storage that returns its bytes."""
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        if any(name.endswith("/constants.pkl") for name in names):
            raise InputError(f"it is a TorchScript archive, a program; {_REMEDY}")
        pickled = next(name for name in names if is_pickle(name))
        folder = pickled[: -len("data.pkl")]
        if f"{folder}byteorder" in names and archive.read(f"{folder}byteorder") != b"little":
            raise InputError("it was written on a big-endian machine, whose byte order is not read")

        def bytes_of(storage: _Storage) -> bytes:
            member = archive.getinfo(f"{folder}data/{storage.key}")
            if member.file_size != storage.length * size_of(storage.kind):
                raise Damaged(f"storage {shown(storage.key)} has another size than it says")
            return archive.read(member)

        yield _TensorsOnly(io.BytesIO(archive.read(pickled))).load(), bytes_of


def is_pickle(member: str) -> bool:
    """Whether a file of this name within a zip is what PyTorch pickles into one."""
    return member == "data.pkl" or member.endswith("/data.pkl")


@contextlib.contextmanager
def _open_legacy(file: BinaryIO) -> Iterator[tuple[object, Callable[[_Storage], bytes]]]:
    """As ``_open_zip``: magic number, protocol and what machine wrote it, the pickle, the storages' keys, the storages."""
    file.seek(0)
    for _ in range(3):
        _TensorsOnly(file).load()
    unpickler = _TensorsOnly(file)
    state, keys = unpickler.load(), _TensorsOnly(file).load()
    if type(keys) is not list or not all(type(key) is str and key in unpickler.storages for key in keys):
        raise Damaged("it lists other storages than its tensors have")
    offsets, end = {}, os.fstat(file.fileno()).st_size
    for key in keys:
        _, kind, count = unpickler.storages[key]
        if file.read(8) != count.to_bytes(8, "little"):
            raise Damaged(f"storage {shown(key)} has another size than its tensor says")
        offsets[key] = file.tell()
        file.seek(count * size_of(kind), os.SEEK_CUR)
        if file.tell() > end:
            raise Damaged("it ends within its numbers")

    def bytes_of(storage: _Storage) -> bytes:
        file.seek(offsets[storage.key])
        return file.read(storage.length * size_of(storage.kind))

    yield state, bytes_of
