"""What is laid under an experiment's data and over it: the descent that it names, presets, and single values."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from ..errors import InputError, as_line, nearest, shown
from ..files.plain_yaml import read_data, read_text
from ..files.readers import choice, mapping, read_keys

_PACKAGE = Path(__file__).resolve().parents[1]
_CLONE = _PACKAGE.parent / "experiments"
EXPERIMENTS = _CLONE if _CLONE.is_dir() else _PACKAGE / "experiments"  # where setup.py installs them
OPTIMISERS = EXPERIMENTS / "optimisers.yaml"  # the settings that each optimiser starts from


def lay_under(data: dict[str, Any], own: Iterable[str], known: Collection[str]) -> dict[str, Any]:
    """An experiment's data on top of those of the file that its key ``descent`` names, which stands for them.

    data: left as they are; plain keys replace the descent's, and dotted ones a part of them. own: the keys of its method,
    which are what it takes of the descent. known: the keys that a descent may have. Raises InputError for a descent that is
    not there, and for a dotted key that it does not have.
    """
    if "descent" not in data:
        return data
    _check_keys(data)
    whole = {key: value for key, value in data.items() if key != "descent" and "." not in key}
    laid = {**dict.fromkeys([*whole, *own]), "optimiser": {"name": None}}
    _lay_file(laid, "descent", data["descent"], known)
    laid.update(whole)
    _replace_all(laid, {key: value for key, value in data.items() if "." in key})
    return {key: value for key, value in laid.items() if key in whole or value is not None}


def lay_over(data: dict[str, Any], overrides: Mapping[str, object], known: Collection[str]) -> None:
    """Replaces values of an experiment's data, in place.

    overrides: dotted key -> value. Two come first, whatever their places: ``preset``, the name of a file of the clone's
    experiments, or a path; and ``optimiser.name``, which brings settings that others may change. known: the keys that a
    preset may have. Raises InputError for a key that the data does not have, and for two of which one holds the other.
    """
    overrides = dict(overrides)
    if "preset" in overrides:
        _lay_file(data, "preset", overrides.pop("preset"), known)
    _check_keys(overrides)
    _replace_all(data, overrides)


def _check_keys(keys: Iterable[str]) -> None:
    """Refuses keys of which one holds another: whether ``stop`` or ``stop.passes`` counts, only their order could say."""
    all_parts = sorted(key.split(".") for key in keys)
    for parts, following in zip(all_parts, [*all_parts[1:], []]):
        if not all(parts):
            raise InputError(f"key {shown('.'.join(parts))} to set has an empty part; write KEY or KEY.KEY")
        if following[: len(parts)] == parts:
            both = " and ".join(shown(".".join(one)) for one in (parts, following))
            raise InputError(f"keys {both} are both to be set, and one holds the other; set one of them")


def _lay_file(data: dict[str, Any], kind: str, named: object, known: Collection[str]) -> None:
    """A preset or a descent replaces what it shares with the experiment; its others are for other methods. kind: the key
    that says what the file is."""
    try:
        if not isinstance(named, str):
            raise InputError("is no name")
        values = read_data(named if Path(named).suffix else EXPERIMENTS / f"{named}.yaml")
        if values.pop(kind, None) is None:
            raise InputError(f"is not a {kind}, which has the key '{kind}'")
        _check_keys(values)
        for key in values:
            first = key.split(".")[0]
            if first not in known:
                raise InputError(f"unknown key {shown(key)}{nearest(first, known)}; known are {', '.join(known)}")
        _replace_all(data, {key: value for key, value in values.items() if key.split(".")[0] in data})
    except InputError as error:
        there, what = _files(kind), as_line(named) if isinstance(named, str) else shown(named)
        raise InputError(f"{kind} {what}: {error}; there are {', '.join(there)}{nearest(named, there)}") from error


def _files(kind: str) -> list[str]:
    """The names of the clone's presets or descents."""
    return [path.stem for path in sorted(EXPERIMENTS.glob("*.yaml")) if f"\n{kind}: {path.stem}\n" in read_text(path)]


def _replace_all(data: dict[str, Any], values: Mapping[str, object]) -> None:
    """Replaces the values of dotted keys, the optimiser's name first: it brings settings that others may change."""
    for key in sorted(values, key=lambda key: key != "optimiser.name"):
        _replace(data, key, values[key])


def _replace(data: dict[str, Any], key: str, value: object) -> None:
    """Replaces the value of a dotted key; only keys that the file has can be replaced. Another optimiser brings its own
    settings with it."""
    *parents, last = key.split(".")
    place: Any = data
    for parent in parents:
        place = place.get(parent) if isinstance(place, dict) else None
    if not isinstance(place, dict) or last not in place:
        known = list(place if isinstance(place, dict) else data)  # the file's, which may have any
        there = as_line(", ".join(known), 1000)
        raise InputError(f"unknown key {shown(key)} to set{nearest(last, known)}; known are {there}")
    if key == "optimiser.name" and value != place["name"]:
        choices = read_data(OPTIMISERS)
        name = read_keys({key: value}, {key: choice(*choices)})[key]
        data["optimiser"] = {"name": name, **mapping(choices[name])}
    else:
        place[last] = value
