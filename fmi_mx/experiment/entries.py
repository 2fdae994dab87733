"""Readers of the entries of an experiment's lists: images, layers, filters."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ..errors import InputError, shown
from ..files.finding import image_name
from ..files.readers import file_bytes, mapping, number, one_line
from ..network import vgg19


def one(read: Callable[[object], Any]) -> Callable[[object], list[Any]]:
    """A reader of one value as one of a list's entries."""
    return lambda value: [read(value)]


def image(value: object) -> list[str]:
    """The name or path of an image, as a list of one."""
    if not isinstance(value, str) or not value:
        raise InputError(f"must be the name or path of an image, is {shown(value)}")
    if max(file_bytes(part) for part in one_line(value).split("/")) > 255 or file_bytes(value) > 4000:
        raise InputError(f"must be the name or path of an image, is longer than any: {shown(value)}")
    if not image_name(value) or image_name(value).startswith("."):
        raise InputError(f"must be the name or path of an image, and the name begin with no dot, is {shown(value)}")
    return [value]


def layer(value: object) -> str:
    """The name of a layer."""
    if not isinstance(value, str):
        raise InputError(f"must be the name of a layer such as relu4_2, is {shown(value)}")
    vgg19.check_layer(value)
    return value


def filters(value: object) -> list[int]:
    """A filter's number, or a range ``first-last`` with both ends, as a list."""
    ends = re.fullmatch(r"([0-9]{1,3})-([0-9]{1,3})", value) if isinstance(value, str) else None
    if ends and int(ends[1]) <= int(ends[2]) < 512:
        return list(range(int(ends[1]), int(ends[2]) + 1))
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return [value]
    raise InputError(f"must be numbers from 0 or ranges such as 0-15 within 0 to 511, has {shown(value)}")


def shares(value: object) -> dict[int, float]:
    """Filters with their shares, of which one at least is above 0. JSON has the filters as text."""
    found: dict[int, float] = {}
    for key, share in mapping(value).items():
        text = str(key)
        if isinstance(key, bool) or not re.fullmatch("[0-9]{1,3}", text) or int(text) in found:
            raise InputError(f"must be filters with their shares, such as {{3: 0.5, 17: 0.5}}, has {shown(key)}")
        try:
            found[int(text)] = number(0)(share)
        except InputError as error:
            raise InputError(f"filter {text}: {error}") from error
    if not any(found.values()):
        raise InputError("must have a filter with a share above 0")
    return found
