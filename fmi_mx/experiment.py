"""A figure's YAML file -> an Experiment -> the list of its cells. Everything is checked here, by name."""

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Optional

import yaml

from . import images, vgg19
from .errors import InputError, nearest
from .optimisers import SGD, Stop
from .readers import choice, list_of, mapping, name, number, read_keys, whole


@dataclass(frozen=True)
class Experiment:
    """Every number of a figure. The fields are the keys of the YAML file, where each is explained with its source."""

    figure: str
    method: str
    images: tuple
    layers: tuple
    filters: tuple
    target: str
    pool: str
    long_edge: int
    pixels: str
    seed: int
    start: float
    optimiser: SGD
    stop: Stop
    denoise: float


@dataclass(frozen=True)
class Cell:
    """One picture of a figure. predecessor: name of the cell from whose code the target is taken (``target: authors``)."""

    name: str
    image: str
    layer: str
    filter: int
    predecessor: Optional[str]


def load_experiment(path, **overrides):
    """Reads an experiment.

    path: YAML file. overrides: values that replace the file's, by key; a dotted key as ``**{"optimiser.clip": 5}``.
    Returns an ``Experiment``. Raises InputError, naming the file and the key, for anything unknown, missing or not allowed.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"experiment {path}: {'is a directory' if path.is_dir() else 'no such file'}")
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"experiment {path}: not YAML ({' '.join(str(error).split())})") from error
    try:
        data = mapping(data)
        for key, value in overrides.items():
            _override(data, key, value)
        experiment = Experiment(**read_keys(data, _SCHEMA))
        _check_together(experiment)
    except InputError as error:
        raise InputError(f"experiment {path}: {error}") from error
    return experiment


def cells(experiment):
    """The cells of a figure, a chained cell behind its predecessor. Returns a list of ``Cell``."""
    found = []
    for image in experiment.images:
        for layer in experiment.layers:
            predecessor = None
            for l in experiment.filters:
                found.append(Cell(f"{image_name(image)}.{layer}.f{l:03d}", image, layer, l, predecessor))
                if experiment.target == "authors":
                    predecessor = found[-1].name
    return found


def image_name(image):
    """The name that an image, given by name or by path, has in the names of cells."""
    return Path(image).stem if Path(image).suffix else Path(image).name


def as_data(experiment):
    """An experiment as JSON and YAML hold it (tuples as lists); the optimiser's name is its class's in lower case."""
    data = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(experiment).items()}
    data["optimiser"] = {"name": type(experiment.optimiser).__name__.lower(), **data["optimiser"]}
    return data


def _override(data, key, value):
    """Replaces the value of a dotted key; only keys that the file has can be replaced."""
    *parents, last = key.split(".")
    for parent in parents:
        data = data.get(parent) if isinstance(data, dict) else None
    if not isinstance(data, dict) or last not in data:
        known = list(data) if isinstance(data, dict) else list(_SCHEMA)
        raise InputError(f"unknown key {key!r} to set{nearest(last, known)}; known are {', '.join(map(str, known))}")
    data[last] = value


def _check_together(experiment):
    """What no key can say alone: filters that a layer has, sizes that a layer needs, names that are told apart."""
    for layer in experiment.layers:
        vgg19.check_image_size(layer, experiment.long_edge, experiment.long_edge)
        for l in experiment.filters:
            vgg19.check_filter(layer, l)
    names = [image_name(image) for image in experiment.images]
    if len(set(names)) < len(names):
        raise InputError(f"images: two of them have one name ({', '.join(names)}); names of files must differ")


def _image(value):
    if not isinstance(value, str) or not value:
        raise InputError(f"must be the name or path of an image, is {value!r}")
    return [value]


def _layer(value):
    if not isinstance(value, str):
        raise InputError(f"must be the name of a layer such as relu4_2, is {value!r}")
    vgg19.check_layer(value)
    return [value]


def _filters(value):
    """A filter's number, or a range ``first-last`` with both ends."""
    ends = re.fullmatch(r"(\d+)-(\d+)", value) if isinstance(value, str) else None
    if ends and int(ends[1]) <= int(ends[2]) < 512:
        return list(range(int(ends[1]), int(ends[2]) + 1))
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return [value]
    raise InputError(f"must be numbers from 0 or ranges such as 0-15 within 0 to 511, has {value!r}")


_SGD = {
    "name": choice("sgd"),
    "learning_rate": number(0, above=True),
    "momentum": number(0),
    "decay": number(0, above=True),
    "decay_every": whole(1),
    "clip": number(0, above=True),
    "weight_decay": number(0),
    "rescale": number(0, above=True),
}


def _optimiser(value):
    settings = read_keys(mapping(value), _SGD)
    del settings["name"]
    return SGD(**settings)


def _stop(value):
    return Stop(**read_keys(mapping(value), {"passes": whole(1), "change": number(0)}))


_SCHEMA = {
    "figure": name,
    "method": choice("fmi"),
    "images": list_of(_image),
    "layers": list_of(_layer),
    "filters": list_of(_filters),
    "target": choice("paper", "authors"),
    "pool": choice(*vgg19.POOLINGS),
    "long_edge": whole(images.SMALLEST, images.LARGEST),
    "pixels": choice(*images.PIXELS),
    "seed": whole(0),
    "start": number(0, above=True),
    "optimiser": _optimiser,
    "stop": _stop,
    "denoise": number(0),
}
