"""What a pass costs: our descent loop beside the bare executor and its rivals, and how the cost grows."""

import statistics
import time

from ..descent.optimisers import Stop, descend
from ..machine.mxnet import mx
from ..machine.precision import PRECISIONS, precision_on
from ..network.executors import Problem
from . import rivals

SHAPE = (1, 3, 192, 256)


def loop_against_executor(layer, device, optimiser, rounds=7, passes=5, others=()):
    """Seconds a pass of an inversion at a layer, 256x192, random weights (the speed is the same).

    device: ``mx.Context``. optimiser: e.g. ``SGD``. others: name -> ``Rival``. Each round times ``passes`` passes of the
    bare executor, of ``descend``, of ``descend`` in bfloat16 where the device has it, and of each other. Returns a dict:
    layer, seconds_executor, seconds_loop and seconds_NAME (medians), ratio (median over the rounds of loop to executor),
    ratio_NAME (of NAME to the loop).
    """
    loss, weights, target, image = rivals.random_problem(layer, SHAPE, device)
    precisions = [precision for precision in PRECISIONS if precision_on(precision, device) == precision]
    problems = [Problem(loss, weights, {"target": target}, SHAPE, precision) for precision in precisions]
    executor = _bare_executor(loss, weights, target, image)
    ones = mx.nd.ones((SHAPE[0],), ctx=device)

    def bare():
        for _ in range(passes):
            executor.forward(is_train=True)
            executor.backward([ones])
        mx.nd.waitall()

    def loop(problem):
        descend(problem, image, optimiser, Stop(passes=passes, change=0.0))
        mx.nd.waitall()

    timers = {"executor": lambda: stopwatch(bare), "loop": lambda: stopwatch(lambda: loop(problems[0]))}
    for problem in problems[1:]:
        timers[problem.precision] = lambda problem=problem: stopwatch(lambda: loop(problem))
    for name, rival in dict(others).items():
        timers[name] = lambda rival=rival: rival(layer, SHAPE, passes)
    for timer in timers.values():  # warm up
        timer()
    found = [{name: timer() for name, timer in timers.items()} for _ in range(rounds)]
    result = {"layer": layer, "ratio": statistics.median(one["loop"] / one["executor"] for one in found)}
    for name in timers:
        result[f"seconds_{name}"] = statistics.median(one[name] for one in found) / passes
    for name in list(timers)[2:]:
        result[f"ratio_{name}"] = statistics.median(one[name] / one["loop"] for one in found)
    return result


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
        by_edge.append({"long_edge": edge, "seconds": statistics.median(stopwatch(descent) for _ in range(3)) / passes})
    shape = (1, 3, 96, 128)
    loss, weights, target, image = rivals.random_problem(layer, shape, device)

    def several(count):
        for _ in range(count):
            descend(Problem(loss, weights, {"target": target}, shape), image, optimiser, Stop(10, 0.0))

    several(1)
    by_count = [
        {"filters": n, "seconds": statistics.median(stopwatch(lambda n=n: several(n)) for _ in range(3))} for n in filters
    ]
    return {"pixels": by_edge, "filters": by_count}


def _bare_executor(loss, weights, target, image):
    arguments = {**weights, "target": target, "data": image.copy()}
    requests = {name: "write" if name == "data" else "null" for name in arguments}
    return loss.bind(image.context, arguments, args_grad={"data": mx.nd.zeros_like(image)}, grad_req=requests)


def stopwatch(function):
    """Seconds that a function without arguments takes."""
    started = time.perf_counter()
    function()
    return time.perf_counter() - started
