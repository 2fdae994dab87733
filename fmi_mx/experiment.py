"""A figure's YAML file -> an Experiment. Everything that a file can get wrong is refused here, by name."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Optional

from . import network
from .cell import cells, image_name
from .errors import InputError
from .optimisers import Stop
from .overlay import EXPERIMENTS, lay_over, read_data
from .readers import choice, read_keys
from .schemas import SCHEMAS

FIG3 = EXPERIMENTS / "fig3.yaml"


@dataclass(frozen=True)
class Experiment:
    """Every number of a figure. The fields are the keys of the YAML file, where each is explained with its source; a key
    that the method does not have is None."""

    figure: str
    method: str
    images: tuple
    long_edge: int
    pixels: str
    credits: Optional[dict] = None
    layers: Optional[tuple] = None
    filters: Optional[tuple] = None
    isolated: Optional[int] = None
    target: Optional[str] = None
    draws: Optional[int] = None
    draw: Optional[str] = None
    styles: Optional[tuple] = None
    style_size: Optional[str] = None
    losses: Optional[tuple] = None
    content_layer: Optional[str] = None
    style_layers: Optional[tuple] = None
    alpha: Optional[float] = None
    beta: Optional[float] = None
    normalise: Optional[str] = None
    pool: Optional[str] = None
    precision: Optional[str] = None
    seed: Optional[int] = None
    start: Optional[float] = None
    optimiser: Optional[object] = None
    stop: Optional[Stop] = None
    denoise: Optional[float] = None


def load_experiment(path, /, **overrides):
    """Reads an experiment.

    path: YAML file. overrides: values that replace the file's, by key; a dotted key as ``**{"optimiser.clip": 5}``; and
    ``preset``, the name of a file of values that is laid over it first.
    Returns an ``Experiment``. Raises InputError, naming the file and the key, for anything unknown, missing or not allowed.
    """
    path = Path(path)
    try:
        data = read_data(path)
        if "preset" in data:
            raise InputError(f"is a preset; lay it over an experiment with --set preset={path.stem}")
        data = _complete(data)
        lay_over(data, overrides, sorted({key for schema in SCHEMAS.values() for key in schema}))
        return from_data(data)
    except InputError as error:
        raise InputError(f"experiment {path}: {error}") from error


def from_data(data):
    """The ``Experiment`` of keys and values, as YAML and ``as_data`` hold them. Raises InputError as ``load_experiment``."""
    experiment = Experiment(**read_keys(_complete(data), _schema(data)))
    _check_together(experiment)
    return experiment


def check_filters(experiment, width=1):
    """Raises InputError where a layer lacks a filter that the experiment names, in the network of this width."""
    isolated = () if experiment.isolated is None else (experiment.isolated,)
    for layer in experiment.layers or ():
        for l in (*(experiment.filters or ()), *isolated):
            network.check_filter(layer, l, width)


def as_data(experiment):
    """An experiment as JSON and YAML hold it: tuples as lists, without the keys that its method does not have; the
    optimiser's name is its class's in lower case."""
    data = json.loads(json.dumps(asdict(experiment)))
    data = {key: value for key, value in data.items() if value is not None}
    if experiment.optimiser:
        data["optimiser"] = {"name": type(experiment.optimiser).__name__.lower(), **data["optimiser"]}
    return data


def _complete(data):
    """The data with the keys that users' files from before them lack; they mean the authors' way."""
    if "precision" in _schema(data):
        data = {**data, "precision": data.get("precision", "float32")}
    if isinstance(data.get("stop"), dict):
        data = {**data, "stop": {"every": 1, **data["stop"]}}
    return data


def _schema(data):
    """The keys, with their readers, of the method that the file names."""
    if "method" not in data:
        raise InputError(f"key 'method' is missing; it is one of {', '.join(SCHEMAS)}")
    try:
        return SCHEMAS[choice(*SCHEMAS)(data["method"])]
    except InputError as error:
        raise InputError(f"method: {error}") from error


def _check_together(experiment):
    """What no key can say alone: filters that a layer has, sizes that a layer needs, names that are told apart."""
    for layer in {layer for cell in cells(experiment) for layer in cell.layers}:
        network.check_image_size(layer, experiment.long_edge, experiment.long_edge)
    check_filters(experiment)
    for key, given in (("images", experiment.images), ("styles", experiment.styles or ())):
        names = [image_name(image) for image in given]
        if len(set(names)) < len(names):
            raise InputError(f"{key}: two of them have one name ({', '.join(names)}); names of files must differ")
    if experiment.alpha == experiment.beta == 0:
        raise InputError("alpha and beta are both 0, so there is nothing to minimise; give one of them a weight")
