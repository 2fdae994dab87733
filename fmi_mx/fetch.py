"""Downloads with a checksum: the weights and the images, from the addresses that sources.yaml lists."""

import hashlib
from pathlib import Path

import pooch
import requests
import yaml

from .errors import InputError, nearest

pooch.get_logger().setLevel("ERROR")  # what it says of a try is said here, once

TRIES = 3
TIMEOUT = 30  # seconds without a byte
_KINDS = ("sha256", "sha1", "md5", "git_blob_sha1")


def read_sources(path):
    """The entries of a sources.yaml: NAME -> file, url and at least one checksum. Raises InputError where it is missing."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} is missing; downloads work from a clone of the repository, so run `fmi` from there")
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def fetch(entry, folder):
    """Downloads one entry of a sources.yaml, unless its file is there and right.

    folder: where the file goes. Returns (path, downloaded). A part of a download never has the file's name, and what fails
    its checksum is not kept. Raises InputError, with what to do by hand, when three tries have not brought it whole and
    right, and where another file has its name, which is left alone.
    """
    path = Path(folder) / entry["file"]
    if path.is_file():
        if reason := wrong(path, entry):
            raise InputError(f"{path} is there but is not the file to be downloaded ({reason}); move it away first")
        return path, False
    _download(entry, path)
    return path, True


def fetch_first(sources, folder, read, only=None):
    """Downloads the first source that arrives whole and right and can be read.

    sources: as ``read_sources`` returns them. read: called with the file's path; where it raises InputError, what was
    downloaded is deleted and the next source tried. only: the name of the one to take. Yields a line on each step; the last
    thing yielded is (what read has returned, the file's path where it was downloaded and can be deleted, else None). Raises
    InputError when there is none, or only is unknown.
    """
    if only is not None and only not in sources:
        raise InputError(f"source {only!r} is not known{nearest(only, sources)}; sources are {', '.join(sources)}")
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


def checksums(path):
    """The checksums of a file, kind -> hexadecimal; ``git_blob_sha1`` is git's name for the content in its trees."""
    path = Path(path)
    digests = {kind: hashlib.new(kind) for kind in _KINDS[:3]}
    digests["git_blob_sha1"] = hashlib.sha1(b"blob %d\0" % path.stat().st_size)
    with open(path, "rb") as file:
        while block := file.read(2**20):
            for digest in digests.values():
                digest.update(block)
    return {kind: digest.hexdigest() for kind, digest in digests.items()}


def wrong(path, entry):
    """What is wrong with a file by the checksums (and ``bytes``) that its entry has, or an empty string."""
    size = Path(path).stat().st_size
    if "bytes" in entry and size != entry["bytes"]:
        return f"{size} bytes, not {entry['bytes']}"
    found = checksums(path)
    for kind in _KINDS:
        if kind in entry and found[kind] != entry[kind]:
            return f"its {size} bytes have the {kind} {found[kind]}, not {entry[kind]}"
    return ""


def _try(read, path, downloaded):
    """What read makes of a file, which is deleted where it was downloaded and cannot be read."""
    try:
        return read(path)
    except InputError:
        if downloaded:
            path.unlink()
        raise


def _download(entry, path):
    store = pooch.create(
        path.parent, base_url="", registry={path.name: None}, urls={path.name: entry["url"]}, retry_if_failed=TRIES - 1
    )
    http = pooch.HTTPDownloader(progressbar=True, timeout=TIMEOUT)

    def download(url, aside, _):
        http(url, aside, store)
        if reason := wrong(aside, entry):
            raise ValueError(reason)

    try:
        store.fetch(path.name, downloader=download)
    except (requests.RequestException, ValueError, OSError) as error:
        no_connection = isinstance(error, requests.ConnectionError)
        reason = "no connection" if no_connection else " ".join(str(error).split())
        expected = ", ".join(f"{kind} {entry[kind]}" for kind in _KINDS if kind in entry)
        raise InputError(
            f"{entry['url']} cannot be downloaded ({reason}); try again later, or download it by hand to {path} ({expected})"
        ) from error
