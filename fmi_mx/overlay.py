"""An experiment's YAML file as plain data, and what is laid over it: presets, and single values."""

from pathlib import Path

import yaml

from .errors import InputError, nearest
from .readers import mapping

# What PyYAML raises for what is not YAML: of its own, and of the conversions that it leaves unguarded.
YAML_ERRORS = (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError)
EXPERIMENTS = Path(__file__).resolve().parent.parent / "experiments"  # of the clone
OPTIMISERS = EXPERIMENTS / "optimisers.yaml"  # the settings that each optimiser starts from


def read_data(path):
    """The keys and values of a YAML file. Raises InputError, without the file's name, where it has none or is not YAML."""
    path = Path(path)
    if not path.is_file():
        raise InputError("is a directory" if path.is_dir() else "no such file")
    try:
        return mapping(yaml.load(path.read_text(encoding="utf-8"), Loader=_EachKeyOnce))
    except YAML_ERRORS as error:
        raise InputError(f"not YAML ({' '.join(str(error).split())})") from error


def lay_over(data, overrides, known):
    """Replaces values of an experiment's data, in place.

    overrides: dotted key -> value. Two come first, whatever their places: ``preset``, the name of a file of the clone's
    experiments, or a path; and ``optimiser.name``, which brings settings that others may change. known: the keys that a
    preset may have. Raises InputError for a key that the data does not have.
    """
    overrides = dict(overrides)
    if "preset" in overrides:
        _lay_preset(data, overrides.pop("preset"), known)
    for key in sorted(overrides, key=lambda key: key != "optimiser.name"):
        _replace(data, key, overrides[key])


def _lay_preset(data, preset, known):
    """A preset replaces what it shares with the experiment, by plain or dotted keys; its others are for other methods."""
    path = Path(str(preset))
    path = path if path.suffix else EXPERIMENTS / f"{preset}.yaml"
    try:
        values = read_data(path)
        if values.pop("preset", None) is None:
            raise InputError("is not a preset, which has the key 'preset'")
        for key, value in values.items():
            first = str(key).split(".")[0]
            if first not in known:
                raise InputError(f"unknown key {key!r}{nearest(first, known)}; known are {', '.join(known)}")
            if first in data:
                _replace(data, str(key), value)
    except InputError as error:
        there = [found.stem for found in sorted(EXPERIMENTS.glob("*.yaml")) if "\npreset:" in found.read_text("utf-8")]
        raise InputError(f"preset {preset}: {error}; there are {', '.join(there)}{nearest(preset, there)}") from error


def _replace(data, key, value):
    """Replaces the value of a dotted key; only keys that the file has can be replaced. Another optimiser brings its own
    settings with it."""
    *parents, last = key.split(".")
    place = data
    for parent in parents:
        place = place.get(parent) if isinstance(place, dict) else None
    if not isinstance(place, dict) or last not in place:
        known = [str(name) for name in (place if isinstance(place, dict) else data)]
        raise InputError(f"unknown key {key!r} to set{nearest(last, known)}; known are {', '.join(known)}")
    if key == "optimiser.name" and value != place["name"]:
        choices = read_data(OPTIMISERS)
        if value not in list(choices):  # it may be anything, a list too
            raise InputError(f"optimiser: name: must be {' or '.join(choices)}, is {value!r}{nearest(value, choices)}")
        data["optimiser"] = {"name": value, **choices[value]}
    else:
        place[last] = value


class _EachKeyOnce(yaml.SafeLoader):
    """YAML's safe loader, but a key given twice is an error, where YAML would let the last one win in silence."""

    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is given twice", node.start_mark)
        return super().construct_mapping(node, deep)
