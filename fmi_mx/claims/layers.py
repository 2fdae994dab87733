"""Claim 2: what colours and structures the textures of each layer have."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, Callable

import numpy as np

from ..files.finding import image_name
from ..files.images import clipped, postprocess, preprocess
from ..measure.colourfulness import colourfulness
from ..measure.intervals import Bootstrap, Estimate
from ..measure.intricacy import intricacy
from .runs import Pictures, white_noise
from .settings import Settings
from .textureless import means_of_textures
from .trends import trend_row
from .verdicts import RANDOM, Row


def layer_rows(settings: Settings, pictures: Pictures, bootstrap: Bootstrap) -> tuple[list[Row], dict[str, dict[str, Any]]]:
    """Claim 2: its rows, and for each measure whose pictures -> their mean, of inversions one a layer, with interval.

    Colourfulness is that of the pictures as they are published. Intricacy is measured without denoising and rounding, which
    make edges of what is faint, even in white noise; and once more of inversions that have seen no photograph. Low layers
    keep their content, a photograph, which is intricate, in the one and its surrogate, which is not, in the other: the truth
    about the textures' own trend lies between the two.
    """
    generator, published = settings.generator("surrogates"), partial(postprocess, denoise=pictures.transfer.denoise)

    def intricate(picture: np.ndarray) -> float:
        return intricacy(picture, settings.surrogates, generator)

    rows: list[Row] = []
    found: dict[str, dict[str, Any]] = {}
    both, alone = pictures.textureless, pictures.alone_textureless
    for name, measure, inversions, textureless, finish, contents in (
        ("colourfulness", colourfulness, pictures.inversions, both, published, _contents(settings, pictures, published)),
        ("intricacy", intricate, pictures.plain, both, clipped, _contents(settings, pictures, clipped)),
        ("intricacy without a photograph", intricate, pictures.alone, alone, clipped, {"surrogate": pictures.surrogate}),
    ):
        trained, random = (
            [_by_filter(one[layer], measure, without[layer]) for layer in settings.layers]
            for one, without in zip(inversions, textureless)
        )
        what, places = f"{name}, slope a layer", range(len(settings.layers))
        rows.append(trend_row("all layers", what, places, trained, random, settings.confidence, bootstrap))
        noise = white_noise(settings.generator("white noise"), inversions.trained, finish)
        none: np.ndarray = np.zeros((len(noise), len(noise[0]), len(noise[0][0])), bool)
        found[name] = {
            "trained": levels(trained, bootstrap),
            RANDOM: levels(random, bootstrap),
            "white noise": levels([_by_filter(noise, measure, none)], bootstrap)[0],
            "content images": {image: measure(picture) for image, picture in contents.items()},
        }
    return rows, found


def _by_filter(
    pictures: list[list[list[np.ndarray]]], measure: Callable[[np.ndarray], float], textureless: np.ndarray
) -> np.ndarray:
    """The mean of a measure over each filter's pictures, [filter][image][seed], see ``means_of_textures``: float64 (filters
    or fewer,). textureless: bool (filters, images, seeds)."""
    values = [[measure(one) for seeds in images for one in seeds] for images in pictures]
    return means_of_textures(np.array(values), textureless.reshape(len(pictures), -1))


def _contents(settings: Settings, pictures: Pictures, finish: Callable[[np.ndarray], np.ndarray]) -> dict[str, np.ndarray]:
    """The content images as the network sees them, name -> (H, W, 3). finish: as of ``white_noise``."""
    sources, pixels = pictures.materials.sources, pictures.transfer.pixels
    return {
        image_name(image): finish(preprocess(sources[image].pixels, settings.long_edge, pixels)) for image in settings.images
    }


def levels(values: Iterable[np.ndarray], bootstrap: Bootstrap) -> list[Estimate]:
    """The mean of each layer with its interval. values: of each, float64 (filters,)."""
    return [bootstrap.estimate(np.mean, of_layer) for of_layer in values]
