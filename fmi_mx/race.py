"""The race: how long each optimiser takes to the loss that the authors' SGD ends with, cell by cell."""

import statistics
import time

from . import rivals
from .cell import cells
from .compute import begin
from .images import MEAN
from .optimisers import Stop, descend

ROUNDS, PASSES = 3, 3  # how often, and how many passes at a time, the authors' way is timed
MOST = 200  # passes, to their loss; their own are fewer


def race(experiment, optimisers, preset, materials, on_cell=None):
    """How long each optimiser takes to the loss that the experiment's own ends with, cell by cell.

    experiment: an ``Experiment`` of method fmi. optimisers: name -> optimiser; it runs until it is there, at most ``MOST``
    passes. preset: an ``Experiment`` whose optimiser runs until its own stop. materials: of the experiment. on_cell(dict) is
    called after each cell. Returns a list of dicts, one a cell: name, layer, loss (the last of the experiment's own
    optimiser, ``sgd``), and for ``sgd``, ``authors``, ``preset`` and the names given a dict: passes and seconds. ``authors``
    makes the passes of ``sgd``, each as long as one of theirs takes; the others were run, and have besides the curve of
    (seconds, loss), the last loss, why they stopped, whether they reached the authors' loss, and saturated, the share of the
    last image's values at or beyond 0 and 255.
    """
    found = []
    with rivals.Rival("authors") as authors:
        for cell in cells(experiment):
            beginning = begin(experiment, cell, materials)
            beginning.problem.loss_and_gradient(beginning.image)[0].asnumpy()  # makes MXNet's workspaces
            sgd = _run(beginning, experiment.optimiser, experiment.stop)
            goal, layer = sgd["loss"], cell.layers[0]
            times = [authors(layer, beginning.image.shape, PASSES) / PASSES for _ in range(ROUNDS)]
            one = {"name": cell.name, "layer": layer, "loss": goal, "sgd": sgd}
            one["authors"] = {"passes": sgd["passes"], "seconds": sgd["passes"] * statistics.median(times)}
            for name, optimiser in optimisers.items():
                one[name] = _run(beginning, optimiser, Stop(MOST, 0.0), goal)
            one["preset"] = _run(beginning, preset.optimiser, preset.stop)
            for name in ("sgd", *optimisers, "preset"):
                one[name]["reached"] = one[name]["loss"] <= goal
            found.append(one)
            if on_cell:
                on_cell(one)
    return found


def _run(beginning, optimiser, stop, goal=float("-inf")):
    """One descent, timed: what ``race`` says of it."""
    curve, began = [], time.perf_counter()
    clock = lambda done: curve.append((time.perf_counter() - began, done.loss))  # noqa: E731
    end = descend(beginning.problem, beginning.image, optimiser, stop, clock, goal)
    pixels = end.image.asnumpy() + MEAN.reshape(1, 3, 1, 1)
    return {
        "passes": len(curve),
        "seconds": curve[-1][0],
        "curve": curve,
        "loss": end.loss,
        "stopped": end.stopped,
        "saturated": float(((pixels <= 0) | (pixels >= 255)).mean()),
    }
