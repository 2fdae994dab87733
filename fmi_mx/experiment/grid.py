"""A sweep: an experiment in every combination of the values of some keys."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import InputError, as_line, shown
from ..files.plain_yaml import read_data
from ..files.readers import file_bytes, mapping, read_keys
from ..machine.aliases import AnyPath
from .experiment import Experiment, from_file

COMBINATIONS = 10_000  # of one sweep, at most
_LONGEST = 200  # bytes of a combination's name; its figure's has an ending more


class Combination(NamedTuple):
    """One experiment of a sweep. name: of its folder. settings: the values of the keys that are swept."""

    name: str
    settings: dict[str, Any]
    experiment: Experiment


def load_grid(path: AnyPath, overrides: Mapping[str, Any], swept: Mapping[str, Any]) -> list[Combination]:
    """Reads an experiment in every combination, the last key's values changing first.

    path: a YAML file, whose key ``sweep`` may have values by dotted key. overrides: as of ``load_experiment``. swept: more
    keys with values, which count more than the file's. Without either there is one combination, without a name. Raises
    InputError as ``load_experiment``, and for a sweep that cannot be: no list, a key that is set besides, more than
    ``COMBINATIONS``, two combinations of one name.
    """
    path = Path(path)
    try:
        data = read_data(path)
        lists = {**read_keys({"sweep": data.pop("sweep", {})}, {"sweep": mapping})["sweep"], **swept}
        _check_lists(lists, overrides)
        words = {key: _words(values) for key, values in lists.items()}
        found = []
        for chosen in product(*(range(len(values)) for values in lists.values())):
            settings = {key: lists[key][number] for key, number in zip(lists, chosen)}
            name = ",".join(f"{key}={words[key][number]}" for key, number in zip(lists, chosen))
            one = json.loads(json.dumps(data))  # a copy, as laying over changes it
            try:
                found.append(Combination(name, settings, from_file(one, path, {**overrides, **settings})))
            except InputError as error:
                raise InputError(f"{name}: {error}" if name else str(error)) from error
    except InputError as error:
        raise InputError(f"experiment {as_line(str(path))}: {error}") from error
    _check_names([one.name for one in found])
    return found


def _check_lists(lists: Mapping[str, Any], overrides: Mapping[str, Any]) -> None:
    for key, values in lists.items():
        if not isinstance(values, list) or not values:
            raise InputError(f"sweep: {key}: must be a list of values, such as [1, 2, 3], is {shown(values)}")
        both = [other for other in overrides if f"{other}.".startswith(f"{key}.") or f"{key}.".startswith(f"{other}.")]
        if both:
            raise InputError(f"sweep: {shown(key)} is swept, and {shown(both[0])} set besides; do one of them")
    count = math.prod(len(values) for values in lists.values())
    if count > COMBINATIONS:
        raise InputError(f"sweep: {count} combinations; at most {COMBINATIONS} can be asked for at once")


def _words(values: list[Any]) -> list[str]:
    """What stands for each value in a folder's name: itself, or where it is a list, a path or long, its number."""
    return [
        _word(value) if re.fullmatch(r"[\w.+-]{1,40}", _word(value)) else f"{number}of{len(values)}"
        for number, value in enumerate(values, 1)
    ]


def _word(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _check_names(names: list[str]) -> None:
    """Raises InputError unless each name can be a folder's and is no other's, on a disk without capitals too."""
    first: dict[str, str] = {}
    for name in names:
        if file_bytes(name) > _LONGEST:
            raise InputError(f"sweep: the name {shown(name)} is too long for a folder; sweep fewer keys at once")
        if name.startswith("."):
            raise InputError(f"sweep: a folder's name cannot begin with a dot, as {shown(name)} does")
        other = first.setdefault(unicodedata.normalize("NFC", name.casefold()), name)
        if other is not name:
            raise InputError(f"sweep: {shown(other)} and {shown(name)} would have one folder; give each value once")
