"""The folder of a gallery, which is there whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..errors import InputError, as_line
from ..machine.aliases import AnyPath

MARK = '<meta name="generator" content="fmi gallery">'  # in its index.html, by which a gallery is known
NAMES = {"index.html", "gallery.js", "gallery.css", "data.js", "data", "experiment.yaml", "sheets", "pictures"}
_PART = ".fmi-gallery"  # ending of a folder that is not yet whole


def check_place(out: AnyPath) -> None:
    """Raises InputError unless a gallery may stand there: nothing is there, an empty folder, or a gallery and no other
    file."""
    out = Path(out).absolute()
    there = next((parent for parent in out.parents if parent.exists()), out)
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise InputError(f"the gallery cannot be written as {as_line(str(out))}; give another folder with --out")
    if os.path.lexists(out) and not _may_go(out):
        raise InputError(f"{as_line(str(out))} has other things than a gallery; give another folder with --out")


@contextlib.contextmanager
def replaced(out: AnyPath) -> Iterator[Path]:
    """A new folder, which the block fills; it then takes the place of ``out``. Where the block fails it is removed, and so
    is what a killed process left of one before. Raises InputError as ``check_place``."""
    out = Path(out).absolute()
    check_place(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    _sweep(out)
    part = Path(tempfile.mkdtemp(prefix=f".{out.name[:100]}.", suffix=_PART, dir=out.parent))
    held = os.open(part, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        whole = part / "whole"
        whole.mkdir()
        yield whole
        check_place(out)  # it may have come since
        if out.exists():
            out.rename(part / "old")
        whole.rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
        os.close(held)


def _may_go(out: Path) -> bool:
    if out.is_symlink() or not out.is_dir():
        return False
    names = {path.name for path in out.iterdir()}
    if not names:
        return True
    index = out / "index.html"
    return names <= NAMES and index.is_file() and MARK in index.read_text(encoding="utf-8", errors="replace")


def _sweep(out: Path) -> None:
    """Removes the folders that killed processes left beside a gallery; not one that is being filled."""
    for left in out.parent.iterdir():
        if left.name.startswith(f".{out.name[:100]}.") and left.name.endswith(_PART) and not left.is_symlink():
            with contextlib.suppress(OSError):
                held = os.open(left, os.O_RDONLY | os.O_DIRECTORY)
                try:
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(left, ignore_errors=True)
                finally:
                    os.close(held)
