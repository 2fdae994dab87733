"""The pictures that the claims are about: inversions through the network and through random weights, and PMCI's outputs."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, TextIO, TypeVar

import numpy as np

from ..errors import CellsFailed, InputError
from ..experiment.cell import Cell, cells
from ..experiment.experiment import Experiment
from ..files import store, whole
from ..files.finding import image_name
from ..files.images import MEAN, check_size, clipped, decode, png_bytes, preprocess
from ..machine.aliases import AnyPath, Arrays
from ..machine.precision import remark
from ..measure.intricacy import periodic, surrogate
from ..network.executors import to_device
from ..network.vgg19 import check_image_size
from ..runs.compute import Network, load_network
from ..runs.coordinator import Order
from ..runs.finished import listed, state
from ..runs.materials import Materials, gather, remarks
from ..runs.run import compute_all
from ..weights.canonical import write_weights
from ..weights.random import he_normal
from .settings import Settings, inversions, transfers
from .style import crops_of
from .textureless import is_textureless
from .verdicts import RANDOM

_One = TypeVar("_One")
ByLayer = Dict[str, List[List[List[_One]]]]  # layer -> [filter][image][seed]
Textureless = List[Dict[str, np.ndarray]]  # through the network, and random weights: layer -> bool (filters, images, seeds)


class Both(NamedTuple):
    """Pictures through the network and through random weights."""

    trained: ByLayer[np.ndarray]
    random: ByLayer[np.ndarray]


class Pictures(NamedTuple):
    """inversions: uint8 (H, W, 3). plain: the same as float32, neither denoised nor rounded. alone: as plain, of one seed
    and one image, ``surrogate``, uint8 (H, W, 3), which has the first photograph's colours and power spectrum and nothing of
    what it shows. textureless, alone_textureless: which pictures, of inversions and of alone, are no texture. descents:
    weights -> layer -> how the inversions came down, see ``_descents``. transfer: the experiment of PMCI, materials: its
    images and weights, network: that of the materials. outputs: of PMCI, weights -> cell -> float32 (1, 3, H, W) minus the
    mean, neither clipped nor denoised: the style images with which they are compared are not, and denoising takes more from
    the energies than the descent has brought. crops: float32 (1, 3, h, w) minus the mean, of the images and styles in
    turn."""

    inversions: Both
    plain: Both
    alone: Both
    surrogate: np.ndarray
    textureless: Textureless
    alone_textureless: Textureless
    descents: dict[str, dict[str, dict[str, float]]]
    transfer: Experiment
    materials: Materials
    network: Network
    random_weights: Arrays
    outputs: dict[str, dict[Cell, np.ndarray]]
    crops: list[np.ndarray]


def compute(
    settings: Settings,
    out: AnyPath,
    weights: AnyPath,
    images: AnyPath,
    device: str,
    jobs: str,
    stream: TextIO,
    scheduler: str | None = None,
) -> Pictures:
    """Computes what is missing, under OUT/claims.

    out, weights, images, device: as of ``run``, but that there are several runs in out. jobs, scheduler: see
    ``compute_all``. stream: where progress goes. Raises InputError before anything is computed for whatever is wrong with
    the input, and CellsFailed, when the others are computed, where some cannot be.
    """
    by_seed = {f"seed{seed}": inversions(settings, settings.images, seed) for seed in settings.seeds}
    transfer, alone = transfers(settings), {"surrogate": inversions(settings, ["surrogate"], settings.seeds[0])}
    of_pmci = {"pmci": transfer}
    gather(by_seed[f"seed{settings.seeds[0]}"], weights, images, device)
    materials = gather(transfer, weights, images, device)
    assert materials.weights is not None  # PMCI has layers
    crops, surrogate = _crops(settings, materials), _surrogate(settings, materials, transfer.pixels)
    random_weights = he_normal(materials.weights.width, settings.generator("random weights"))
    folder = Path(out) / "claims"
    with store.locked(folder):
        write_weights(random_weights, folder / "random.params")
        whole.write_file(folder / "surrogate.png", png_bytes(surrogate))
        orders = [Order(one, folder / f"{name}.{run_name}", file, place)
                  for name, file in (("trained", weights), ("random", folder / "random.params"))
                  for runs, place in ((by_seed, images), (alone, folder), (of_pmci, images))
                  for run_name, one in runs.items()]  # fmt: skip
        stream.write(remark(transfer.precision, materials.device))
        stream.writelines(f"{line}\n" for line in remarks(transfer, images))
        _run_all(orders, device, jobs, stream, scheduler)
        names = [image_name(image) for image in settings.images]
        trained, random = records = _read(settings, folder, names, by_seed, _record)
        network = load_network(materials.weights, transfer.pool, materials.device)
        return Pictures(
            inversions=Both(*_read(settings, folder, names, by_seed, _picture)),
            plain=Both(*_read(settings, folder, names, by_seed, _plain)),
            alone=Both(*_read(settings, folder, ["surrogate"], alone, _plain)),
            surrogate=surrogate,
            textureless=_textureless(records),
            alone_textureless=_textureless(_read(settings, folder, ["surrogate"], alone, _record)),
            descents={"trained": _descents(trained), RANDOM: _descents(random)},
            transfer=transfer,
            materials=materials,
            network=network,
            random_weights=to_device(random_weights, network.device),
            outputs={
                "trained": _outputs(folder / "trained.pmci", transfer),
                RANDOM: _outputs(folder / "random.pmci", transfer),
            },
            crops=crops,
        )


def _run_all(orders: list[Order], device: str, jobs: str, stream: TextIO, scheduler: str | None) -> None:
    """Runs experiments with one pool and one progress."""
    records = compute_all(orders, device, jobs, stream, scheduler)
    failed = [f"{Path(order.out).name}/{record['specification']['name']}"
              for order, found in zip(orders, records) for record in found if "failed" in record]  # fmt: skip
    if failed:
        raise CellsFailed(f"{len(failed)} cells failed: {listed(failed)}; the same command tries again")


def _surrogate(settings: Settings, materials: Materials, pixels: str) -> np.ndarray:
    """The first image's colours and power spectrum, and nothing of what it shows: uint8 (H, W, 3). Raises InputError where
    it would be too small for an image file."""
    image = settings.images[0]
    content = clipped(preprocess(materials.sources[image].pixels, settings.long_edge, pixels))
    check_size(f"{image_name(image)} at long_edge {settings.long_edge}", *content.shape[:2])
    channels = np.stack([periodic(channel) for channel in content.transpose(2, 0, 1).astype(np.float64)])
    found = surrogate(channels, settings.generator("surrogate content"))
    return np.rint(np.clip(found, 0, 255)).astype(np.uint8).transpose(1, 2, 0)


def _crops(settings: Settings, materials: Materials) -> list[np.ndarray]:
    """All crops. Raises InputError where one is too small for a style layer."""
    found: list[np.ndarray] = []
    for image in (*settings.images, *settings.styles):
        pixels = preprocess(materials.sources[image].pixels, settings.crops.long_edge, settings.crops.pixels)
        found += crops_of(pixels, settings.crops.grid)
        for layer in settings.style_layers:
            try:
                check_image_size(layer, *found[-1][0, 0].shape)
            except InputError as error:
                raise InputError(f"crops of {image_name(image)}: {error}") from error
    return found


def _read(
    settings: Settings, folder: Path, images: list[str], runs: Collection[str], read: Callable[[Path, str], _One]
) -> tuple[ByLayer[_One], ByLayer[_One]]:
    """What read(folder of a run, name of a cell) finds through the network and through random weights. images: names. runs:
    names of the runs, a seed each."""

    def layers(network: str) -> ByLayer[_One]:
        return {
            layer: [
                [[read(folder / f"{network}.{one}", f"{image}.{layer}.f{l:03d}") for one in runs] for image in images]
                for l in settings.filters
            ]
            for layer in settings.layers
        }

    return layers("trained"), layers("random")


def _textureless(records: tuple[ByLayer[dict[str, Any]], ByLayer[dict[str, Any]]]) -> Textureless:
    """Of the cells through the network and through random weights."""
    return [
        {
            layer: np.array(
                [[[is_textureless(one, trained) for one in seeds] for seeds in images] for images in of_filters], dtype=bool
            )
            for layer, of_filters in layers.items()
        }
        for layers, trained in zip(records, (True, False))
    ]


def _descents(records: ByLayer[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """How descents came down, layer -> number: of cells; of those that are silent, whose filter has no energy in the end; of
    those that are stuck; of those that were stopped at their most passes; medians of passes, of the last loss over the
    first, and of the filter's share of the energy in the content's code and in the result's."""
    found: dict[str, dict[str, float]] = {}
    for layer, of_filters in records.items():
        flat = [record for of_images in of_filters for of_seeds in of_images for record in of_seeds]
        found[layer] = {
            "cells": len(flat),
            "silent": sum(record["silent"] for record in flat),
            "stuck": sum(state(record) == "stuck" for record in flat),
            "at most passes": sum(record["stopped"] == "passes" for record in flat),
            "passes": float(np.median([record["passes"] for record in flat])),
            "loss left": float(np.median([record["loss_last"] / record["loss_first"] for record in flat])),
            "energy share, content": float(np.median([record["energy_share_content"] for record in flat])),
            "energy share": float(np.median([record["energy_share"] for record in flat])),
        }
    return found


def _record(folder: Path, name: str) -> dict[str, Any]:
    record = store.read_record(folder, name)
    assert record is not None  # the run has just found it whole
    return record


def _picture(folder: Path, name: str) -> np.ndarray:
    picture = decode(folder / "cells" / f"{name}.png")
    assert picture is not None  # as the record
    return picture


def _plain(folder: Path, name: str) -> np.ndarray:
    return clipped(store.read_array(folder, name, "image"))


def _outputs(folder: Path, transfer: Experiment) -> dict[Cell, np.ndarray]:
    return {cell: store.read_array(folder, cell.name, "image") for cell in cells(transfer) if cell.layers}


def white_noise(
    generator: np.random.Generator, pictures: ByLayer[np.ndarray], finish: Callable[[np.ndarray], np.ndarray]
) -> list[list[list[np.ndarray]]]:
    """As many pictures of white noise as a layer has inversions, and of their sizes: [filter][image][seed] -> (H, W, 3).
    pictures: one of ``Both``. finish: makes a picture of float32 (1, 3, H, W) minus the mean, as ``postprocess`` and
    ``clipped`` do."""

    def noise(like: np.ndarray) -> np.ndarray:
        pixels = generator.uniform(0, 255, (1, 3, *like.shape[:2])) - MEAN.reshape(1, 3, 1, 1)
        return finish(pixels.astype(np.float32))

    return [[[noise(one) for one in seeds] for seeds in images] for images in next(iter(pictures.values()))]
