"""The benchmark: what a pass costs, how long each optimiser takes to the authors' loss, memory, and growth."""

import statistics
import time

from . import rivals
from .cell import cells
from .compute import cell_generator, initial_image
from .images import MEAN
from .materials import gather, network_images
from .mxnet_setup import mx
from .objectives import Inputs, objective
from .optimisers import Stop, descend
from .problem import Problem
from .vgg19 import vgg19, width_of

LAYERS = ("relu1_2", "relu2_2", "relu3_2", "relu4_2", "relu5_2")
SHAPE = (1, 3, 192, 256)
AUTHORS_ROUNDS, AUTHORS_PASSES = 3, 3  # how often, and how many passes at a time, the authors' way is timed for the race


def loop_against_executor(layer, device, optimiser, rounds=7, passes=5, others=()):
    """Seconds a pass of an inversion at a layer, 256x192, random weights (the speed is the same).

    device: ``mx.Context``. optimiser: e.g. ``SGD``. others: name -> ``Rival``. Each round times ``passes`` passes of the
    bare executor, then of ``descend``, then of each other. Returns a dict: layer, seconds_executor, seconds_loop and
    seconds_NAME (medians), ratio (median over the rounds of loop to executor), ratio_NAME (of NAME to the loop).
    """
    loss, weights, target, image = rivals.random_problem(layer, SHAPE, device)
    problem = Problem(loss, weights, {"target": target}, SHAPE)
    executor = _bare_executor(loss, weights, target, image)
    ones = mx.nd.ones((SHAPE[0],), ctx=device)

    def bare():
        for _ in range(passes):
            executor.forward(is_train=True)
            executor.backward([ones])
        mx.nd.waitall()

    def loop():
        descend(problem, image, optimiser, Stop(passes=passes, change=0.0))
        mx.nd.waitall()

    timers = {"executor": lambda: _seconds(bare), "loop": lambda: _seconds(loop)}
    for name, rival in dict(others).items():
        timers[name] = lambda rival=rival: rival(layer, SHAPE, passes)
    for timer in timers.values():  # warm up
        timer()
    found = [{name: timer() for name, timer in timers.items()} for _ in range(rounds)]
    result = {"layer": layer, "ratio": statistics.median(one["loop"] / one["executor"] for one in found)}
    for name in timers:
        result[f"seconds_{name}"] = statistics.median(one[name] for one in found) / passes
    for name in dict(others):
        result[f"ratio_{name}"] = statistics.median(one[name] / one["loop"] for one in found)
    return result


def race(experiment, optimisers, weights, images, device, on_cell=None):
    """How long each optimiser takes to the loss that the experiment's own ends with, cell by cell.

    experiment: an ``Experiment`` of method fmi. optimisers: name -> (optimiser, Stop). weights, images, device: as for
    ``run``. on_cell(dict) is called after each cell. Returns a list of dicts, one a cell: name, layer, loss (the last of the
    experiment's own optimiser, ``sgd``), and for ``sgd``, ``authors`` and the names given a dict: passes and seconds to that
    loss, None where it is not reached. Those that were run have besides the curve of (seconds, loss), passes_in_all, why
    they stopped, and saturated, the share of the last image's values at or beyond 0 and 255. ``authors`` makes the passes
    of ``sgd``, each as long as one of theirs takes.
    """
    materials, found = gather(experiment, weights, images, device), []
    with rivals.Rival("authors") as authors:
        for cell in cells(experiment):
            problem, start = _prepared(experiment, cell, materials)
            sgd = _run(problem, start, experiment.optimiser, experiment.stop, goal=None)
            one = {"name": cell.name, "layer": cell.layers[0], "loss": sgd["curve"][-1][1], "sgd": sgd}
            times = [authors(one["layer"], start.shape, AUTHORS_PASSES) / AUTHORS_PASSES for _ in range(AUTHORS_ROUNDS)]
            one["authors"] = {"passes": sgd["passes"], "seconds": sgd["passes"] * statistics.median(times)}
            for name, (optimiser, stop) in optimisers.items():
                one[name] = _run(problem, start, optimiser, stop, goal=one["loss"])
            found.append(one)
            if on_cell:
                on_cell(one)
    return found


def growth(device, optimiser, layer="relu3_2", edges=(96, 128, 192, 256, 384, 512), filters=(1, 2, 5), passes=5):
    """How seconds grow: of a pass with the pixels of a 4:3 image, and of so many descents of ten passes with the filters.

    Returns a dict: pixels, list of {long_edge, seconds}; filters, list of {filters, seconds}.
    """
    by_edge = []
    for edge in edges:
        shape = (1, 3, edge * 3 // 4, edge)
        loss, weights, target, image = rivals.random_problem(layer, shape, device)
        problem = Problem(loss, weights, {"target": target}, shape)
        descent = lambda problem=problem, image=image: descend(problem, image, optimiser, Stop(passes, 0.0))  # noqa: E731
        descent()
        by_edge.append({"long_edge": edge, "seconds": statistics.median(_seconds(descent) for _ in range(3)) / passes})
    shape = (1, 3, 96, 128)
    loss, weights, target, image = rivals.random_problem(layer, shape, device)

    def several(count):
        for _ in range(count):
            descend(Problem(loss, weights, {"target": target}, shape), image, optimiser, Stop(10, 0.0))

    several(1)
    by_count = [
        {"filters": n, "seconds": statistics.median(_seconds(lambda n=n: several(n)) for _ in range(3))} for n in filters
    ]
    return {"pixels": by_edge, "filters": by_count}


def _prepared(experiment, cell, materials):
    """The problem and the initial image of a cell, as ``compute`` makes them."""
    weights = materials.weights
    content = mx.nd.array(network_images(experiment, cell, materials.sources)[0], ctx=next(iter(weights.values())).context)
    generator = cell_generator(experiment, cell)
    start = mx.nd.array(initial_image(experiment, generator, content.shape), ctx=content.context)
    net = vgg19(experiment.pool, width_of(weights))
    goal = objective(experiment, cell, Inputs(net, weights, content, None, content, generator))
    problem = Problem(goal.loss, weights, goal.constants, content.shape)
    problem.loss_and_gradient(start)[0].asnumpy()  # the first pass makes MXNet's workspaces
    return problem, start


def _run(problem, start, optimiser, stop, goal):
    """One descent, timed: what ``race`` says of it. goal: the loss to reach; None for its own last."""
    curve, began = [], time.perf_counter()
    end = descend(problem, start, optimiser, stop, lambda done: curve.append((time.perf_counter() - began, done.loss)))
    passes = len(curve)
    if goal is not None:
        passes = next((number for number, (_, loss) in enumerate(curve, start=1) if loss <= goal), None)
    pixels = end.image.asnumpy() + MEAN.reshape(1, 3, 1, 1)
    return {
        "passes": passes,
        "seconds": curve[passes - 1][0] if passes else None,
        "curve": curve,
        "passes_in_all": len(curve),
        "stopped": end.stopped,
        "saturated": float(((pixels <= 0) | (pixels >= 255)).mean()),
    }


def _bare_executor(loss, weights, target, image):
    arguments = {**weights, "target": target, "data": image.copy()}
    requests = {name: "write" if name == "data" else "null" for name in arguments}
    return loss.bind(image.context, arguments, args_grad={"data": mx.nd.zeros_like(image)}, grad_req=requests)


def _seconds(function):
    started = time.perf_counter()
    function()
    return time.perf_counter() - started
