"""experiments/claims.yaml -> Settings, and the runs that they ask for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..errors import InputError, as_line, shown
from ..experiment import entries
from ..experiment.experiment import Experiment, check_number, load_experiment
from ..experiment.overlay import EXPERIMENTS, lay_over
from ..files import images
from ..files.finding import image_name
from ..files.plain_yaml import read_data
from ..files.readers import Reader, choice, list_of, mapping, number, read_keys, text, whole
from ..machine.aliases import AnyPath
from ..method import losses
from ..network.vgg19 import LAYERS
from . import textureless

# So many of each, or nothing could be compared; of filters one is left out in turn.
AT_LEAST = {"images": 2, "styles": 2, "layers": 2, "filters": textureless.FEWEST, "seeds": 2}


class Crops(NamedTuple):
    """long_edge: pixels of the whole image. grid: crops along each side. pixels: see ``images.preprocess``."""

    long_edge: int
    grid: int
    pixels: str


@dataclass(frozen=True)
class Settings:
    """The keys of claims.yaml, where each is explained."""

    descent: str
    feature_map: str
    long_edge: int
    images: tuple[str, ...]
    styles: tuple[str, ...]
    layers: tuple[str, ...]
    filters: tuple[int, ...]
    seeds: tuple[int, ...]
    style_layers: tuple[str, ...]
    crops: Crops
    surrogates: int
    most_dependence: float
    resamples: int
    confidence: float
    seed: int

    def generator(self, purpose: str) -> np.random.Generator:
        """The random numbers of a purpose, from the seed and the purpose's name alone."""
        return np.random.default_rng([self.seed, *purpose.encode()])


def load_settings(path: AnyPath, overrides: dict[str, object]) -> Settings:
    """Reads the settings of the claims.

    path: YAML file. overrides: dotted key -> value, which replace the file's. Raises InputError, naming the file and the
    key, for anything unknown, missing or not allowed.
    """
    try:
        data = read_data(path)
        if "preset" in overrides:
            raise InputError("unknown key 'preset' to set; that of the inversions is the key 'descent'")
        lay_over(data, overrides, list(_SCHEMA))
        settings = Settings(**read_keys(data, _SCHEMA))
        for key, fewest in AT_LEAST.items():
            if len(getattr(settings, key)) < fewest:
                raise InputError(f"{key}: must be at least {fewest} of them, to be compared")
        if list(settings.layers) != [layer for layer in LAYERS if layer in settings.layers]:
            raise InputError("layers: must go from the lowest to the highest, as the trends are over them")
        names = set(map(image_name, settings.styles))
        both = [image for image in settings.images if image_name(image) in names]
        if both:
            name = shown(image_name(both[0]))
            raise InputError(f"images and styles both have an image of the name {name}; it must be in one of the two")
        check_decidable(settings.resamples, settings.confidence)
        check_number(**{key: getattr(settings, key) for key in ("images", "layers", "filters", "seeds")})
    except InputError as error:
        raise InputError(f"claims {as_line(str(path))}: {error}") from error
    return settings


def check_decidable(resamples: int, confidence: float) -> None:
    """Raises InputError where even labels that never do as well, shuffled so often, would have a p above 1 - confidence."""
    if 1 / (1 + resamples) > 1 - confidence:
        enough = f"{1 / (1 - confidence):.0f} are enough"
        raise InputError(f"resamples: {resamples} decide nothing at confidence {confidence:g}; {enough}")


def inversions(settings: Settings, images: Iterable[str], seed: int) -> Experiment:
    """The experiment whose cells are each filter's inversion from images, names or paths, with one seed."""
    return load_experiment(
        EXPERIMENTS / "fig3.yaml",
        preset=settings.descent,
        feature_map=settings.feature_map,
        long_edge=settings.long_edge,
        images=list(images),
        layers=list(settings.layers),
        filters=list(settings.filters),
        seed=seed,
    )


def transfers(settings: Settings) -> Experiment:
    """The experiment whose cells are PMCI's outputs, each image in each style."""
    return load_experiment(
        EXPERIMENTS / "fig5.yaml",
        preset=settings.descent,
        long_edge=settings.long_edge,
        images=list(settings.images),
        styles=list(settings.styles),
        losses=["pmci"],
        style_layers=list(settings.style_layers),
        seed=settings.seeds[0],
    )


def _crops(value: object) -> Crops:
    return Crops(**read_keys(mapping(value), _CROPS))


_CROPS: dict[str, Reader] = {
    "long_edge": whole(images.SMALLEST, images.LARGEST),
    "grid": whole(2, 100),
    "pixels": choice(*images.PIXELS),
}
_SCHEMA: dict[str, Reader] = {
    "descent": text,
    "feature_map": choice(*losses.FEATURE_MAPS),
    "long_edge": whole(images.SMALLEST, images.LARGEST),
    "images": list_of(entries.image),
    "styles": list_of(entries.image),
    "layers": list_of(entries.one(entries.layer)),
    "filters": list_of(entries.filters),
    "seeds": list_of(entries.one(whole(0, 2**63))),
    "style_layers": list_of(entries.one(entries.layer)),
    "crops": _crops,
    "surrogates": whole(3, 1000),
    "most_dependence": number(0, above=True),
    "resamples": whole(100, 10**6),
    "confidence": number(0.5, high=0.999),
    "seed": whole(0, 2**63),
}
