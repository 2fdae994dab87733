"""What is laid over an experiment's data: presets, and single values."""

from pathlib import Path

from ..errors import InputError, as_line, nearest, shown
from ..files.plain_yaml import read_data, read_text
from ..files.readers import choice, mapping, read_keys

_PACKAGE = Path(__file__).resolve().parents[1]
_CLONE = _PACKAGE.parent / "experiments"
EXPERIMENTS = _CLONE if _CLONE.is_dir() else _PACKAGE / "experiments"  # where setup.py installs them
OPTIMISERS = EXPERIMENTS / "optimisers.yaml"  # the settings that each optimiser starts from


def lay_over(data, overrides, known):
    """Replaces values of an experiment's data, in place.

    overrides: dotted key -> value. Two come first, whatever their places: ``preset``, the name of a file of the clone's
    experiments, or a path; and ``optimiser.name``, which brings settings that others may change. known: the keys that a
    preset may have. Raises InputError for a key that the data does not have, and for two of which one holds the other.
    """
    overrides = dict(overrides)
    if "preset" in overrides:
        _lay_preset(data, overrides.pop("preset"), known)
    _check_keys(overrides)
    for key in sorted(overrides, key=lambda key: key != "optimiser.name"):
        _replace(data, key, overrides[key])


def _check_keys(keys):
    """Refuses keys of which one holds another: whether ``stop`` or ``stop.passes`` counts, only their order could say."""
    all_parts = sorted(key.split(".") for key in keys)
    for parts, following in zip(all_parts, [*all_parts[1:], []]):
        if not all(parts):
            raise InputError(f"key {shown('.'.join(parts))} to set has an empty part; write KEY or KEY.KEY")
        if following[: len(parts)] == parts:
            both = " and ".join(shown(".".join(one)) for one in (parts, following))
            raise InputError(f"keys {both} are both to be set, and one holds the other; set one of them")


def _lay_preset(data, preset, known):
    """A preset replaces what it shares with the experiment, by plain or dotted keys; its others are for other methods."""
    try:
        if not isinstance(preset, str):
            raise InputError("is no name")
        values = read_data(preset if Path(preset).suffix else EXPERIMENTS / f"{preset}.yaml")
        if values.pop("preset", None) is None:
            raise InputError("is not a preset, which has the key 'preset'")
        _check_keys(values)
        for key, value in values.items():
            first = key.split(".")[0]
            if first not in known:
                raise InputError(f"unknown key {shown(key)}{nearest(first, known)}; known are {', '.join(known)}")
            if first in data:
                _replace(data, key, value)
    except InputError as error:
        there, named = _presets(), as_line(preset) if isinstance(preset, str) else shown(preset)
        raise InputError(f"preset {named}: {error}; there are {', '.join(there)}{nearest(preset, there)}") from error


def _presets():
    """The names of the clone's presets."""
    return [path.stem for path in sorted(EXPERIMENTS.glob("*.yaml")) if "\npreset:" in read_text(path)]


def _replace(data, key, value):
    """Replaces the value of a dotted key; only keys that the file has can be replaced. Another optimiser brings its own
    settings with it."""
    *parents, last = key.split(".")
    place = data
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
