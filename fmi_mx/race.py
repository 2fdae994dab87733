"""The race: how long each optimiser takes to the loss that the authors' SGD ends with, cell by cell."""

import statistics
import time
from dataclasses import replace

from . import rivals
from .cell import cells
from .compute import begin
from .images import MEAN
from .optimisers import Stop, descend

ROUNDS, PASSES = 3, 3  # how often, and how many passes at a time, the authors' way is timed
MOST = 200  # passes, to their loss; their own are fewer
ROUNDING = 1.003  # bfloat16 sees a loss up to so many times as high, or as low, as it is


def race(experiment, racers, preset, materials, on_cell=None):
    """How long each optimiser takes to the loss that the experiment's own ends with, cell by cell.

    experiment: an ``Experiment`` of method fmi, in float32. racers: name -> ``Experiment`` whose optimiser runs, in its
    precision, until it is there, at most ``MOST`` passes. preset: an ``Experiment`` whose optimiser runs until its own stop.
    materials: of the experiment. on_cell(dict) is called after each cell.
    Returns a list of dicts, one a cell: name, layer, loss (the last of the experiment's own optimiser, ``sgd``), and for
    ``sgd``, ``authors``, ``preset`` and the names given a dict: passes and seconds. ``authors`` makes the passes of ``sgd``,
    each as long as one of theirs takes; the others were run, and have besides precision, the curve of (seconds, loss), the
    last loss, why they stopped, whether they reached the authors' loss, and saturated, the share of the last image's values
    at or beyond 0 and 255. Every loss but a curve's is computed in float32.
    """
    found = []
    with rivals.Rival("authors") as authors:
        for cell in cells(experiment):
            beginning = _begin(experiment, cell, materials)
            sgd = _run(beginning, experiment.optimiser, experiment.stop)
            goal, layer, exact = sgd["loss"], cell.layers[0], beginning.problem
            times = [authors(layer, beginning.image.shape, PASSES) / PASSES for _ in range(ROUNDS)]
            one = {"name": cell.name, "layer": layer, "loss": goal, "sgd": sgd}
            one["authors"] = {"passes": sgd["passes"], "seconds": sgd["passes"] * statistics.median(times)}
            for name, racer in racers.items():
                start = _begin(replace(experiment, precision=racer.precision), cell, materials)
                one[name] = _run(start, racer.optimiser, Stop(MOST, 0.0), exact, goal)
            start = _begin(replace(experiment, precision=preset.precision), cell, materials)
            one["preset"] = _run(start, preset.optimiser, preset.stop, exact)
            for name in ("sgd", *racers, "preset"):
                one[name]["reached"] = one[name]["loss"] <= goal
            found.append(one)
            if on_cell:
                on_cell(one)
    return found


def _begin(experiment, cell, materials):
    """A beginning whose executor has made its workspaces."""
    beginning = begin(experiment, cell, materials)
    beginning.problem.loss_and_gradient(beginning.image)[0].asnumpy()
    return beginning


def _run(beginning, optimiser, stop, exact=None, goal=None):
    """One descent, timed: what ``race`` says of it. exact: the ``Problem`` in float32, None for the beginning's own. goal:
    a loss; the descent counts up to the first image that has it in float32, which is found out afterwards."""
    curve, near = [], []  # near: (pass, image) of those that may have it
    margin = 1.0 if beginning.problem.precision == "float32" else ROUNDING

    def clock(done):
        curve.append((time.perf_counter() - began, done.loss))

    def reached(loss, image):
        if loss <= margin * goal:
            near.append((len(curve), image))
        return loss <= goal / margin

    def loss_of(image):
        return float((exact or beginning.problem).loss_and_gradient(image)[0].asscalar())

    began = time.perf_counter()
    end = descend(beginning.problem, beginning.image, optimiser, stop, clock, None if goal is None else reached)
    there = next(((number, image) for number, image in near if loss_of(image) <= goal), None)
    number, image = there or (len(curve), end.image)
    pixels = image.asnumpy() + MEAN.reshape(1, 3, 1, 1)
    return {
        "precision": beginning.problem.precision,
        "passes": number,
        "seconds": curve[number - 1][0],
        "curve": curve[:number],
        "loss": loss_of(image if there else end.evaluated),
        "stopped": "goal" if there else end.stopped,
        "saturated": float(((pixels <= 0) | (pixels >= 255)).mean()),
    }
