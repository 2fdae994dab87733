"""What a pass costs: our descent loop beside the bare executor and its rivals, and how the cost grows."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from ..descent.optimisers import Optimiser, Stop, descend
from ..machine.aliases import Arrays, Context, Executor, NDArray, Symbol
from ..machine.mxnet import mx
from ..machine.precision import precisions_of
from ..network.executors import Problem
from . import rivals

SHAPE = (1, 3, 192, 256)


def loop_against_executor(
    layer: str,
    device: Context,
    optimiser: Optimiser,
    rounds: int = 7,
    passes: int = 5,
    others: Mapping[str, Callable[[str, tuple[int, ...], int], float]] | None = None,
) -> dict[str, Any]:
    """Seconds a pass of an inversion at a layer, 256x192, random weights (the speed is the same).

    others: name -> ``Rival``. Each round times ``passes`` passes of the bare executor, of ``descend``, of ``descend`` in
    bfloat16 where the device has it, and of each other. Returns layer, seconds_executor, seconds_loop and seconds_NAME
    (medians), ratio (median over the rounds of loop to executor), ratio_NAME (of NAME to the loop).
    """
    loss, weights, target, image = rivals.random_problem(layer, SHAPE, device)
    problems = [Problem(loss, weights, {"target": target}, SHAPE, precision) for precision in precisions_of(device)]
    executor = _bare_executor(loss, weights, target, image)
    ones = mx.nd.ones((SHAPE[0],), ctx=device)

    def bare() -> None:
        for _ in range(passes):
            executor.forward(is_train=True)
            executor.backward([ones])
        mx.nd.waitall()

    def loop(problem: Problem) -> None:
        descend(problem, image, optimiser, Stop(passes=passes, change=0.0))
        mx.nd.waitall()

    timers: dict[str, Callable[[], float]] = {
        "executor": lambda: stopwatch(bare),
        "loop": lambda: stopwatch(lambda: loop(problems[0])),
    }
    for problem in problems[1:]:
        timers[problem.precision] = partial(stopwatch, partial(loop, problem))
    for name, rival in (others or {}).items():
        timers[name] = partial(rival, layer, SHAPE, passes)
    for timer in timers.values():  # warm up
        timer()
    found = [{name: timer() for name, timer in timers.items()} for _ in range(rounds)]
    result: dict[str, Any] = {"layer": layer, "ratio": statistics.median(one["loop"] / one["executor"] for one in found)}
    for name in timers:
        result[f"seconds_{name}"] = statistics.median(one[name] for one in found) / passes
    for name in list(timers)[2:]:
        result[f"ratio_{name}"] = statistics.median(one[name] / one["loop"] for one in found)
    return result


def lbfgs_against_executor(
    layer: str, device: Context, optimiser: Optimiser, edge: int, precision: str, rounds: int = 5, passes: int = 20
) -> dict[str, Any]:
    """What L-BFGS adds to a pass, with all its pairs: seconds a pass of a bare executor and of ``descend``, in turn, at a
    layer, of a 4:3 image with this long edge and random weights.

    optimiser: ``LBFGS``. Returns layer, long_edge, precision, seconds_executor and seconds_loop (medians of the rounds),
    ratio and seconds_own (medians of their ratio and difference).
    """
    shape = (1, 3, edge * 3 // 4, edge)
    loss, weights, target, image = rivals.random_problem(layer, shape, device)
    problem = Problem(loss, weights, {"target": target}, shape, precision)

    def bare() -> None:
        for _ in range(passes):
            problem.loss_and_gradient(image)
        mx.nd.waitall()

    def seconds() -> tuple[float, float]:
        made: list[float] = []
        took = stopwatch(lambda: descend(problem, image, optimiser, Stop(passes, 0.0), lambda one: made.append(one.loss)))
        return stopwatch(bare) / passes, took / len(made)

    seconds()  # warm up
    found = [seconds() for _ in range(rounds)]
    return {
        "layer": layer,
        "long_edge": edge,
        "precision": precision,
        "seconds_executor": statistics.median(bare for bare, _ in found),
        "seconds_loop": statistics.median(loop for _, loop in found),
        "ratio": statistics.median(loop / bare for bare, loop in found),
        "seconds_own": statistics.median(loop - bare for bare, loop in found),
    }


def growth(
    device: Context,
    optimiser: Optimiser,
    layer: str = "relu3_2",
    edges: Sequence[int] = (96, 128, 192, 256, 384, 512),
    filters: Sequence[int] = (1, 2, 5),
    passes: int = 5,
) -> dict[str, list[dict[str, float]]]:
    """How seconds grow: of a pass with the pixels of a 4:3 image, and of so many descents of ten passes with the filters.

    Returns pixels: {long_edge, seconds} of each; filters: {filters, seconds} of each.
    """
    by_edge: list[dict[str, float]] = []
    for edge in edges:
        shape = (1, 3, edge * 3 // 4, edge)
        loss, weights, target, image = rivals.random_problem(layer, shape, device)
        problem = Problem(loss, weights, {"target": target}, shape)
        descent = partial(descend, problem, image, optimiser, Stop(passes, 0.0))
        descent()
        by_edge.append({"long_edge": edge, "seconds": statistics.median(stopwatch(descent) for _ in range(3)) / passes})
    shape = (1, 3, 96, 128)
    loss, weights, target, image = rivals.random_problem(layer, shape, device)

    def several(count: int) -> None:
        for _ in range(count):
            descend(Problem(loss, weights, {"target": target}, shape), image, optimiser, Stop(10, 0.0))

    several(1)
    by_count: list[dict[str, float]] = [
        {"filters": n, "seconds": statistics.median(stopwatch(partial(several, n)) for _ in range(3))} for n in filters
    ]
    return {"pixels": by_edge, "filters": by_count}


def _bare_executor(loss: Symbol, weights: Arrays, target: NDArray, image: NDArray) -> Executor:
    arguments = {**weights, "target": target, "data": image.copy()}
    requests = {name: "write" if name == "data" else "null" for name in arguments}
    return loss.bind(image.context, arguments, args_grad={"data": mx.nd.zeros_like(image)}, grad_req=requests)


def stopwatch(function: Callable[[], object]) -> float:
    """Seconds that a function takes."""
    started = time.perf_counter()
    function()
    return time.perf_counter() - started
