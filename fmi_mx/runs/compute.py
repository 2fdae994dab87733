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
from ..machine.aliases import AnyPath, NDArray
from ..machine.mxnet import mx
from ..method.codes import energies, isolate
from ..method.objectives import Inputs, Objective, objective
from ..network.executors import Problem, encode
from ..network.vgg19 import layer_code
from .materials import Materials, Network

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
    """What a descent begins with: its objective, the problem of its loss, the initial image and the content image, both
    (1, 3, H, W), and the seed of L-BFGS's probes."""

    objective: Objective
    problem: Problem
    image: NDArray
    content: NDArray
    seed: list[int]


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
    image = mx.nd.array(initial_image(experiment, cell, content.shape), ctx=network.device)
    shares = np.random.default_rng(cell_seed(experiment, cell, "v"))
    inputs = Inputs(network.symbol, network.weights, network.width, content, style, source, image, shares)
    goal = objective(experiment, cell, inputs)
    problem = Problem(goal.loss, network.weights, goal.constants, content.shape, experiment.precision)
    return Beginning(goal, problem, image, content, cell_seed(experiment, cell, "probes"))


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
    descent = descend(beginning.problem, beginning.image, experiment.optimiser, experiment.stop, report, seed=beginning.seed)
    facts = {
        "loss_first": descent.losses[0],
        "loss_last": descent.loss,
        "passes": len(descent.losses),
        "stopped": descent.stopped,
        **beginning.objective.facts,
        "seconds": round(time.perf_counter() - started, 3),
        "device": str(descent.image.context),
    }
    if cell.method == "fmi":
        facts.update(answer(network, cell, beginning, descent.image))
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


def answer(network: Network, cell: Cell, beginning: Beginning, image: NDArray) -> dict[str, Any]:
    """What a filter answers to its inversion, for the cell's record; all of it computed in float32.

    image: the last one. silent: whether the feature map is 0 at every position of it. energy_share_content and energy_share:
    its share in the energy of the code of the content and of the last image, 0 where the code is all 0. share_rose: whether
    the last image's is greater. loss_printed: Eq. (1) as the paper prints it, of the last image.
    """
    summed = energies(layer_code(network.symbol, cell.layers[0]))
    found = [encode(summed, network.weights, shown).asnumpy()[0] for shown in (beginning.content, image)]
    own = [float(energy[cell.filter]) for energy in found]
    shares = [energy / (float(all_of_them.sum()) or 1) for energy, all_of_them in zip(own, found)]
    goal = beginning.objective
    printed = encode(goal.printed, {**network.weights, **goal.constants}, image)
    return {
        "silent": own[1] == 0,
        "energy_share_content": shares[0],
        "energy_share": shares[1],
        "share_rose": shares[1] > shares[0],
        "loss_printed": float(printed.asscalar()),
    }


def initial_image(experiment: Experiment, cell: Cell, shape: tuple[int, ...]) -> np.ndarray:
    """The image that a descent starts from, uniform(-start, start), float32."""
    generator = np.random.default_rng(cell_seed(experiment, cell))
    return generator.uniform(-experiment.start, experiment.start, shape).astype(np.float32)


def cell_seed(experiment: Experiment, cell: Cell, purpose: str = "") -> list[int]:
    """What the random numbers of a cell come from: the experiment's seed, the cell's name and their purpose. No number
    depends on how many were drawn for another. The initial image is the purpose without a word."""
    name = int.from_bytes(hashlib.sha256(cell.name.encode()).digest()[:8], "big")
    return [experiment.seed, name, *purpose.encode()]
