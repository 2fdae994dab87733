"""The pictures that the claims are about: inversions through the network and through random weights, and PMCI's outputs."""

from pathlib import Path
from typing import NamedTuple

from .cell import cells, image_name
from .claim_style import crops_of
from .claims_settings import inversions, transfers
from .errors import InputError
from .experiment import Experiment
from .images import decode, preprocess
from .materials import Materials, gather
from .progress import Progress
from .random_weights import he_normal
from .run import run
from .vgg19 import check_image_size, width_of
from .weights import to_device, write_weights


class Pictures(NamedTuple):
    """trained, random: layer -> [filter][image][seed] -> uint8 (H, W, 3), through the network and through random weights.
    transfer: the experiment of PMCI, materials: its images and weights. random_weights: name -> NDArray. outputs: cell ->
    uint8 (H, W, 3). crops: float32 (1, 3, h, w) minus the mean, of the images and styles in turn."""

    trained: dict
    random: dict
    transfer: Experiment
    materials: Materials
    random_weights: dict
    outputs: dict
    crops: list


def compute(settings, out, weights, images, device, generator, stream):
    """Computes what is missing, under OUT/claims.

    settings: ``Settings``. out, weights, images, device: as of ``run``, but that there are several runs in out. generator:
    of the random weights. stream: where progress goes. Returns ``Pictures``. Raises InputError before anything is computed
    for whatever is wrong with the input.
    """
    by_seed, transfer = inversions(settings), transfers(settings)
    gather(by_seed[0], weights, images, device)
    materials = gather(transfer, weights, images, device)
    crops = _crops(settings, materials)
    folder = Path(out) / "claims"
    folder.mkdir(parents=True, exist_ok=True)
    arrays = he_normal(width_of(materials.weights), generator)
    write_weights(arrays, folder / "random.params")
    jobs = [(folder / f"{name}.seed{one.seed}", one, file)
            for name, file in (("trained", weights), ("random", folder / "random.params")) for one in by_seed]  # fmt: skip
    jobs.append((folder / "pmci", transfer, weights))
    progress = Progress([cell for _, one, _ in jobs for cell in cells(one)], stream)
    try:
        for place, one, file in jobs:
            run(one, place, file, images, device, progress.on_cell, progress.on_pass)
    finally:
        progress.close()
    outputs = {cell: _picture(folder / "pmci", cell.name) for cell in cells(transfer) if cell.layers}
    random_weights = to_device(arrays, next(iter(materials.weights.values())).context)
    found = [_inversions(settings, folder, name) for name in ("trained", "random")]
    return Pictures(*found, transfer, materials, random_weights, outputs, crops)


def _crops(settings, materials):
    """All crops. Raises InputError where one is too small for a style layer."""
    found = []
    for image in (*settings.images, *settings.styles):
        pixels = preprocess(materials.sources[image].pixels, settings.crops.long_edge, settings.crops.pixels)
        found += crops_of(pixels, settings.crops.grid)
        for layer in settings.style_layers:
            try:
                check_image_size(layer, *found[-1].shape[2:])
            except InputError as error:
                raise InputError(f"crops of {image_name(image)}: {error}") from error
    return found


def _inversions(settings, folder, name):
    """Layer -> [filter][image][seed] -> picture."""
    return {
        layer: [
            [
                [_picture(folder / f"{name}.seed{seed}", f"{image_name(image)}.{layer}.f{l:03d}") for seed in settings.seeds]
                for image in settings.images
            ]
            for l in settings.filters
        ]
        for layer in settings.layers
    }


def _picture(folder, name):
    return decode(folder / "cells" / f"{name}.png")
