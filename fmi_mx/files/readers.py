"""Readers: each takes a value as YAML gave it and returns it checked, or raises InputError with what is allowed."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Container, Iterable, Mapping
from typing import Any, Callable, TypeVar

from ..errors import InputError, nearest, shown

Reader = Callable[[object], Any]
_One = TypeVar("_One")


def read_keys(data: Mapping[str, Any], schema: Mapping[str, Reader], optional: Container[str] = ()) -> dict[str, Any]:
    """The values of a mapping, each through the reader that schema has for it; unknown keys are refused, and missing ones
    that are not optional. They come in the schema's order, without the optional keys that are missing."""
    for key in data:
        if key not in schema:
            raise InputError(f"unknown key {shown(key)}{nearest(key, schema)}; known are {', '.join(schema)}")
    values = {}
    for key, reader in schema.items():
        if key in data:
            try:
                values[key] = reader(data[key])
            except InputError as error:
                raise InputError(f"{key}: {error}") from error
        elif key not in optional:
            raise InputError(f"key {key!r} is missing")
    return values


def mapping(value: object) -> dict[str, Any]:
    """Keys with values."""
    if not isinstance(value, dict):
        raise InputError(f"must be keys with values, is {shown(value)}")
    return value


def choice(*allowed: str) -> Callable[[object], str]:
    """One of the words allowed."""

    def read(value: object) -> str:
        if not isinstance(value, str) or value not in allowed:
            raise InputError(f"must be {' or '.join(allowed)}, is {shown(value)}{nearest(value, allowed)}")
        return value

    return read


def whole(low: int, high: int | None = None) -> Callable[[object], int]:
    """A whole number from low to high, both allowed."""

    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value < low or (high is not None and value > high):
            limits = f"at least {low}" if high is None else f"from {low} to {high}"
            raise InputError(f"must be a whole number {limits}, is {shown(value)}")
        return value

    return read


def number(low: float, above: bool = False, high: float = 1e30) -> Callable[[object], float]:
    """A number from low, or above it, to high; MXNet computes in float32, which holds little more."""

    def read(value: object) -> float:
        given = value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
        if given is None or not low <= given <= high or (above and given < low + 1e-30):
            limits = f"{'above' if above else 'of at least'} {low} and at most {high:g}"
            raise InputError(f"must be a number {limits}, is {shown(value)}")
        return float(given)

    return read


def or_none(read: Reader) -> Reader:
    """What another reader takes, or null."""
    return lambda value: None if value is None else read(value)


def name(value: object) -> str:
    """A word that can be a file's name, with an ending of ours."""
    if not isinstance(value, str) or not re.fullmatch(r"[\w-]{1,100}", value) or file_bytes(value) > 100:
        raise InputError(f"must be a name of letters, digits, - and _, of at most 100 bytes, is {shown(value)}")
    return value


def file_bytes(value: str) -> int:
    """How many bytes a name has as files have them. Raises InputError where this machine's files cannot have it."""
    try:
        return len(os.fsencode(value))
    except UnicodeEncodeError as error:
        raise InputError(
            f"files cannot be named {shown(value)} in this locale, whose encoding is {error.encoding}; set LC_ALL=C.UTF-8"
        ) from error


def list_of(read_entry: Callable[[object], Iterable[_One]]) -> Callable[[object], tuple[_One, ...]]:
    """A list, or a single entry for a list of one."""

    def read(value: object) -> tuple[_One, ...]:
        values: dict[_One, None] = {}
        for entry in value if isinstance(value, list) else [value]:
            for one in read_entry(entry):
                if one in values:
                    raise InputError(f"has {shown(one)} twice")
                values[one] = None
        if not values:
            raise InputError("is an empty list; give at least one")
        return tuple(values)

    return read


def text(value: object) -> str:
    """Words, in one line."""
    if not isinstance(value, str) or not 0 < len(value) <= 500:
        raise InputError(f"must be text of at most 500 characters, is {shown(value)}")
    return one_line(value)


def one_line(value: str) -> str:
    """Text without what ends a line or changes a terminal, and without surrogates: so Python holds bytes of a file's name
    that are none of the locale's characters, and neither JSON nor a picture can have them."""
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in value):
        raise InputError(f"must have no control characters, line breaks and surrogates, is {shown(value)}")
    return value
