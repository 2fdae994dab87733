"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import glob
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path

from ..errors import InputError, as_line
from ..machine.aliases import AnyPath

_PART = ".fmi-part"  # ending of a file that is not yet whole
LONGEST = len(".json.123456") + len(_PART)  # bytes that the name of a file has at most beyond its cell's


def together(*paths: AnyPath) -> contextlib.AbstractContextManager[list[Path]]:
    """Files that are all there whole, or none of them: a context that yields a temporary path for each, which the block
    writes; they are then flushed to disk and renamed. Where the block fails they are removed, and so is what a killed
    process left of them before. Raises OSError, with the file's own path, as the disk does, and before the block where a
    path is a folder's.

    A temporary file has a name that no file had, and is locked as long as its process lives.
    """
    for path in map(Path, paths):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        sweep(path)
    return _parts(*map(Path, paths))


@contextlib.contextmanager
def _parts(*paths: Path) -> Iterator[list[Path]]:
    """``together``, in a folder that has been swept."""
    with contextlib.ExitStack() as stack:
        parts = [stack.enter_context(_part(path)) for path in paths]
        yield [part for part, _ in parts]
        for path, (_, file) in zip(paths, parts):
            with _named(path):
                os.fsync(file)
        for path, (part, _) in zip(paths, parts):
            with _named(path):
                os.replace(part, path)


@contextlib.contextmanager
def aside(path: AnyPath) -> Iterator[Path]:
    """A file that is there whole or not at all: ``together`` for one."""
    with together(path) as (temporary,):
        yield temporary


@contextlib.contextmanager
def _named(path: AnyPath) -> Iterator[None]:
    """What goes wrong in the block is said of path, and not of a part of it."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


@contextlib.contextmanager
def _part(path: Path) -> Iterator[tuple[Path, int]]:
    """A new empty file beside path, as (its path, its open and locked descriptor), removed in the end if it is still
    there."""
    with _named(path):
        part, file = _new_file(path)
    try:
        yield part, file
    finally:
        os.close(file)
        with contextlib.suppress(FileNotFoundError):
            part.unlink()


def _new_file(path: Path) -> tuple[Path, int]:
    """A file under a name beside path that nothing had, not even a link: (its path, its locked descriptor)."""
    while True:
        part = path.with_name(f"{path.name}.{secrets.token_hex(3)}{_PART}")
        try:
            file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            continue
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file).st_nlink:
            return part, file
        os.close(file)  # before it was locked, another process took it for litter


def sweep(path: Path) -> None:
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


def write_file(path: AnyPath, data: bytes) -> None:
    """Writes data so that the file is there whole or not at all. Raises OSError as the disk does."""
    with aside(path) as temporary, _named(path):
        temporary.write_bytes(data)


def write_all(contents: Mapping[Path, bytes]) -> None:
    """Writes files, a path each, ``together``. Raises OSError as that does."""
    with together(*contents) as parts:
        for path, part, data in zip(contents, parts, contents.values()):
            with _named(path):
                part.write_bytes(data)


def check_places(*paths: Path, instead: str = "give another folder with --out") -> None:
    """Raises InputError where a file could not be written when what it is to hold has been computed. instead: what to do
    then."""
    for path in map(Path.absolute, paths):
        there = next(parent for parent in path.parents if parent.exists())
        if path.is_dir() or not there.is_dir() or not os.access(there, os.W_OK):
            raise InputError(f"{as_line(str(path))} cannot be written; {instead}")


def write_swept(path: Path, data: bytes) -> None:
    """``write_file`` in a folder that has been swept: to look through all of it for each file would take longer."""
    with _parts(path) as (temporary,), _named(path):
        temporary.write_bytes(data)


def write_json(path: AnyPath, data: object) -> None:
    """Writes data as readable JSON, as ``write_file`` does."""
    write_file(path, as_json(data))


def as_json(data: object) -> bytes:
    """Data as readable JSON."""
    return (json.dumps(data, indent=2) + "\n").encode()
