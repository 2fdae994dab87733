"""Computes one cell: a descent from a random image, or a picture that needs none."""

import hashlib
import re
import time
from typing import NamedTuple

import numpy as np

from ..descent.optimisers import descend
from ..errors import InputError
from ..files import store
from ..files.images import postprocess
from ..machine.mxnet import mx
from ..method.codes import energies, isolate
from ..method.objectives import Inputs, objective
from ..network.executors import Problem, encode
from ..network.vgg19 import layer_code

NO_MEMORY = "there is no memory for this long_edge"


def compute(materials, cell, out=None, on_pass=None):
    """Computes one cell.

    materials, cell: what it is made of. out: the run's folder, where a chained cell finds its predecessor.
    on_pass(cell, Pass): called after each pass. Returns (picture uint8 (H, W, 3), arrays name -> NumPy, facts for its
    record). Raises CellFailed where the descent explodes, memory is short or the predecessor is damaged.
    """
    try:
        if cell.method == "maps":
            return feature_maps(materials, cell)
        if cell.method == "picture":
            pixels = materials.shown[cell.image, cell.style][-1]
            return postprocess(pixels, denoise=0), {"image": pixels}, {}
        return invert(materials, cell, out, on_pass)
    except mx.base.MXNetError as error:
        text = str(error).strip()
        advice = "; is there memory for this long_edge?" if re.search("memory|alloc", text, re.I) else ""
        raise CellFailed(f"MXNet cannot compute it ({(text or 'no reason given').splitlines()[-1]}){advice}") from error
    except MemoryError as error:
        raise CellFailed(NO_MEMORY) from error
    except FloatingPointError as error:
        raise CellFailed(f"{error}; lower start, or the learning_rate or clip of optimiser") from error


class CellFailed(Exception):
    """A cell that cannot be computed, in one line; others can."""


class Beginning(NamedTuple):
    """What a descent begins with: its problem, the initial image and the content image, both NDArrays (1, 3, H, W), and what
    the objective has to say for the cell's record."""

    problem: Problem
    image: object
    content: object
    facts: dict


def begin(materials, cell, out=None):
    """Makes ready the descent of a cell. out: the run's folder, which only a chained cell needs. Returns a ``Beginning``."""
    experiment, network = materials.experiment, materials.network
    shown = [mx.nd.array(pixels, ctx=network.device) for pixels in materials.shown[cell.image, cell.style]]
    content, style = shown[0], shown[1] if len(shown) > 1 else None
    source = content
    if cell.predecessor:  # the authors' loop takes this target from the code that the previous inversion left behind
        source = mx.nd.array(_left_behind(out, cell.predecessor), ctx=network.device)
    generator = cell_generator(experiment, cell)
    image = mx.nd.array(initial_image(experiment, generator, content.shape), ctx=network.device)
    inputs = Inputs(network.symbol, network.weights, network.width, content, style, source, generator)
    goal = objective(experiment, cell, inputs)
    problem = Problem(goal.loss, network.weights, goal.constants, content.shape, experiment.precision)
    return Beginning(problem, image, content, goal.facts)


def _left_behind(out, predecessor):
    """The image of a predecessor's last pass."""
    try:
        return store.read_array(out, predecessor, "evaluated")
    except InputError as error:
        raise CellFailed(str(error)) from error


def invert(materials, cell, out, on_pass):
    """A cell that is a descent. Returns (picture, arrays, facts) for ``store.save_cell``."""
    experiment, network = materials.experiment, materials.network
    report = (lambda done: on_pass(cell, done)) if on_pass else None
    beginning = begin(materials, cell, out)
    started = time.perf_counter()
    descent = descend(beginning.problem, beginning.image, experiment.optimiser, experiment.stop, report)
    facts = {
        "loss_first": descent.losses[0],
        "loss_last": descent.loss,
        "passes": len(descent.losses),
        "stopped": descent.stopped,
        **beginning.facts,
        "seconds": round(time.perf_counter() - started, 3),
        "device": str(descent.image.context),
    }
    if cell.method == "fmi":
        code = layer_code(network.symbol, cell.layers[0])
        facts["energy_share_content"] = energy_share(code, network.weights, beginning.content, cell.filter)
        facts["energy_share"] = energy_share(code, network.weights, descent.image, cell.filter)
    image = descent.image.asnumpy()
    arrays = {"image": image, "loss": np.array(descent.losses)}
    if experiment.target == "authors":
        arrays["evaluated"] = descent.evaluated.asnumpy()
    return postprocess(image, experiment.denoise), arrays, facts


def feature_maps(materials, cell):
    """Fig. 1: feature maps of a content's code before and after Eq. (2). Returns (picture, arrays, facts): the content as
    picture, and arrays ``before`` and ``after``, float32 (filters, M, N), and ``filters``, their numbers."""
    experiment, network = materials.experiment, materials.network
    pixels = materials.shown[cell.image, cell.style][0]
    content = mx.nd.array(pixels, ctx=network.device)
    code = layer_code(network.symbol, cell.layers[0])
    chosen = list(experiment.filters)
    before = encode(code, network.weights, content).asnumpy()[0]
    after = encode(isolate(code, experiment.isolated), network.weights, content).asnumpy()[0]
    arrays = {"image": pixels, "before": before[chosen], "after": after[chosen], "filters": np.array(chosen)}
    facts = {"energy_before": float(before.sum()), "energy_after": float(after.sum())}
    return postprocess(pixels, denoise=0), arrays, facts


def cell_generator(experiment, cell):
    """The random numbers of a cell, from the seed and the cell's name: of the initial image, then of v of Eq. (3)."""
    name = int.from_bytes(hashlib.sha256(cell.name.encode()).digest()[:8], "big")
    return np.random.default_rng([experiment.seed, name])


def initial_image(experiment, generator, shape):
    """The image that a descent starts from, uniform(-start, start), float32."""
    return generator.uniform(-experiment.start, experiment.start, shape).astype(np.float32)


def energy_share(code, weights, image, number):
    """The share that a filter's feature map has in the energy of an image's code; 0 where the code is all 0."""
    energy = encode(energies(code), weights, image).asnumpy()[0]
    total = float(energy.sum())
    return float(energy[number]) / total if total else 0.0
