"""Computes one cell: a descent from a random image, or a picture that needs none."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from typing import Any, Dict, NamedTuple, Tuple

import numpy as np

from ..descent.optimisers import Pass, descend
from ..errors import InputError
from ..experiment.cell import Cell
from ..experiment.experiment import Experiment
from ..files import store
from ..files.images import postprocess
from ..machine.aliases import AnyPath, Arrays, NDArray, Symbol
from ..machine.mxnet import mx
from ..method.codes import energies, isolate
from ..method.objectives import Inputs, objective
from ..network.executors import Problem, encode
from ..network.vgg19 import layer_code
from .materials import Materials

NO_MEMORY = "there is no memory for this long_edge"

# Of a cell: its picture, uint8 (H, W, 3), its arrays by name, and facts for its record.
Computed = Tuple[np.ndarray, Dict[str, np.ndarray], Dict[str, Any]]


def compute(
    materials: Materials, cell: Cell, out: AnyPath | None = None, on_pass: Callable[[Cell, Pass], None] | None = None
) -> Computed:
    """Computes one cell.

    materials, cell: what it is made of. out: the run's folder, where a chained cell finds its predecessor.
    on_pass: called after each pass. Raises CellFailed where the descent explodes, memory is short or the predecessor is
    damaged.
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
    """What a descent begins with: its problem, the initial image and the content image, both (1, 3, H, W), and what the
    objective has to say for the cell's record."""

    problem: Problem
    image: NDArray
    content: NDArray
    facts: dict[str, Any]


def begin(materials: Materials, cell: Cell, out: AnyPath | None = None) -> Beginning:
    """Makes ready the descent of a cell. out: the run's folder, which only a chained cell needs."""
    experiment, network = materials.experiment, materials.network
    assert network is not None  # as every descent needs one
    shown = [mx.nd.array(pixels, ctx=network.device) for pixels in materials.shown[cell.image, cell.style]]
    content, style = shown[0], shown[1] if len(shown) > 1 else None
    source = content
    if cell.predecessor:  # the authors' loop takes this target from the code that the previous inversion left behind
        assert out is not None  # as a chained cell is computed in a run
        source = mx.nd.array(_left_behind(out, cell.predecessor), ctx=network.device)
    generator = cell_generator(experiment, cell)
    image = mx.nd.array(initial_image(experiment, generator, content.shape), ctx=network.device)
    inputs = Inputs(network.symbol, network.weights, network.width, content, style, source, generator)
    goal = objective(experiment, cell, inputs)
    problem = Problem(goal.loss, network.weights, goal.constants, content.shape, experiment.precision)
    return Beginning(problem, image, content, goal.facts)


def _left_behind(out: AnyPath, predecessor: str) -> np.ndarray:
    """The image of a predecessor's last pass."""
    try:
        return store.read_array(out, predecessor, "evaluated")
    except InputError as error:
        raise CellFailed(str(error)) from error


def invert(materials: Materials, cell: Cell, out: AnyPath | None, on_pass: Callable[[Cell, Pass], None] | None) -> Computed:
    """A cell that is a descent."""
    experiment, network = materials.experiment, materials.network
    assert network is not None  # as every descent needs one
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
        assert cell.filter is not None  # as every cell of fmi has one
        code = layer_code(network.symbol, cell.layers[0])
        facts["energy_share_content"] = energy_share(code, network.weights, beginning.content, cell.filter)
        facts["energy_share"] = energy_share(code, network.weights, descent.image, cell.filter)
    image = descent.image.asnumpy()
    arrays = {"image": image, "loss": np.array(descent.losses)}
    if experiment.target == "authors":
        arrays["evaluated"] = descent.evaluated.asnumpy()
    return postprocess(image, experiment.denoise), arrays, facts


def feature_maps(materials: Materials, cell: Cell) -> Computed:
    """Fig. 1: feature maps of a content's code before and after Eq. (2). Returns the content as picture, and arrays
    ``before`` and ``after``, float32 (filters, M, N), and ``filters``, their numbers."""
    experiment, network = materials.experiment, materials.network
    assert network is not None  # as every code needs one
    pixels = materials.shown[cell.image, cell.style][0]
    content = mx.nd.array(pixels, ctx=network.device)
    code = layer_code(network.symbol, cell.layers[0])
    chosen = list(experiment.filters)
    before = encode(code, network.weights, content).asnumpy()[0]
    after = encode(isolate(code, experiment.isolated), network.weights, content).asnumpy()[0]
    arrays = {"image": pixels, "before": before[chosen], "after": after[chosen], "filters": np.array(chosen)}
    facts = {"energy_before": float(before.sum()), "energy_after": float(after.sum())}
    return postprocess(pixels, denoise=0), arrays, facts


def cell_generator(experiment: Experiment, cell: Cell) -> np.random.Generator:
    """The random numbers of a cell, from the seed and the cell's name: of the initial image, then of v of Eq. (3)."""
    name = int.from_bytes(hashlib.sha256(cell.name.encode()).digest()[:8], "big")
    return np.random.default_rng([experiment.seed, name])


def initial_image(experiment: Experiment, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """The image that a descent starts from, uniform(-start, start), float32."""
    return generator.uniform(-experiment.start, experiment.start, shape).astype(np.float32)


def energy_share(code: Symbol, weights: Arrays, image: NDArray, number: int) -> float:
    """The share that a filter's feature map has in the energy of an image's code; 0 where the code is all 0."""
    energy = encode(energies(code), weights, image).asnumpy()[0]
    total = float(energy.sum())
    return float(energy[number]) / total if total else 0.0
