"""Downloads with a checksum: the weights and the images, from the addresses that sources.yaml lists."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Callable, TypeVar

import requests
from tqdm import tqdm

from ..errors import InputError, as_line, nearest, shown
from ..machine.aliases import AnyPath
from .sources import CHECKSUMS, LARGEST
from .whole import aside

TRIES = 3
TIMEOUT = 30  # seconds without a byte
PICTURE = 100_000_000  # bytes that an image or a panel may have

_Read = TypeVar("_Read")


def fetch(entry: Mapping[str, Any], folder: AnyPath, most: int = LARGEST) -> tuple[Path, bool]:
    """Downloads one entry of a sources.yaml, unless its file is there and right.

    folder: where the file goes. most: bytes after which a download is given up whose entry does not say how many it has.
    Returns (path, downloaded). A part of a download never has the file's name, and what fails its checksum is not kept.
    Raises InputError, with what to do by hand, when three tries have not brought it whole and right, and where something
    else has its name, which is left alone.
    """
    path = Path(folder) / entry["file"]
    if not os.path.lexists(path):
        _download(entry, path, entry.get("bytes", most))
        return path, True
    if reason := wrong(path, entry) if path.is_file() else "it is no regular file":
        raise InputError(
            f"{as_line(str(path))} is there but is not the file to be downloaded ({reason}); move it away first"
        )
    return path, False


def fetch_first(
    sources: Mapping[str, Mapping[str, Any]], folder: AnyPath, read: Callable[[Path], _Read], only: str | None = None
) -> Iterator[str | tuple[_Read, Path | None]]:
    """Downloads the first source that arrives whole and right and can be read.

    sources: as ``read_sources`` returns them. read: called with the file's path; where it raises InputError, what was
    downloaded is deleted and the next source tried. only: the name of the one to take. Yields a line on each step; the last
    thing yielded is (what read has returned, the file's path where it was downloaded and can be deleted, else None). Raises
    InputError when there is none, or only is unknown.
    """
    if only is not None and only not in sources:
        raise InputError(f"source {shown(only)} is not known{nearest(only, sources)}; sources are {', '.join(sources)}")
    for name in [only] if only else sources:
        yield f"{name}: {sources[name]['url']}"
        try:
            path, downloaded = fetch(sources[name], folder)
            yield f"{name}: {'arrived' if downloaded else 'there already'}, checksum right"
            found = _try(read, path, downloaded)
        except InputError as error:
            yield f"{name}: {error}"
        else:
            yield found, path if downloaded else None
            return
    tried = ", ".join([only] if only else sources)
    raise InputError(
        f"no source of weights brought any (tried {tried}: what went wrong stands above); give a file of your own with "
        "WEIGHTS=FILE or --weights FILE, or download one by hand and `fmi weights convert FILE`; `make demo` needs none"
    )


def checksums(path: AnyPath) -> dict[str, str]:
    """The checksums of a file, kind -> hexadecimal; ``git_blob_sha1`` is git's name for the content in its trees."""
    path = Path(path)
    digests = {kind: hashlib.new(kind) for kind in ("sha256", "sha1", "md5")}
    digests["git_blob_sha1"] = hashlib.sha1(b"blob %d\0" % path.stat().st_size)
    with open(path, "rb") as file:
        while block := file.read(2**20):
            for digest in digests.values():
                digest.update(block)
    return {kind: digest.hexdigest() for kind, digest in digests.items()}


def wrong(path: AnyPath, entry: Mapping[str, Any]) -> str:
    """What is wrong with a file by the checksums (and ``bytes``) that its entry has, or an empty string. A file
    whose entry has no checksum is wrong."""
    size = Path(path).stat().st_size
    if "bytes" in entry and size != entry["bytes"]:
        return f"{size} bytes, not {entry['bytes']}"
    found = checksums(path)
    kinds = [kind for kind in CHECKSUMS if kind in entry]
    for kind in kinds:
        if found[kind] != entry[kind]:
            return f"its {size} bytes have the {kind} {found[kind]}, not {entry[kind]}"
    return "" if kinds else "no checksum of it is known"


def _try(read: Callable[[Path], _Read], path: Path, downloaded: bool) -> _Read:
    """What read makes of a file, which is deleted where it was downloaded and cannot be read."""
    try:
        return read(path)
    except InputError:
        if downloaded:
            path.unlink()
        raise


def _download(entry: Mapping[str, Any], path: Path, most: int) -> None:
    failure: Exception
    for attempt in range(1, TRIES + 1):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with aside(path) as part:
                _bring(entry["url"], part, most)
                if reason := wrong(part, entry):
                    raise ValueError(reason)
            return
        except (requests.RequestException, ValueError) as error:
            failure = error
            if attempt < TRIES:
                time.sleep(attempt)
        except OSError as error:  # of the disk, or an answer that is too large: another try would end the same way
            failure = error
            break
    no_connection = isinstance(failure, requests.ConnectionError)
    reason = "no connection" if no_connection else as_line(" ".join(str(failure).split()), 200)
    expected = ", ".join(f"{kind} {entry[kind]}" for kind in CHECKSUMS if kind in entry)
    raise InputError(
        f"{entry['url']} cannot be downloaded ({reason}); try again later, or download it by hand to {as_line(str(path))} "
        f"({expected})"
    ) from failure


def _bring(url: str, part: Path, most: int) -> None:
    """Writes what an address answers, as it comes, into a file. Raises OSError for an answer of more than most bytes."""
    as_it_is = {"Accept-Encoding": "identity"}  # a few compressed bytes can be any number
    with requests.get(url, stream=True, timeout=TIMEOUT, headers=as_it_is, hooks={"response": _leave_body}) as answer:
        answer.raise_for_status()
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise OSError("the server compresses what it sends")
        announced, arrived = int(answer.headers.get("Content-Length", 0)), 0
        if announced > most:
            raise OSError(f"more than {most} bytes")
        with open(part, "wb") as file, tqdm(total=announced or None, unit="B", unit_scale=True, ncols=79) as bar:
            for block in answer.iter_content(2**16):
                arrived += len(block)
                if arrived > most:
                    raise OSError(f"more than {most} bytes")
                file.write(block)
                bar.update(len(block))


def _leave_body(answer: requests.Response, **_: object) -> None:
    """What a redirection says beside its address has no end that could be relied on, and nobody reads it."""
    if answer.is_redirect:
        answer.close()
