"""A figure's YAML file -> an Experiment. Everything that a file can get wrong is refused here, by name."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Optional

from . import codes, entries, images, losses, precision, vgg19
from .cell import cells, image_name
from .errors import InputError
from .lbfgs import LBFGS
from .optimisers import SGD, Adam, Stop
from .overlay import EXPERIMENTS, lay_over, read_data
from .readers import choice, list_of, mapping, name, number, read_keys, shown, text, whole

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
        lay_over(data, overrides, sorted({key for schema in _SCHEMAS.values() for key in schema}))
        return from_data(data)
    except InputError as error:
        raise InputError(f"experiment {path}: {error}") from error


def from_data(data):
    """The ``Experiment`` of keys and values, as YAML and ``as_data`` hold them. Raises InputError as ``load_experiment``."""
    experiment = Experiment(**read_keys(data, _schema(data)))
    _check_together(experiment)
    return experiment


def check_filters(experiment, width=1):
    """Raises InputError where a layer lacks a filter that the experiment names, in the network of this width."""
    isolated = () if experiment.isolated is None else (experiment.isolated,)
    for layer in experiment.layers or ():
        for l in (*(experiment.filters or ()), *isolated):
            vgg19.check_filter(layer, l, width)


def as_data(experiment):
    """An experiment as JSON and YAML hold it: tuples as lists, without the keys that its method does not have; the
    optimiser's name is its class's in lower case."""
    data = json.loads(json.dumps(asdict(experiment)))
    data = {key: value for key, value in data.items() if value is not None}
    if experiment.optimiser:
        data["optimiser"] = {"name": type(experiment.optimiser).__name__.lower(), **data["optimiser"]}
    return data


def _schema(data):
    """The keys, with their readers, of the method that the file names."""
    if "method" not in data:
        raise InputError(f"key 'method' is missing; it is one of {', '.join(_SCHEMAS)}")
    try:
        return _SCHEMAS[choice(*_SCHEMAS)(data["method"])]
    except InputError as error:
        raise InputError(f"method: {error}") from error


def _check_together(experiment):
    """What no key can say alone: filters that a layer has, sizes that a layer needs, names that are told apart."""
    for layer in {layer for cell in cells(experiment) for layer in cell.layers}:
        vgg19.check_image_size(layer, experiment.long_edge, experiment.long_edge)
    check_filters(experiment)
    for key, given in (("images", experiment.images), ("styles", experiment.styles or ())):
        names = [image_name(image) for image in given]
        if len(set(names)) < len(names):
            raise InputError(f"{key}: two of them have one name ({', '.join(names)}); names of files must differ")
    if experiment.alpha == experiment.beta == 0:
        raise InputError("alpha and beta are both 0, so there is nothing to minimise; give one of them a weight")


# Readers of what only experiments have.


def _credits(value):
    """Whom an image is from, by its name; also of images that are not shown."""
    return {text(image): text(credit) for image, credit in mapping(value).items()}


def _box(value):
    """The lowest and the highest pixel value, or null for no box."""
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2:
        raise InputError(f"must be [lowest, highest] pixel value, or null for no box, is {shown(value)}")
    low, high = (number(-1e6, high=1e6)(edge) for edge in value)
    if low >= high:
        raise InputError(f"must have a lowest value below the highest, is {shown(value)}")
    return low, high


def _probes(value):
    """Numbers of steps, which may be none."""
    return list_of(entries.one(whole(0, 10**6)))(value) if value != [] else ()


_OPTIMISERS = {
    "sgd": (
        SGD,
        {
            "learning_rate": number(0, above=True),
            "momentum": number(0),
            "decay": number(0, above=True, high=1),  # MXNet's FactorScheduler allows no growth either
            "decay_every": whole(1, 10**6),
            "clip": number(0, above=True),
            "weight_decay": number(0),
            "rescale": number(0, above=True),
        },
    ),
    "adam": (
        Adam,
        {
            "learning_rate": number(0, above=True),
            "beta1": number(0, high=0.9999),
            "beta2": number(0, high=0.99999),
            "epsilon": number(0, above=True),
        },
    ),
    "lbfgs": (
        LBFGS,
        {
            "history": whole(1, 100),
            "first_step": number(0, above=True),
            "stretch": number(0, above=True, high=10),
            "box": _box,
            "probes": _probes,
            "probe": number(0, above=True),
            "damping": number(0, above=True),
        },
    ),
}


def _optimiser(value):
    given = choice(*_OPTIMISERS)(mapping(value).get("name"))
    kind, schema = _OPTIMISERS[given]
    settings = read_keys(value, {"name": text, **schema})
    del settings["name"]
    return kind(**settings)


def _stop(value):
    schema = {"passes": whole(1, 10**6), "change": number(0), "every": whole(1, 10**6)}
    return Stop(**read_keys(mapping(value), schema))


_LAYERS = {"layers": list_of(entries.one(entries.layer))}
_STYLE = {"styles": list_of(entries.image), "style_size": choice(*images.STYLE_SIZES)}
_EVERY = {
    "figure": name,
    "method": text,
    "images": list_of(entries.image),
    "long_edge": whole(images.SMALLEST, images.LARGEST),
    "pixels": choice(*images.PIXELS),
}
_POOL = {"pool": choice(*vgg19.POOLINGS)}
_DESCENT = {
    **_EVERY,
    **_POOL,
    "precision": choice(*precision.PRECISIONS),
    "seed": whole(0, 2**63),
    "start": number(0, above=True),
    "optimiser": _optimiser,
    "stop": _stop,
    "denoise": number(0),
}
# The keys of each method, each with its reader.
_SCHEMAS = {
    "fmi": {**_DESCENT, **_LAYERS, "filters": list_of(entries.filters), "target": choice("paper", "authors")},
    "rmci": {**_DESCENT, **_LAYERS, "draws": whole(1, 1000), "draw": choice(*codes.DRAWS)},
    "inversion": {**_DESCENT, **_LAYERS},
    "purposeful": {**_DESCENT, **_LAYERS, **_STYLE},
    "transfer": {
        **_DESCENT,
        **_STYLE,
        "losses": list_of(entries.one(choice("gatys", "pmci"))),
        "content_layer": entries.layer,
        "style_layers": list_of(entries.one(entries.layer)),
        "alpha": number(0),
        "beta": number(0),
        "normalise": choice(*losses.NORMALISATIONS),
    },
    "maps": {**_EVERY, **_POOL, **_LAYERS, "filters": list_of(entries.filters), "isolated": whole(0)},
    "images": {**_EVERY, "credits": _credits},
}
