"""The pictures that the claims are about: inversions through the network and through random weights, and PMCI's outputs."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from . import store
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
from .verdicts import RANDOM
from .vgg19 import check_image_size, width_of
from .weights import device_of, to_device, write_weights


class Pictures(NamedTuple):
    """trained, random: layer -> [filter][image][seed] -> uint8 (H, W, 3), through the network and through random weights.
    descents: weights -> layer -> how those came down, see ``_descents``.
    transfer: the experiment of PMCI, materials: its images and weights. random_weights: name -> NDArray. outputs: cell ->
    float32 (1, 3, H, W) minus the mean, neither clipped nor denoised: the style images with which they are compared are not,
    and denoising takes more from the energies than the descent has brought. crops: float32 (1, 3, h, w) minus the mean, of
    the images and styles in turn."""

    trained: dict
    random: dict
    descents: dict
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
    outputs = {cell: store.read_array(folder / "pmci", cell.name, "image") for cell in cells(transfer) if cell.layers}
    random_weights = to_device(arrays, device_of(materials.weights))
    found = [_inversions(settings, folder, name, _picture) for name in ("trained", "random")]
    records = [_inversions(settings, folder, name, store.read_record) for name in ("trained", "random")]
    descents = dict(zip(("trained", RANDOM), map(_descents, records)))
    return Pictures(*found, descents, transfer, materials, random_weights, outputs, crops)


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


def _inversions(settings, folder, name, read):
    """Layer -> [filter][image][seed] -> what read(folder of a run, name of a cell) finds."""
    return {
        layer: [
            [
                [read(folder / f"{name}.seed{seed}", f"{image_name(image)}.{layer}.f{l:03d}") for seed in settings.seeds]
                for image in settings.images
            ]
            for l in settings.filters
        ]
        for layer in settings.layers
    }


def _descents(records):
    """How descents came down, layer -> number: of cells; of those that are silent, whose filter has no energy in the end; of
    those that were stopped at their most passes; medians of passes, of the last loss over the first, and of the filter's
    share of the energy in the content's code and in the result's. records: layer -> [filter][image][seed] -> record."""
    found = {}
    for layer, of_filters in records.items():
        flat = [record for of_images in of_filters for of_seeds in of_images for record in of_seeds]
        found[layer] = {
            "cells": len(flat),
            "silent": sum(record["energy_share"] == 0 for record in flat),
            "at most passes": sum(record["stopped"] == "passes" for record in flat),
            "passes": float(np.median([record["passes"] for record in flat])),
            "loss left": float(np.median([record["loss_last"] / record["loss_first"] for record in flat])),
            "energy share, content": float(np.median([record["energy_share_content"] for record in flat])),
            "energy share": float(np.median([record["energy_share"] for record in flat])),
        }
    return found


def _picture(folder, name):
    return decode(folder / "cells" / f"{name}.png")
