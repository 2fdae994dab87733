"""What is written to disk: files that are there whole or not at all, and a run's folder with its cells, for one run at a
time."""

import contextlib
import fcntl
import glob
import hashlib
import io
import json
import os
import secrets
import socket
import stat
import zipfile
from pathlib import Path

import numpy as np

from ..errors import InputError
from .images import file_digest

_PART = ".fmi-part"  # ending of a file that is not yet whole
LONGEST = len(".json.123456") + len(_PART)  # bytes that the name of a file has at most beyond its cell's


@contextlib.contextmanager
def locked(folder):
    """Makes a run's folder and keeps every other run out of it until the block ends, however it ends.

    folder: path. Yields ``check()``, which raises InputError where the folder has been deleted, or made anew, since. Raises
    InputError where it cannot be written, and where another run is in it (named in the message).
    """
    folder = Path(folder)
    with _lock_file(folder) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            first = lock.read(200) or "another run"
            raise InputError(
                f"output folder {folder} is in use by {first}; wait for it, or give another with --out"
            ) from error
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on {socket.gethostname()}")
        lock.flush()
        _sweep(folder / "*")
        _sweep(folder / "cells" / "*")
        yield lambda: _check_same(folder, lock)
        lock.truncate(0)


@contextlib.contextmanager
def _lock_file(folder):
    """The folder's lock, opened without following a link: it is emptied and written, as no file of a user's must be."""
    try:
        (folder / "cells").mkdir(parents=True, exist_ok=True)
        found = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
    except OSError as error:
        raise InputError(f"output folder {folder} cannot be written ({error.strerror}); give another with --out") from error
    with open(found, "r+", encoding="utf-8", errors="replace") as lock:
        state = os.fstat(found)
        if not stat.S_ISREG(state.st_mode) or state.st_nlink > 1:
            raise InputError(f"output folder {folder} has a .lock that is another file of yours; give another with --out")
        yield lock


def _check_same(folder, lock):
    """Raises InputError unless the folder still has the lock that is held."""
    held = os.fstat(lock.fileno())
    try:
        found = os.stat(folder / ".lock")
        same = (held.st_dev, held.st_ino) == (found.st_dev, found.st_ino)
    except OSError:
        same = False
    if not same:
        raise InputError(f"output folder {folder} was deleted or replaced while this run was in it; start the run again")


@contextlib.contextmanager
def together(*paths):
    """Files that are all there whole, or none of them: yields a temporary path for each, which the block writes; they are
    then flushed to disk and renamed. Where the block fails they are removed, and so is what a killed process left of them
    before.

    A temporary file has a name that no file had, and is locked as long as its process lives.
    """
    paths = [Path(path) for path in paths]
    for path in paths:
        _sweep(path)
    with contextlib.ExitStack() as stack:
        parts = [stack.enter_context(_part(path)) for path in paths]
        yield [part for part, _ in parts]
        for _, file in parts:
            os.fsync(file)
        for path, (part, _) in zip(paths, parts):
            os.replace(part, path)


@contextlib.contextmanager
def aside(path):
    """A file that is there whole or not at all: ``together`` for one."""
    with together(path) as (temporary,):
        yield temporary


@contextlib.contextmanager
def _part(path):
    """A new empty file beside path, as (its path, its open and locked descriptor), removed in the end if it is still
    there."""
    part, file = _new_file(path)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield part, file
    finally:
        os.close(file)
        with contextlib.suppress(FileNotFoundError):
            part.unlink()


def _new_file(path):
    """A file under a name beside path that nothing had, not even a link: (its path, its descriptor)."""
    while True:
        part = path.with_name(f"{path.name}.{secrets.token_hex(3)}{_PART}")
        with contextlib.suppress(FileExistsError):
            return part, os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)


def _sweep(path):
    """Removes what killed processes left of a file, or of every file where path ends in ``*``; not what is being written."""
    name = path.name if path.name == "*" else glob.escape(path.name)
    for leftover in path.parent.glob(f"{name}.{'[0-9a-f]' * 6}{_PART}"):
        with contextlib.suppress(OSError):  # a link, in use, or gone by now
            file = os.open(leftover, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                leftover.unlink()
            finally:
                os.close(file)


def write_file(path, data):
    """Writes bytes so that the file is there whole or not at all. Raises OSError as the disk does."""
    with aside(path) as temporary:
        temporary.write_bytes(data)


def write_json(path, data):
    """Writes data as readable JSON, as ``write_file`` does."""
    write_file(path, (json.dumps(data, indent=2) + "\n").encode())


def save_cell(folder, name, picture, arrays, record):
    """Stores a cell: cells/NAME.png, .npz and, last, the .json that makes it whole.

    picture: bytes of the PNG. arrays: name -> NumPy array. record: what the .json says, to which the digests of the other
    two are added as ``files``, and that of all it says as ``record_sha256``.
    """
    stem = _stem(folder, name)
    _remove(stem, ".json")
    packed = io.BytesIO()
    np.savez(packed, **arrays)
    write_file(_file(stem, ".npz"), packed.getvalue())
    write_file(_file(stem, ".png"), picture)
    files = {".png": hashlib.sha256(picture).hexdigest(), ".npz": hashlib.sha256(packed.getvalue()).hexdigest()}
    _write_record(stem, {**record, "files": files})


def save_failure(folder, name, record):
    """Stores a cell that could not be computed: cells/NAME.json alone. record: as of ``save_cell``; its ``failed`` says
    why."""
    stem = _stem(folder, name)
    for suffix in (".json", ".npz", ".png"):
        _remove(stem, suffix)
    _write_record(stem, {**record, "files": {}})


def read_record(folder, name):
    """What a cell's .json says, whether the cell is whole or ``failed``; None where it is not there as it was written, byte
    for byte, or is another cell's."""
    stem = _stem(folder, name)
    try:
        record = json.loads(_file(stem, ".json").read_text(encoding="utf-8"))
        if record.pop("record_sha256") != _digest(record) or record["specification"]["name"] != name:
            return None
        float(record.get("seconds", 0))
        if set(record["files"]) != (set() if "failed" in record else {".png", ".npz"}):
            return None
        whole = all(file_digest(_file(stem, suffix)) == digest for suffix, digest in record["files"].items())
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    return record if whole else None


def read_array(folder, name, array):
    """One array of a stored cell's .npz. Raises InputError where the file is damaged."""
    path = _file(_stem(folder, name), ".npz")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return archive[array]
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is damaged; delete it, and the same command computes the cell again") from error


def data_digest(data):
    """SHA-256, hexadecimal, of data as JSON holds it, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def _write_record(stem, record):
    write_json(_file(stem, ".json"), {**record, "record_sha256": _digest(record)})


def _digest(record):
    """The digest of a record, which is the same whenever its cell is computed: of all but what a stopwatch said."""
    return data_digest({key: value for key, value in record.items() if key != "seconds"})


def _stem(folder, name):
    return Path(folder) / "cells" / name


def _file(stem, suffix):
    return stem.with_name(stem.name + suffix)  # names have dots, so with_suffix would cut them


def _remove(stem, suffix):
    with contextlib.suppress(FileNotFoundError):
        _file(stem, suffix).unlink()
