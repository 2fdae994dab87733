"""What the atlas is compared with: a sample of each layer's filters through random weights, and white noise."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np

from ...errors import CellsFailed, InputError, as_line
from ...experiment.experiment import from_data
from ...files import store
from ...files.finding import find_image, image_name
from ...files.images import file_digest, postprocess
from ...machine.aliases import AnyPath
from ...runs.coordinator import Order
from ...runs.run import compute_all
from ...weights.canonical import write_weights
from ...weights.random import he_normal
from ..runs import white_noise
from ..textures import points_of
from .cells import Atlas, Inversions, precision_of, read_layer
from .settings import Settings

FOLDER = "atlas_random"


class Control(NamedTuple):
    """A sample of each layer, the same filters in all three. trained, random: layer -> its inversions through the network
    and through random weights. noise: layer -> points (n, images, F) of as many pictures of white noise. failed: inversions
    through random weights that could not be computed; their filters are left out. precision: what those were computed in."""

    trained: dict[str, Inversions]
    random: dict[str, Inversions]
    noise: dict[str, np.ndarray]
    failed: int
    precision: str


def control(
    settings: Settings,
    atlas: Atlas,
    out: AnyPath,
    images: AnyPath,
    device: str,
    jobs: str,
    stream: TextIO,
    scheduler: str | None,
) -> Control:
    """Computes what is missing of the random weights' inversions, under OUT/atlas_random, a run a layer; each as in the
    atlas but for its filters and weights.

    images: folder of the atlas's images. device, jobs, scheduler: as of ``compute_all``. stream: where progress goes. Raises
    InputError before anything is computed for whatever is wrong with the input, images among it that are not the atlas's.
    """
    _check_images(atlas, images)
    samples, folder = {layer: sample(settings, atlas, layer) for layer in atlas.layers}, Path(out) / FOLDER
    with store.locked(folder):
        weights = folder / "random.params"
        write_weights(he_normal(atlas.run.width, settings.generator("random weights")), weights)
        orders = []
        for layer, filters in samples.items():
            experiment = from_data({**atlas.run.experiment, "layers": [layer], "filters": filters})
            orders.append(Order(experiment, folder / layer, weights, images))
        found = compute_all(orders, device, jobs, stream, scheduler)
        random = {}
        for (layer, filters), records in zip(samples.items(), found):
            there = {one["specification"]["name"]: one for one in records if "failed" not in one}
            random[layer] = read_layer(folder / layer, there, layer, filters, atlas.images, trained=False)
            if len(random[layer].filters) < 2:
                raise CellsFailed(f"{folder / layer}: too many cells failed; the same command tries them again")
    trained = {layer: atlas.layers[layer].of(one.filters) for layer, one in random.items()}
    every = [one for records in found for one in records]
    failed = sum("failed" in one for one in every)
    return Control(trained, random, _noise(settings, atlas, random), failed, precision_of(every))


def sample(settings: Settings, atlas: Atlas, layer: str) -> list[int]:
    """The filters of a layer that are inverted through random weights, ascending: of those that the atlas has, the first in
    an order that the seed and the layer alone decide, so that cells that come later change little."""
    order = settings.generator(f"sample of {layer}").permutation(atlas.asked[layer])
    there = set(atlas.layers[layer].filters.tolist())
    return sorted([int(l) for l in order if l in there][: settings.random_filters])


def _check_images(atlas: Atlas, folder: AnyPath) -> None:
    """Raises InputError unless the folder has the images that the atlas was made from."""
    first = {record["specification"]["image"]: record["specification"] for record in atlas.run.records.values()}
    for image in atlas.run.experiment["images"]:
        path = find_image(image, folder)
        if file_digest(path) != first[image_name(image)]["image_sha256"]:
            raise InputError(f"{as_line(str(path))} is another image than {atlas.folder} was made from; give --images DIR")


def _noise(settings: Settings, atlas: Atlas, random: dict[str, Inversions]) -> dict[str, np.ndarray]:
    """White noise of the sizes of the atlas's pictures, each layer's its own."""
    layer, inversions = next(iter(atlas.layers.items()))
    shown = []
    for image in atlas.images:
        record = atlas.record(image, layer, int(inversions.filters[0]))
        picture = store.read_picture(atlas.folder, record)
        if picture is None:
            raise InputError(f"{atlas.folder} is being computed anew; wait until `fmi run` is done")
        shown.append([picture])
    points, finish = {}, partial(postprocess, denoise=atlas.run.experiment["denoise"])
    for name, one in random.items():
        generator = settings.generator(f"white noise of {name}")
        pictures = white_noise(generator, {name: [shown] * len(one.filters)}, finish)
        points[name] = points_of(pictures)[:, :, 0]
    return points
