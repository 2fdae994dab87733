"""The keys that an experiment has by its method, each with the reader that says what is allowed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Dict

from ..descent.lbfgs import LBFGS
from ..descent.optimisers import SGD, Adam, Optimiser, Stop
from ..errors import InputError, shown
from ..files import images
from ..files.readers import choice, list_of, mapping, name, number, or_none, read_keys, text, whole
from ..machine import precision
from ..machine.mxnet import MOST_THREADS
from ..method import codes, losses
from ..network import vgg19
from . import entries
from .filters import filters

_Readers = Dict[str, "Callable[[object], Any]"]


def _credits(value: object) -> dict[str, str]:
    """Whom an image is from, by its name; also of images that are not shown."""
    return {text(image): text(credit) for image, credit in mapping(value).items()}


def _box(value: object) -> tuple[float, float] | None:
    """The lowest and the highest pixel value, or null for no box."""
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2:
        raise InputError(f"must be [lowest, highest] pixel value, or null for no box, is {shown(value)}")
    low, high = (number(-1e6, high=1e6)(edge) for edge in value)
    if low >= high:
        raise InputError(f"must have a lowest value below the highest, is {shown(value)}")
    return low, high


def _probes(value: object) -> tuple[int, ...]:
    """Numbers of steps, which may be none."""
    return list_of(entries.one(whole(0, 10**6)))(value) if value != [] else ()


_OPTIMISERS: dict[str, tuple[Callable[..., Optimiser], _Readers]] = {
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


def _optimiser(value: object) -> Optimiser:
    given = mapping(value)
    kind, schema = _OPTIMISERS[read_keys({"name": given.get("name")}, {"name": choice(*_OPTIMISERS)})["name"]]
    settings = read_keys(given, {"name": text, **schema})
    del settings["name"]
    return kind(**settings)


def _stop(value: object) -> Stop:
    schema = {"passes": whole(1, 10**6), "change": number(0), "every": whole(1, 10**6)}
    return Stop(**read_keys(mapping(value), schema))


_LAYERS: _Readers = {"layers": list_of(entries.one(entries.layer))}
_STYLE: _Readers = {"styles": list_of(entries.image), "style_size": choice(*images.STYLE_SIZES)}
_EVERY: _Readers = {
    "figure": name,
    "method": text,
    "images": list_of(entries.image),
    "long_edge": whole(images.SMALLEST, images.LARGEST),
    "pixels": choice(*images.PIXELS),
}
_NETWORK: _Readers = {"pool": choice(*vgg19.POOLINGS), "threads": whole(1, MOST_THREADS)}
_DESCENT: _Readers = {
    **_EVERY,
    **_NETWORK,
    "descent": text,  # stands for the keys of the file that it names, and is not there any more when these are read
    "precision": choice(*precision.PRECISIONS),
    "seed": whole(0, 2**63),
    "start": number(0, above=True),
    "optimiser": _optimiser,
    "stop": _stop,
    "denoise": number(0),
    "keep": choice("image", "picture"),
}
# Keys of method rmci that only one kind of draw has -> that kind; null, or not there, with the others.
OF_A_DRAW = {"v": "given", "styles": "style", "style_size": "style"}
# The keys of each method, each with its reader.
SCHEMAS: dict[str, _Readers] = {
    "fmi": {
        **_DESCENT,
        **_LAYERS,
        "filters": filters,
        "target": choice("paper", "authors"),
        "feature_map": choice(*losses.FEATURE_MAPS),
    },
    "rmci": {
        **_DESCENT,
        **_LAYERS,
        "draws": whole(1, 1000),
        "draw": choice(*codes.DRAWS),
        **{key: or_none(read) for key, read in {"v": entries.shares, **_STYLE}.items()},
    },
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
    "maps": {**_EVERY, **_NETWORK, **_LAYERS, "filters": list_of(entries.filters), "isolated": whole(0, 511)},
    "images": {**_EVERY, "credits": _credits},
}
