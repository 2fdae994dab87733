"""MXNet's .params file, read and written without MXNet: its reader ends the process at a damaged file, and its writer says
nothing of a full disk.

Layout (src/ndarray/ndarray.cc of MXNet 1.9.1, little-endian): magic 0x112 and 0 (u64), the number of arrays (u64), the
arrays, the number of names (u64), each name's length (u64) and letters. An array: magic (u32), for version 2 and 3 its
storage (i32, 0 is dense), its axes (i32) and size along each (i64; before version 1 u32, the magic being their number),
device and its number (i32, i32), type (i32), then its numbers.
"""

from __future__ import annotations

import contextlib
import math
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from ...errors import InputError, shown
from .naming import MOST
from .stored_numbers import BFLOAT16, Damaged, from_bytes, size_of

MAGIC = b"\x12\x01\0\0\0\0\0\0" + bytes(8)
_VERSION_1, _VERSION_2, _VERSION_3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
_TYPES = {0: "<f4", 1: "<f8", 2: "<f2", 3: "u1", 4: "<i4", 5: "i1", 6: "<i8", 7: "?", 12: BFLOAT16}
_MOST_AXES = 32  # as NumPy's


class _Entry(NamedTuple):
    """Where an array of the file begins, in bytes, and what it is."""

    offset: int
    kind: str
    shape: tuple[int, ...]


@contextlib.contextmanager
def open_params(path: Path) -> Iterator[tuple[list[str], Callable[[str], np.ndarray]]]:
    """Yields (names, read): the arrays' names as they are stored (``arg:conv1_1_weight``), and a function of a name that
    returns its array. Raises InputError, without the file's name, for a file that is cut, sparse or without names."""
    with open(path, "rb") as file:
        found = _entries(file, os.fstat(file.fileno()).st_size)
        entries = {name: entry for name, entry in found.items() if entry is not None}

        def read(name: str) -> np.ndarray:
            offset, kind, shape = entries[name]
            file.seek(offset)
            return from_bytes(file.read(math.prod(shape) * size_of(kind)), kind).reshape(shape)

        yield list(entries), read


def _entries(file: BinaryIO, size: int) -> dict[str, _Entry | None]:
    """Name -> ``_Entry``, of a file that has so many bytes."""
    if file.read(len(MAGIC)) != MAGIC:
        raise Damaged("it does not begin as MXNet's .params")
    found = [_entry(file, size) for _ in _counted(file, size, 4)]
    names = [_name(file, size) for _ in _counted(file, size, 8)]
    if not names and found:
        raise InputError("the arrays have no names")
    if len(names) != len(found):
        raise Damaged(f"{len(found)} arrays and {len(names)} names")
    return dict(zip(names, found))


def _numbers(file: BinaryIO, layout: str) -> tuple[int, ...]:
    """What the next bytes say, little-endian, in the letters of ``struct``."""
    data = file.read(struct.calcsize(f"<{layout}"))
    try:
        return struct.unpack(f"<{layout}", data)
    except struct.error as error:
        raise Damaged("it ends too early") from error


def _counted(file: BinaryIO, size: int, smallest: int) -> range:
    """As many turns as the file says that entries follow, each of so many bytes at least."""
    (count,) = _numbers(file, "Q")
    if count > min(size // smallest, MOST):
        raise Damaged(f"{count} entries in {size} bytes; {MOST} are looked at")
    return range(count)


def _entry(file: BinaryIO, size: int) -> _Entry | None:
    """None where the file has no array there."""
    (magic,) = _numbers(file, "I")
    if magic in (_VERSION_2, _VERSION_3) and _numbers(file, "i") != (0,):
        raise InputError("it has a sparse array, and only dense ones are read")
    later = magic in (_VERSION_1, _VERSION_2, _VERSION_3)
    axes = _numbers(file, "i")[0] if later else magic
    if axes == (-1 if magic == _VERSION_3 else 0):
        return None
    if not 0 <= axes <= _MOST_AXES:
        raise Damaged(f"an array of {axes} axes")
    shape = _numbers(file, axes * ("q" if later else "I"))
    _, _, number = _numbers(file, "3i")  # device, its number, type
    if number not in _TYPES or min(shape, default=0) < 0:
        raise Damaged(f"an array of shape {shown(shape)} and type {number}")
    offset = file.tell()
    end = offset + math.prod(shape) * size_of(_TYPES[number])
    if end > size:
        raise Damaged("it ends within an array")
    file.seek(end)
    return _Entry(offset, _TYPES[number], shape)


def _name(file: BinaryIO, size: int) -> str:
    (length,) = _numbers(file, "Q")
    if length > size:
        raise Damaged("it ends within a name")
    return file.read(length).decode("utf-8", "backslashreplace")


def write_params(arrays: dict[str, np.ndarray], file: BinaryIO) -> None:
    """Writes float32 arrays byte for byte as ``mx.nd.save`` does. file: open for writing bytes. Raises OSError as
    the disk does."""
    file.write(MAGIC + struct.pack("<Q", len(arrays)))
    for array in arrays.values():
        axes = array.ndim
        file.write(struct.pack(f"<Iii{axes}q3i", _VERSION_2, 0, axes, *array.shape, 1, 0, 0))  # dense; the CPU, float32
        file.write(array.astype("<f4").tobytes())
    file.write(struct.pack("<Q", len(arrays)))
    for name in arrays:
        file.write(struct.pack("<Q", len(name.encode())) + name.encode())
