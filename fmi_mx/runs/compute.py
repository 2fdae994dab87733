"""Computes one cell: a descent from a random image, or a picture that needs none."""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import replace
from typing import Any, Dict, NamedTuple, Tuple

import numpy as np

from ..descent.optimisers import descend
from ..errors import InputError
from ..experiment.cell import Cell
from ..experiment.experiment import Experiment
from ..experiment.filters import filters_of
from ..files.images import clipped, postprocess
from ..machine.aliases import Arrays, Context, NDArray, Symbol
from ..machine.devices import Device, context
from ..machine.mxnet import mx
from ..measure.measures import measure
from ..method.codes import energies, isolate
from ..method.objectives import Inputs, Objective, objective
from ..network.executors import Problem, encode, to_device
from ..network.vgg19 import layer_code, vgg19
from ..weights.canonical import read_weights
from .materials import Shown, Weights

NO_MEMORY = "there is no memory for this long_edge"

# Of a cell: its picture, uint8 (H, W, 3), its arrays by name, and facts for its record.
Computed = Tuple[np.ndarray, Dict[str, np.ndarray], Dict[str, Any]]


class Network(NamedTuple):
    """A network on a device. symbol: what ``vgg19`` returns. width: one of ``vgg19.WIDTHS``."""

    symbol: Symbol
    weights: Arrays
    width: float
    device: Context


class Given(NamedTuple):
    """What one cell is computed from, beside the network. shown: see ``Materials``. left_behind: float32 (1, 3, H, W), the
    image of the last pass of its predecessor, if it has one."""

    experiment: Experiment
    cell: Cell
    shown: Shown
    left_behind: np.ndarray | None = None


def load_network(known: Weights, pool: str, device: Device) -> Network:
    """A network whose weights are in a file. pool: see ``vgg19``. Raises InputError as ``read_weights``."""
    place = context(device)
    return Network(vgg19(pool, known.width), to_device(read_weights(known.path), place), known.width, place)


def compute(given: Given, network: Network | None) -> Computed:
    """Computes one cell. network: None where it needs none. Raises CellFailed where the descent explodes or memory is
    short."""
    try:
        if given.cell.method == "picture":
            return postprocess(given.shown[-1], denoise=0), {"image": given.shown[-1]}, {}
        assert network is not None  # as every code needs one
        return feature_maps(given, network) if given.cell.method == "maps" else invert(given, network)
    except mx.base.MXNetError as error:
        text = str(error).strip()
        advice = "; is there memory for this long_edge?" if re.search("memory|alloc", text, re.I) else ""
        raise CellFailed(f"MXNet cannot compute it ({(text or 'no reason given').splitlines()[-1]}){advice}") from error
    except MemoryError as error:
        raise CellFailed(NO_MEMORY) from error
    except InputError as error:  # of the numbers of a code, which are known only now
        raise CellFailed(str(error)) from error
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


def begin(given: Given, network: Network) -> Beginning:
    """Makes ready the descent of a cell."""
    experiment, cell, device = given.experiment, given.cell, network.device
    content, *styles = [mx.nd.array(pixels, ctx=device) for pixels in given.shown]
    source = content
    if given.left_behind is not None:  # the authors' loop takes this target from the code of the previous inversion
        source = mx.nd.array(given.left_behind, ctx=device)
    image = mx.nd.array(initial_image(experiment, cell, content.shape), ctx=device)
    shares = np.random.default_rng(cell_seed(experiment, cell, "v"))
    style = styles[0] if styles else None
    inputs = Inputs(network.symbol, network.weights, network.width, content, style, source, image, shares)
    goal = objective(experiment, cell, inputs)
    problem = Problem(goal.loss, network.weights, goal.constants, content.shape, experiment.precision)
    return Beginning(goal, problem, image, content, cell_seed(experiment, cell, "probes"))


def invert(given: Given, network: Network) -> Computed:
    """A cell that is a descent. Where ``linear_if_silent`` finds the filter silent only in the end, it is made again with
    the linear feature map, and the record has ``fell_silent``."""
    picture, arrays, facts = _invert(given, network)
    if given.experiment.feature_map == "linear_if_silent" and facts.get("silent") and not facts["silent_at_start"]:
        seconds, linear = facts["seconds"], replace(given.experiment, feature_map="linear")
        picture, arrays, facts = _invert(given._replace(experiment=linear), network)
        facts.update(fell_silent=True, seconds=round(seconds + facts["seconds"], 3))
    return picture, arrays, facts


def _invert(given: Given, network: Network) -> Computed:
    experiment, cell = given.experiment, given.cell
    beginning = begin(given, network)
    started = time.perf_counter()
    descent = descend(beginning.problem, beginning.image, experiment.optimiser, experiment.stop, seed=beginning.seed)
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
    picture, arrays = postprocess(image, experiment.denoise), {"loss": np.array(descent.losses)}
    if experiment.keep == "image":
        arrays["image"] = image
    else:
        seen = measure(picture, clipped(image), np.random.default_rng(cell_seed(experiment, cell, "surrogates")))
        arrays.update(seen.descriptor)
        facts["measures"] = {"colourfulness": seen.colourfulness, "intricacy": seen.intricacy}
    if experiment.target == "authors":
        arrays["evaluated"] = descent.evaluated.asnumpy()
    return picture, arrays, facts


def feature_maps(given: Given, network: Network) -> Computed:
    """Fig. 1: feature maps of a content's code before and after Eq. (2). Returns the content as picture, and arrays
    ``before`` and ``after``, float32 (filters, M, N), and ``filters``, their numbers."""
    experiment, pixels = given.experiment, given.shown[0]
    content = mx.nd.array(pixels, ctx=network.device)
    code = layer_code(network.symbol, given.cell.layers[0])
    chosen = list(filters_of(experiment.filters, given.cell.layers[0]))
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
