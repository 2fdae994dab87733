"""Downloads with a checksum: the weights and the images, from the addresses that sources.yaml lists."""

import contextlib
import hashlib
from pathlib import Path

import pooch
import requests
import yaml

from .errors import InputError

TRIES = 3


def fetch(sources, folder):
    """Downloads what is not there yet.

    sources: path of a sources.yaml, NAME -> file, url, and sha256 or git_blob_sha1. folder: where the files go.
    Yields (path, downloaded) as each file is there and right. A part of a download never has the file's name. Raises
    InputError, with what to do by hand, when a file has not arrived whole and right after three tries.
    """
    sources, folder = Path(sources), Path(folder)
    if not sources.is_file():
        raise InputError(f"{sources} is missing; downloads work from a clone of the repository, so run `fmi` from there")
    for entry in yaml.safe_load(sources.read_text(encoding="utf-8")).values():
        path = folder / entry["file"]
        if path.is_file() and _digest(path, entry) == _expected(entry):
            yield path, False
        else:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
            _download(entry, folder)
            yield path, True


def _download(entry, folder):
    store = pooch.create(
        folder, base_url="", registry={entry["file"]: None}, urls={entry["file"]: entry["url"]}, retry_if_failed=TRIES - 1
    )
    http = pooch.HTTPDownloader(progressbar=True, timeout=30)

    def download(url, aside, _):
        http(url, aside, store)
        found = _digest(aside, entry)
        if found != _expected(entry):
            size = Path(aside).stat().st_size
            raise ValueError(f"the {size} bytes that came have the checksum {found}, not {_expected(entry)}")

    try:
        store.fetch(entry["file"], downloader=download)
    except (requests.RequestException, ValueError, OSError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{entry['url']} cannot be downloaded ({reason}); try again later, or download it by hand to "
            f"{folder / entry['file']} ({' '.join(_expected(entry))})"
        ) from error


def _expected(entry):
    """(kind of checksum, checksum) that sources.yaml gives."""
    kind = "sha256" if "sha256" in entry else "git_blob_sha1"
    return kind, entry[kind]


def _digest(path, entry):
    """(kind of checksum, checksum) of a file, of the kind that sources.yaml gives."""
    kind, _ = _expected(entry)
    data = Path(path).read_bytes()
    if kind == "sha256":
        return kind, hashlib.sha256(data).hexdigest()
    return kind, hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
