"""sources.yaml: where weights, images and panels come from, as it is read and checked."""

from __future__ import annotations

import os
import re
from typing import Any, Callable
from urllib.parse import urlsplit

from ..errors import PATH, InputError, as_line, shown
from ..machine.aliases import AnyPath
from .plain_yaml import read_data
from .readers import Reader, file_bytes, mapping, name, one_line, read_keys, text, whole
from .whole import LONGEST

LARGEST = 700_000_000  # bytes that a download may have; Caffe's and torchvision's weights have 575 million
CHECKSUMS = {"sha256": 64, "sha1": 40, "md5": 32, "git_blob_sha1": 40}  # kinds, each with its hexadecimal digits


def read_sources(path: AnyPath) -> dict[str, dict[str, Any]]:
    """The entries of a sources.yaml: NAME -> file, url, at least one checksum, and what else it says. Raises InputError
    where it is missing, and for an entry that could not be downloaded and checked."""
    shown_path = as_line(str(path))
    if not os.path.exists(path):
        raise InputError(f"{shown_path} is missing; downloads work from a clone of the repository, so run `fmi` from there")
    try:
        return {name(key): _entry(key, value) for key, value in read_data(path).items()}
    except InputError as error:
        raise InputError(f"{shown_path}: {error}") from error


def _entry(key: str, value: object) -> dict[str, Any]:
    try:
        entry = read_keys(mapping(value), _ENTRY, optional=set(_ENTRY) - {"file", "url"})
        if not CHECKSUMS.keys() & entry:
            raise InputError(f"has no checksum, so what arrives could not be checked; give {' or '.join(CHECKSUMS)}")
    except InputError as error:
        raise InputError(f"{key}: {error}") from error
    return entry


def _file(value: object) -> str:
    """A file's name, in the folder of its sources.yaml."""
    plain = value if isinstance(value, str) and value and one_line(value)[0] != "." and not set(value) & set("/\\") else ""
    if not plain or file_bytes(plain) + LONGEST > 255:
        raise InputError(f"must be the name of a file, without a folder and not hidden, is {shown(value)}")
    return plain


def _address(value: object) -> str:
    address = value if isinstance(value, str) else ""
    try:
        parts = urlsplit(one_line(address))
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and len(address) <= PATH
    except ValueError:  # also of a port that is no number
        good = False
    if not good:
        raise InputError(f"must be an address, https:// or http://, of at most {PATH} characters, is {shown(value)}")
    return address


def _checksum(digits: int) -> Callable[[object], str]:
    """Hexadecimal digits, as they are compared: in small letters."""

    def read(value: object) -> str:
        if not isinstance(value, str) or not re.fullmatch(f"[0-9a-fA-F]{{{digits}}}", value):
            raise InputError(f"must be {digits} hexadecimal digits (in quotes where all are decimal), is {shown(value)}")
        return value.lower()

    return read


_ENTRY: dict[str, Reader] = {
    "file": _file,
    "url": _address,
    "bytes": whole(1, LARGEST),
    **{kind: _checksum(digits) for kind, digits in CHECKSUMS.items()},
    "format": text,
    "licence": text,
    "credit": text,
}
