"""A run's folder and its cells, for one run at a time."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import json
import os
import socket
import stat
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from ..errors import InputError
from ..machine.aliases import AnyPath
from .images import decode, file_digest
from .plain_yaml import read_text
from .readers import number
from .whole import as_json, sweep, write_swept


@contextlib.contextmanager
def locked(folder: AnyPath) -> Iterator[Callable[[], None]]:
    """Makes a run's folder and keeps every other run out of it until the block ends, however it ends.

    Yields ``check()``, which raises InputError where the folder has been deleted, or made anew, since. Raises InputError
    where it cannot be written, and where another run is in it (named in the message).
    """
    folder = Path(folder)
    with _lock_file(folder) as lock:
        if not _taken(lock):
            first = lock.read(200) or "another run"
            raise InputError(f"output folder {folder} is in use by {first}; wait for it, or give another with --out")
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on {socket.gethostname()}")
        lock.flush()
        sweep(folder / "*")
        sweep(folder / "cells" / "*")
        yield lambda: _check_same(folder, lock)
        lock.truncate(0)


def _taken(lock: TextIO) -> bool:
    """Whether the lock is ours now. It is asked for half a second, as who looks whether it is held holds it for a moment."""
    for _ in range(10):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(0.05)
    return False


@contextlib.contextmanager
def _lock_file(folder: Path) -> Iterator[TextIO]:
    """The folder's lock, opened without following a link: it is emptied and written, as no file of a user's must be."""
    try:
        (folder / "cells").mkdir(parents=True, exist_ok=True)
        found = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
        state = os.fstat(found)
    except OSError as error:
        raise InputError(f"output folder {folder} cannot be written ({error.strerror}); give another with --out") from error
    if not stat.S_ISREG(state.st_mode) or state.st_nlink > 1:
        os.close(found)
        raise InputError(f"output folder {folder} has a .lock that is another file of yours; give another with --out")
    with open(found, "r+", encoding="utf-8", errors="replace") as lock:
        yield lock


def occupant(folder: AnyPath) -> str | None:
    """Who is computing in a run's folder now, as its lock says; None where nobody is."""
    try:
        with open(Path(folder) / ".lock", encoding="utf-8", errors="replace") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return lock.read(200) or "another run"
    except OSError:
        pass
    return None


def _check_same(folder: Path, lock: TextIO) -> None:
    """Raises InputError unless the folder still has the lock that is held."""
    held = os.fstat(lock.fileno())
    try:
        found = os.stat(folder / ".lock")
        same = (held.st_dev, held.st_ino) == (found.st_dev, found.st_ino)
    except OSError:
        same = False
    if not same:
        raise InputError(f"output folder {folder} was deleted or replaced while this run was in it; start the run again")


def save_cell(
    folder: AnyPath, name: str, picture: bytes, arrays: Mapping[str, np.ndarray], record: Mapping[str, Any]
) -> dict[str, Any]:
    """Stores a cell in a folder that is ``locked``: cells/NAME.png, .npz and, last, the .json that makes it whole.

    picture: the PNG. record: what the .json says, to which the digests of the other two are added as ``files``,
    and that of all it says as ``record_sha256``. Returns the record, as ``read_record`` does.
    """
    stem = _stem(folder, name)
    _remove(stem, ".json")
    packed = io.BytesIO()
    np.savez(packed, **arrays)
    contents = {".npz": packed.getvalue(), ".png": picture}
    for suffix, data in contents.items():
        write_swept(_file(stem, suffix), data)
    files = {suffix: hashlib.sha256(data).hexdigest() for suffix, data in contents.items()}
    return _write_record(stem, {**record, "files": files})


def save_failure(folder: AnyPath, name: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """Stores a cell that could not be computed: cells/NAME.json alone. record, and what is returned: as of ``save_cell``;
    its ``failed`` says why."""
    stem = _stem(folder, name)
    for suffix in (".json", ".npz", ".png"):
        _remove(stem, suffix)
    return _write_record(stem, {**record, "files": {}})


def read_record(folder: AnyPath, name: str) -> dict[str, Any] | None:
    """What a cell's .json says, whether the cell is whole or ``failed``; None where it is not there as it was written, byte
    for byte, or is another cell's."""
    stem = _stem(folder, name)
    try:
        record = json.loads(read_text(_file(stem, ".json")))
        if record.pop("record_sha256") != _digest(record) or record["specification"]["name"] != name:
            return None
        number(0)(record.get("seconds", 0))  # which the digest leaves out
        if set(record["files"]) != (set() if "failed" in record else {".png", ".npz"}):
            return None
        whole = all(_is_whole(_file(stem, suffix), digest) for suffix, digest in record["files"].items())
    except (InputError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    return record if whole else None


def read_picture(folder: AnyPath, record: Mapping[str, Any]) -> np.ndarray | None:
    """The picture of a cell as a record of it says, uint8 (H, W, 3), or None where another has taken its place since."""
    path = _file(_stem(folder, record["specification"]["name"]), ".png")
    picture = decode(path)
    return picture if _is_whole(path, record["files"][".png"]) else None


def _is_whole(path: Path, digest: str) -> bool:
    try:
        return path.is_file() and file_digest(path) == digest
    except OSError:  # cannot be read, or another run has just taken it away
        return False


def read_array(folder: AnyPath, name: str, array: str) -> np.ndarray:
    """One array of a stored cell's .npz. Raises InputError where the file is damaged."""
    path = _file(_stem(folder, name), ".npz")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return archive[array]
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is damaged; delete it, and the same command computes the cell again") from error


def data_digest(data: object) -> str:
    """SHA-256, hexadecimal, of data as JSON holds it, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def _write_record(stem: Path, record: dict[str, Any]) -> dict[str, Any]:
    write_swept(_file(stem, ".json"), as_json({**record, "record_sha256": _digest(record)}))
    return record


def _digest(record: Mapping[str, Any]) -> str:
    """The digest of a record, which is the same whenever its cell is computed: of all but what a stopwatch said."""
    return data_digest({key: value for key, value in record.items() if key != "seconds"})


def _stem(folder: AnyPath, name: str) -> Path:
    return Path(folder) / "cells" / name


def _file(stem: Path, suffix: str) -> Path:
    return stem.with_name(stem.name + suffix)  # names have dots, so with_suffix would cut them


def _remove(stem: Path, suffix: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        _file(stem, suffix).unlink()
