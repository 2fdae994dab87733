"""A figure's YAML file -> an Experiment. Everything that a file can get wrong is refused here, by name."""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Callable, Mapping, Sized
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

from ..descent.optimisers import Optimiser, Stop
from ..errors import InputError, as_line, shown
from ..files.plain_yaml import read_data
from ..files.readers import choice, file_bytes, mapping, read_keys
from ..files.whole import LONGEST
from ..machine.aliases import AnyPath
from ..network import vgg19
from .cell import Cell, cells
from .filters import Filters, check_filters_fit, filters_of
from .overlay import EXPERIMENTS, lay_over, lay_under
from .schemas import OF_A_DRAW, SCHEMAS

FIG3 = EXPERIMENTS / "fig3.yaml"
_KEYS = sorted({key for schema in SCHEMAS.values() for key in schema} - {"descent"})  # that a preset may have
PICTURES = 50_000  # that one experiment may have: as many as all filters of all 16 layers from nine images

# What files mean that are from before these keys.
_MEANT = {"precision": "float32", "threads": 1, "keep": "image", "feature_map": "rectified"}
_NO_KEY: Any = None  # of a field whose key the method does not have


@dataclass(frozen=True)
class Experiment:
    """Every number of a figure. The fields are the keys of the YAML file, where each is explained with its source; a key
    that the method does not have is None."""

    figure: str
    method: str
    images: tuple[str, ...]
    long_edge: int
    pixels: str
    credits: dict[str, str] = _NO_KEY
    layers: tuple[str, ...] = _NO_KEY
    filters: Filters = _NO_KEY
    isolated: int = _NO_KEY
    target: str = _NO_KEY
    feature_map: str = _NO_KEY
    draws: int = _NO_KEY
    draw: str = _NO_KEY
    v: dict[int, float] = _NO_KEY
    styles: tuple[str, ...] = _NO_KEY
    style_size: str = _NO_KEY
    losses: tuple[str, ...] = _NO_KEY
    content_layer: str = _NO_KEY
    style_layers: tuple[str, ...] = _NO_KEY
    alpha: float = _NO_KEY
    beta: float = _NO_KEY
    normalise: str = _NO_KEY
    pool: str = _NO_KEY
    precision: str = _NO_KEY
    threads: int = _NO_KEY
    seed: int = _NO_KEY
    start: float = _NO_KEY
    optimiser: Optimiser = _NO_KEY
    stop: Stop = _NO_KEY
    denoise: float = _NO_KEY
    keep: str = _NO_KEY


def load_experiment(path: AnyPath, /, **overrides: Any) -> Experiment:
    """Reads an experiment.

    path: a YAML file. overrides: values that replace the file's, by key; a dotted key as ``**{"optimiser.clip": 5}``; and
    ``preset``, the name of a file of values that is laid over it first.
    Raises InputError, naming the file and the key, for anything unknown, missing or not allowed.
    """
    path = Path(path)
    try:
        data = read_data(path)
        if "sweep" in data:
            raise InputError("has the key sweep, and so is many experiments; `fmi run` computes them")
        return from_file(data, path, overrides)
    except InputError as error:
        raise InputError(f"experiment {as_line(str(path))}: {error}") from error


def from_file(data: dict[str, Any], path: Path, overrides: Mapping[str, Any]) -> Experiment:
    """The ``Experiment`` of what is in a file, which is changed. overrides, raises: as of ``load_experiment``."""
    if "preset" in data:
        raise InputError(f"is a preset; lay it over an experiment with --set preset={path.stem}")
    if "descent" in data and "method" not in data:
        raise InputError(f"is a descent; an experiment has it by its key descent: {path.stem}")
    data = _complete(data)
    lay_over(data, overrides, _KEYS)
    return from_data(data)


def from_data(data: object) -> Experiment:
    """The ``Experiment`` of keys and values, as YAML and ``as_data`` hold them. Raises InputError as ``load_experiment``."""
    given = mapping(data)
    if given.get("method") == "rmci":  # whose kinds of draw have keys of their own
        given = {**dict.fromkeys(OF_A_DRAW), **given}
    experiment = Experiment(**read_keys(_complete(given), _schema(given), optional=("descent",)))
    _check_together(experiment)
    return experiment


def check_filters(experiment: Experiment, width: float = 1) -> None:
    """Raises InputError where a layer lacks a filter that the experiment names, in the network of this width."""
    if experiment.filters:
        check_filters_fit(experiment.filters, experiment.layers, width)
    for layer in experiment.layers if experiment.isolated is not None else ():
        vgg19.check_filter(layer, experiment.isolated, width)
    for layer, l in product(experiment.layers or (), experiment.v or ()):
        vgg19.check_filter(layer, l, width)


def as_data(experiment: Experiment) -> dict[str, Any]:
    """An experiment as JSON and YAML hold it: tuples as lists, without the keys that its method does not have; the
    optimiser's name is its class's in lower case."""
    data = json.loads(json.dumps(asdict(experiment)))
    data = {key: value for key, value in data.items() if value is not None}
    if experiment.optimiser:
        data["optimiser"] = {"name": type(experiment.optimiser).__name__.lower(), **data["optimiser"]}
    return data


def _complete(data: dict[str, Any]) -> dict[str, Any]:
    """The data with those of the descent that they name, and with the keys that users' files from before them lack; they
    mean the authors' way."""
    if "descent" in _schema(data):
        data = lay_under(data, _schema(data), _KEYS)
    data = {**data, **{key: value for key, value in _MEANT.items() if key in _schema(data) and key not in data}}
    if isinstance(data.get("stop"), dict):
        data = {**data, "stop": {"every": 1, **data["stop"]}}
    return data


def _schema(data: dict[str, Any]) -> dict[str, Callable[[object], Any]]:
    """The keys, with their readers, of the method that the file names."""
    if "method" not in data:
        raise InputError(f"key 'method' is missing; it is one of {', '.join(SCHEMAS)}")
    try:
        return SCHEMAS[choice(*SCHEMAS)(data["method"])]
    except InputError as error:
        raise InputError(f"method: {error}") from error


def check_number(**lists: Sized) -> None:
    """Raises InputError where a picture for each combination of the lists' values would be more than ``PICTURES``."""
    sizes = [len(values) for values in lists.values()]
    if math.prod(sizes) > PICTURES:
        asked = " x ".join(f"{size} {key}" for key, size in zip(lists, sizes))
        raise InputError(f"{asked} are {math.prod(sizes)} pictures; at most {PICTURES} can be asked for at once")


def _check_together(experiment: Experiment) -> None:
    """What no key can say alone: how many cells there are, filters that a layer has, sizes that a layer needs, names that
    are told apart."""
    check_filters(experiment)
    if experiment.method == "rmci":
        _check_draw(experiment)
    _check_all_combinations(experiment)
    if experiment.feature_map and experiment.feature_map != "rectified":
        _check_relus(experiment.layers)
    found = cells(experiment)
    for layer in {layer for cell in found for layer in cell.layers}:
        vgg19.check_image_size(layer, experiment.long_edge, experiment.long_edge)
    _check_names(found)
    if experiment.keep == "picture" and experiment.target == "authors":
        raise InputError("keep: with target authors each cell needs the image before it; keep image, or take target paper")
    if experiment.alpha == experiment.beta == 0:
        raise InputError("alpha and beta are both 0, so there is nothing to minimise; give one of them a weight")


def _check_relus(layers: tuple[str, ...]) -> None:
    for layer in layers:
        try:
            vgg19.check_relu(layer)
        except InputError as error:
            raise InputError(f"feature_map: only a ReLU has a linear one, and {error}; or take rectified") from error


def _check_draw(experiment: Experiment) -> None:
    """The keys of method rmci that only one kind of draw has, and only it needs; of which there is one draw each."""
    for key, draw in OF_A_DRAW.items():
        given = getattr(experiment, key) is not None
        if given and experiment.draw != draw:
            raise InputError(f"{key}: is for draw: {draw}, and the draw is {experiment.draw}; take {key} out")
        if not given and experiment.draw == draw:
            raise InputError(f"{key}: draw: {draw} needs it; give it a value")
    if experiment.draw in ("given", "style") and experiment.draws != 1:
        raise InputError(f"draws: must be 1 with draw: {experiment.draw}, where nothing is drawn at random")


def _check_all_combinations(experiment: Experiment) -> None:
    draws = range(experiment.draws or 0)
    lists: dict[str, Sized] = {key: getattr(experiment, key) for key in ("images", "styles", "layers", "losses")}
    if experiment.filters:
        counts = [len(filters_of(experiment.filters, layer)) for layer in experiment.layers]
        if len(set(counts)) == 1:
            lists["filters"] = range(counts[0])
        else:
            lists["layers"], lists["filters"] = (), range(sum(counts))  # in all layers
    check_number(**{key: values for key, values in {**lists, "draws": draws}.items() if values})


def _check_names(found: list[Cell]) -> None:
    """Raises InputError unless each cell has a name that its files can have and that no other cell's files have, also on a
    disk that takes capitals for small letters, and letters with their accents for letters and accents."""
    first: dict[str, Cell] = {}
    for cell in found:
        if file_bytes(cell.name) + LONGEST > 255:
            raise InputError(f"the name {shown(cell.name)} of {_made_of(cell)} is too long for a file; rename an image")
        other = first.setdefault(unicodedata.normalize("NFC", cell.name.casefold()), cell)
        if other is not cell:
            also = "" if other.name == cell.name else f" (and {shown(cell.name)} is the same on many disks)"
            both = f"{_made_of(other)} and {_made_of(cell)}"
            raise InputError(f"{both} give two pictures the name {shown(other.name)}{also}; rename an image")


def _made_of(cell: Cell) -> str:
    return f"image {shown(cell.image)}" + (f" in style {shown(cell.style)}" if cell.style else "")
