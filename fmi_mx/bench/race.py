"""The race: how long each optimiser takes to the loss that the authors' SGD ends with, cell by cell."""

import statistics
import time
from dataclasses import replace

from ..descent.optimisers import Stop, descend
from ..experiment.cell import cells
from ..files.images import MEAN
from ..runs.compute import begin
from . import rivals

ROUNDS, PASSES = 3, 3  # how often, and how many passes at a time, the authors' way is timed
MOST = 200  # passes, to their loss; their own are fewer
ROUNDING = 1.02  # bfloat16 sees a loss up to so many times as high as it is


def race(materials, racers, preset, on_cell=None):
    """How long each optimiser takes to the loss that the experiment's own ends with, cell by cell.

    materials: of an experiment of method fmi, in float32. racers: name -> ``Experiment`` whose optimiser runs, in its
    precision, until it is there, at most ``MOST`` passes. preset: an ``Experiment`` whose optimiser runs until its own stop.
    on_cell(dict) is called after each cell.
    Returns a list of dicts, one a cell: name, layer, loss (the last of the experiment's own optimiser, ``sgd``), and for
    ``sgd``, ``authors``, ``preset`` and the names given a dict: passes and seconds. ``authors`` makes the passes of ``sgd``,
    each as long as one of theirs takes; the others were run, and have besides precision, the curve of (seconds, loss), the
    last loss, why they stopped, whether they reached the authors' loss, and saturated, the share of the last image's values
    at or beyond 0 and 255. Every loss but a curve's is computed in float32.
    """
    found, experiment = [], materials.experiment
    with rivals.Rival("authors") as authors:
        for cell in cells(experiment):
            beginning = _begin(materials, cell, experiment.precision)
            exact, layer = beginning.problem, cell.layers[0]
            sgd = timed(beginning, experiment.optimiser, experiment.stop, exact)
            goal = sgd["loss"]
            times = [authors(layer, beginning.image.shape, PASSES) / PASSES for _ in range(ROUNDS)]
            one = {"name": cell.name, "layer": layer, "loss": goal, "sgd": sgd}
            one["authors"] = {"passes": sgd["passes"], "seconds": sgd["passes"] * statistics.median(times)}
            for name, racer in racers.items():
                start = _begin(materials, cell, racer.precision)
                one[name] = timed(start, racer.optimiser, Stop(MOST, 0.0), exact, goal)
            start = _begin(materials, cell, preset.precision)
            one["preset"] = timed(start, preset.optimiser, preset.stop, exact)
            for name in ("sgd", *racers, "preset"):
                one[name]["reached"] = one[name]["loss"] <= goal
            found.append(one)
            if on_cell:
                on_cell(one)
    return found


def _begin(materials, cell, precision):
    """A beginning, in a precision, whose executor has made its workspaces."""
    beginning = begin(replace(materials, experiment=replace(materials.experiment, precision=precision)), cell)
    beginning.problem.loss_and_gradient(beginning.image)[0].asnumpy()
    return beginning


def timed(beginning, optimiser, stop, exact, goal=None):
    """One descent, timed. beginning: a ``compute.Beginning``. exact: its ``Problem`` in float32, by which it is judged, off
    the clock. goal: a loss, at which it ends. Returns a dict, what ``race`` says of one."""
    curve, judging = [], 0.0  # judging: seconds, which the clock leaves out
    rounded = beginning.problem.precision != exact.precision

    def clock(done):
        curve.append((time.perf_counter() - began - judging, done.loss))

    def reached(loss, image):
        nonlocal judging
        if rounded and loss <= ROUNDING * goal:
            since = time.perf_counter()
            loss = _loss(exact, image)
            judging += time.perf_counter() - since
        return loss <= goal

    began = time.perf_counter()
    end = descend(beginning.problem, beginning.image, optimiser, stop, clock, None if goal is None else reached)
    pixels = end.image.asnumpy() + MEAN.reshape(1, 3, 1, 1)
    return {
        "precision": beginning.problem.precision,
        "passes": len(curve),
        "seconds": curve[-1][0],
        "curve": curve,
        "loss": _loss(exact, end.evaluated) if rounded else end.loss,
        "stopped": end.stopped,
        "saturated": float(((pixels <= 0) | (pixels >= 255)).mean()),
    }


def _loss(problem, image):
    return float(problem.loss_and_gradient(image)[0].asscalar())
