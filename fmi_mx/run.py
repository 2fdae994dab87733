"""Computes the cells of an experiment that are not stored yet."""

import contextlib
import hashlib
import json
import platform
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from . import __version__, store
from .codes import energies, isolate
from .errors import InputError
from .experiment import as_data, cells, image_name
from .images import file_digest, find_image, png_bytes, postprocess, preprocess, read_image, scaled_size
from .losses import inversion_loss
from .mxnet_setup import choose_device, installed_builds, mx
from .optimisers import descend
from .problem import Problem, encode
from .vgg19 import check_image_size, layer_code, vgg19
from .weights import read_weights, to_device, weights_digest


class Content(NamedTuple):
    """A content image as the cells use it. pixels: float32 (1, 3, H, W); digest: SHA-256 of its file."""

    pixels: np.ndarray
    digest: str


class Materials(NamedTuple):
    """What all cells of a run share. contents: image -> Content. weights: name -> NDArray on the device; digest: of them."""

    contents: dict
    weights: dict
    digest: str


def run(experiment, out, weights, images, device="auto", on_cell=None, on_pass=None):
    """Computes what is missing of an experiment, and writes run.json last.

    experiment: ``Experiment``. out: the run's folder. weights: file. images: folder of the images. device: see
    ``choose_device``. on_cell(cell, record, stored) is called for each cell, stored True where it was there already;
    on_pass(cell, Pass) after each pass. Returns the list of records, one a cell. Raises InputError before anything is
    computed or written for whatever is wrong with the input.
    """
    materials = gather(experiment, weights, images, device)
    with store.locked(out):
        with contextlib.suppress(FileNotFoundError):
            (Path(out) / "run.json").unlink()
        records, digests = [], {}
        for cell in cells(experiment):
            specification = specify(experiment, cell, materials, digests.get(cell.predecessor))
            digests[cell.name] = _digest(specification)
            record = store.read_record(out, cell.name)
            stored = record is not None and record.get("specification") == specification
            if not stored:
                record = compute(experiment, cell, materials, specification, out, on_pass)
            records.append(record)
            if on_cell:
                on_cell(cell, record, stored)
        names = [cell.name for cell in cells(experiment)]
        store.write_json(Path(out) / "run.json", {"experiment": as_data(experiment), "cells": names})
    return records


def gather(experiment, weights, images, device):
    """Reads and checks everything that the cells need, and puts the weights on the device. Returns ``Materials``."""
    contents = {}
    for image in experiment.images:
        path = find_image(image, images)
        picture = read_image(path)
        height, width = scaled_size(*picture.shape[:2], experiment.long_edge, experiment.pixels)
        for layer in experiment.layers:
            try:
                check_image_size(layer, height, width)
            except InputError as error:
                raise InputError(f"image {path} at long_edge {experiment.long_edge}: {error}") from error
        contents[image] = Content(preprocess(picture, experiment.long_edge, experiment.pixels), file_digest(path))
    arrays = read_weights(weights)
    return Materials(contents, to_device(arrays, choose_device(device)), weights_digest(arrays))


def specify(experiment, cell, materials, predecessor_digest):
    """Everything that decides a cell's picture, as JSON holds it: a stored cell is reused only if all of it is equal."""
    data = as_data(experiment)
    for key in ("figure", "images", "layers", "filters"):
        del data[key]
    predecessor = {"name": cell.predecessor, "specification_sha256": predecessor_digest} if cell.predecessor else None
    return {
        "name": cell.name,
        "image": image_name(cell.image),
        "image_sha256": materials.contents[cell.image].digest,
        "layer": cell.layer,
        "filter": cell.filter,
        "predecessor": predecessor,
        "weights_sha256": materials.digest,
        **data,
    }


def compute(experiment, cell, materials, specification, out, on_pass):
    """Inverts one cell (Fig. 3: Eq. (2) as target of Eq. (4)) and stores it. Returns its record."""
    weights = materials.weights
    device = next(iter(weights.values())).context
    code = layer_code(vgg19(experiment.pool), cell.layer)
    content = mx.nd.array(materials.contents[cell.image].pixels, ctx=device)
    source = content
    if cell.predecessor:  # the authors' loop takes this target from the code that the previous inversion left behind
        source = mx.nd.array(store.read_array(out, cell.predecessor, "evaluated"), ctx=device)
    target = encode(isolate(code, cell.filter), weights, source)
    problem = Problem(inversion_loss(code, mx.sym.Variable("target")), weights, {"target": target}, content.shape)
    start = mx.nd.array(initial_image(experiment, cell, content.shape), ctx=device)
    report = (lambda done: on_pass(cell, done)) if on_pass else None
    started = time.perf_counter()
    try:
        descent = descend(problem, start, experiment.optimiser, experiment.stop, report)
    except FloatingPointError as error:
        raise InputError(f"cell {cell.name}: {error}; lower optimiser.learning_rate or optimiser.clip") from error
    seconds = time.perf_counter() - started
    record = {
        "specification": specification,
        "loss_first": descent.losses[0],
        "loss_last": descent.losses[-1],
        "passes": len(descent.losses),
        "stopped": descent.stopped,
        "target_energy": float(target.sum().asscalar()),
        "energy_share_content": energy_share(code, weights, content, cell.filter),
        "energy_share": energy_share(code, weights, descent.image, cell.filter),
        "seconds": round(seconds, 3),
        "device": str(device),
        "versions": versions(),
    }
    image = descent.image.asnumpy()
    arrays = {"image": image, "loss": np.array(descent.losses)}
    if experiment.target == "authors":
        arrays["evaluated"] = descent.evaluated.asnumpy()
    store.save_cell(out, cell.name, png_bytes(postprocess(image, experiment.denoise)), arrays, record)
    return record


def initial_image(experiment, cell, shape):
    """The image a cell starts from, uniform(-start, start), float32, from the seed and the cell's name alone."""
    name = int.from_bytes(hashlib.sha256(cell.name.encode()).digest()[:8], "big")
    generator = np.random.default_rng([experiment.seed, name])
    return generator.uniform(-experiment.start, experiment.start, shape).astype(np.float32)


def energy_share(code, weights, image, number):
    """The share that a filter's feature map has in the energy of an image's code; 0 where the code is all 0."""
    energy = encode(energies(code), weights, image).asnumpy()[0]
    total = float(energy.sum())
    return float(energy[number]) / total if total else 0.0


def versions():
    """Versions of what the numbers come from, for a cell's record."""
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "fmi_mx": __version__,
        **installed_builds(),
    }


def _digest(specification):
    return hashlib.sha256(json.dumps(specification, sort_keys=True).encode()).hexdigest()
