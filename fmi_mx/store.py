"""A run's folder on disk: one run at a time, and each cell there whole or not at all."""

import contextlib
import fcntl
import hashlib
import io
import json
import os
import socket
import zipfile
from pathlib import Path

import numpy as np

from .errors import InputError
from .images import file_digest

_PART = ".fmi-part"  # ending of a file that is not yet whole


@contextlib.contextmanager
def locked(folder):
    """Makes a run's folder and keeps every other run out of it until the block ends, however it ends.

    folder: path. Raises InputError where it cannot be written, and where another run is in it (named in the message).
    """
    folder = Path(folder)
    with _lock_file(folder) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            first = lock.read() or "another run"
            raise InputError(
                f"output folder {folder} is in use by {first}; wait for it, or give another with --out"
            ) from error
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on {socket.gethostname()}")
        lock.flush()
        for leftover in (*folder.glob(f"*{_PART}"), *folder.glob(f"cells/*{_PART}")):
            leftover.unlink()
        yield folder
        lock.truncate(0)


def _lock_file(folder):
    try:
        (folder / "cells").mkdir(parents=True, exist_ok=True)
        return open(folder / ".lock", "a+")
    except OSError as error:
        raise InputError(f"output folder {folder} cannot be written ({error.strerror}); give another with --out") from error


@contextlib.contextmanager
def aside(path):
    """A file that is there whole or not at all: the block writes the path it is given, which is then flushed to disk and
    renamed to path; where the block fails it is removed."""
    path = Path(path)
    temporary = path.with_name(f"{path.name}{_PART}")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()


def write_file(path, data):
    """Writes bytes so that the file is there whole or not at all."""
    with aside(path) as temporary:
        temporary.write_bytes(data)


def write_json(path, data):
    """Writes data as readable JSON, as ``write_file`` does."""
    write_file(path, (json.dumps(data, indent=2) + "\n").encode())


def save_cell(folder, name, picture, arrays, record):
    """Stores a cell: cells/NAME.png, .npz and, last, the .json that makes it whole.

    picture: bytes of the PNG. arrays: name -> NumPy array. record: what the .json says, to
    which the digests of the other two are added as ``files``.
    """
    stem = Path(folder) / "cells" / name
    with contextlib.suppress(FileNotFoundError):
        _file(stem, ".json").unlink()
    packed = io.BytesIO()
    np.savez(packed, **arrays)
    write_file(_file(stem, ".npz"), packed.getvalue())
    write_file(_file(stem, ".png"), picture)
    files = {".png": hashlib.sha256(picture).hexdigest(), ".npz": hashlib.sha256(packed.getvalue()).hexdigest()}
    write_json(_file(stem, ".json"), {**record, "files": files})


def read_record(folder, name):
    """What a whole cell's .json says, or None where the cell is not there whole, byte for byte as it was written."""
    stem = Path(folder) / "cells" / name
    try:
        record = json.loads(_file(stem, ".json").read_text())
        for suffix, digest in record["files"].items():
            if file_digest(_file(stem, suffix)) != digest:
                return None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    return record


def read_array(folder, name, array):
    """One array of a stored cell's .npz. Raises InputError where the file is damaged."""
    path = Path(folder) / "cells" / f"{name}.npz"
    try:
        with np.load(path, allow_pickle=False) as archive:
            return archive[array]
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is damaged; delete it, and the same command computes the cell again") from error


def _file(stem, suffix):
    return stem.with_name(stem.name + suffix)  # names have dots, so with_suffix would cut them
