"""The race: how long each optimiser takes to the loss that the authors' SGD ends with, cell by cell."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..descent.optimisers import Optimiser, Pass, Stop, descend
from ..experiment.cell import Cell, cells
from ..experiment.experiment import Experiment
from ..files.images import MEAN
from ..machine.aliases import AnyPath, NDArray
from ..network.executors import Problem
from ..runs.compute import Beginning, Given, Network, begin
from ..runs.materials import Materials
from . import rivals

ROUNDS, PASSES = 3, 3  # how often, and how many passes at a time, the authors' way is timed
MOST = 200  # passes, to their loss; their own are fewer
ROUNDING = 1.02  # bfloat16 sees a loss up to so many times as high as it is


def race(
    materials: Materials,
    network: Network,
    racers: dict[str, Experiment],
    preset: Experiment,
    weights: AnyPath,
    on_cell: Callable[[dict[str, Any]], object] | None = None,
) -> list[dict[str, Any]]:
    """How long each optimiser takes to the loss that the experiment's own ends with, cell by cell.

    materials: of an experiment of method fmi, in float32. network: of its weights. racers:
    name -> experiment whose optimiser runs, in its precision,
    until it is there, at most ``MOST`` passes. preset: whose optimiser runs until its own stop. weights: the file of the
    materials' weights, for PyTorch's L-BFGS, which races to the same loss, from the same initial image, in the precisions of
    the racers that are L-BFGS, where it is installed. on_cell is called after each cell, with what is returned of it.
    Returns for each cell: name, layer, loss (the last of the experiment's own optimiser, ``sgd``), and for ``sgd``,
    ``authors``, ``preset`` and the names given a dict: passes and seconds. ``authors`` makes the passes of ``sgd``, each as
    long as one of theirs takes; the others were run, and have besides precision, the curve of (seconds, loss), the last
    loss, why they stopped, whether they reached the authors' loss, and saturated, the share of the last image's values at or
    beyond 0 and 255. Every loss but a curve's is computed in float32.
    """
    found, experiment = [], materials.experiment
    with ExitStack() as stack:
        authors = stack.enter_context(rivals.Rival("authors"))
        torch = stack.enter_context(rivals.Rival("torch", "torch_lbfgs", weights)) if rivals.has_torch() else None
        for cell in cells(experiment):
            beginning = _begin(materials, network, cell, experiment.precision)
            exact, layer = beginning.problem, cell.layers[0]
            sgd = timed(beginning, experiment.optimiser, experiment.stop, exact)
            goal = sgd["loss"]
            times = [authors(layer, beginning.image.shape, PASSES) / PASSES for _ in range(ROUNDS)]
            one = {"name": cell.name, "layer": layer, "loss": goal, "sgd": sgd}
            one["authors"] = {"passes": sgd["passes"], "seconds": sgd["passes"] * statistics.median(times)}
            for name, racer in racers.items():
                start = _begin(materials, network, cell, racer.precision)
                one[name] = timed(start, racer.optimiser, Stop(MOST, 0.0), exact, goal)
                if torch and name.startswith("lbfgs"):
                    one[f"torch_{racer.precision}"] = _by_torch(torch, beginning, layer, racer.precision, goal)
            start = _begin(materials, network, cell, preset.precision)
            one["preset"] = timed(start, preset.optimiser, preset.stop, exact)
            for name in one.keys() - {"name", "layer", "loss", "authors"}:
                one[name]["reached"] = one[name]["loss"] <= goal
            found.append(one)
            if on_cell:
                on_cell(one)
    return found


def _by_torch(torch: rivals.Rival, beginning: Beginning, layer: str, precision: str, goal: float) -> dict[str, Any]:
    """What ``timed`` says of a descent, of PyTorch's from the same image to the same loss."""
    with tempfile.TemporaryDirectory() as folder:
        cell = Path(folder) / "cell.npz"
        np.savez(cell, image=beginning.image.asnumpy(), target=beginning.objective.constants["target"].asnumpy())
        asked = {"cell": str(cell), "layer": layer, "precision": precision, "goal": goal, "most": MOST}
        return json.loads(torch.ask(json.dumps(asked)))


def _begin(materials: Materials, network: Network, cell: Cell, precision: str) -> Beginning:
    """A beginning, in a precision, whose executor has made its workspaces."""
    experiment = replace(materials.experiment, precision=precision)
    beginning = begin(Given(experiment, cell, materials.shown[cell.image, cell.style]), network)
    beginning.problem.loss_and_gradient(beginning.image)[0].asnumpy()
    return beginning


def timed(
    beginning: Beginning, optimiser: Optimiser, stop: Stop, exact: Problem, goal: float | None = None
) -> dict[str, Any]:
    """One descent, timed. exact: the beginning's problem in float32, by which it is judged, off the clock. goal: a
    loss, at which it ends. Returns what ``race`` says of one."""
    curve: list[tuple[float, float]] = []
    judging = 0.0  # seconds, which the clock leaves out
    rounded = beginning.problem.precision != exact.precision

    def clock(done: Pass) -> None:
        curve.append((time.perf_counter() - began - judging, done.loss))

    def reached(loss: float, image: NDArray) -> bool:
        nonlocal judging
        assert goal is not None  # without one this is not called
        if rounded and loss <= ROUNDING * goal:
            since = time.perf_counter()
            loss = _loss(exact, image)
            judging += time.perf_counter() - since
        return loss <= goal

    began = time.perf_counter()
    judge = None if goal is None else reached
    end = descend(beginning.problem, beginning.image, optimiser, stop, clock, judge, beginning.seed)
    return {
        "precision": beginning.problem.precision,
        "passes": len(curve),
        "seconds": curve[-1][0],
        "curve": curve,
        "loss": _loss(exact, end.evaluated) if rounded else end.loss,
        "stopped": end.stopped,
        "saturated": saturated(end.image.asnumpy()),
    }


def saturated(image: np.ndarray) -> float:
    """The share of an image's values that lie at or beyond 0 and 255. image: (1, 3, H, W), mean-subtracted."""
    pixels = image + MEAN.reshape(1, 3, 1, 1)
    return float(((pixels <= 0) | (pixels >= 255)).mean())


def _loss(problem: Problem, image: NDArray) -> float:
    loss, gradient = problem.loss_and_gradient(image)
    gradient.wait_to_read()  # or the way back would run on, beside what is timed next
    return float(loss.asscalar())
