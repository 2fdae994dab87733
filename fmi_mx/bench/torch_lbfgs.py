"""PyTorch's L-BFGS in the race, in a process of its own, so that neither library's threads are the other's.

``python -m fmi_mx.bench.torch_lbfgs WEIGHTS`` reads lines of JSON, each a descent to make: ``cell``, an .npz file with the
initial image and the target; ``layer``; ``precision``, float32 or bfloat16; ``goal``, the loss at which it ends; and
``most`` passes. It answers each with a line of JSON: passes, seconds, curve of (seconds, loss), loss, stopped and saturated.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from ..machine.mxnet import threads
from ..weights.canonical import read_weights
from .race import ROUNDING, saturated
from .torch_network import channels_last, loss, tensors


class Ended(Exception):
    """The descent is at its goal, or has made its passes."""


def descend(
    image: np.ndarray,
    target: np.ndarray,
    weights: Mapping[str, torch.Tensor],
    layer: str,
    precision: str,
    goal: float,
    most: int,
) -> dict[str, Any]:
    """One descent, timed; in bfloat16 it is judged in float32, off the clock."""
    rounded, wanted = precision == "bfloat16", channels_last(target)
    x = torch.tensor(image).requires_grad_()  # its optimiser takes no other order of the numbers
    limits: dict[str, Any] = {"max_iter": most, "max_eval": most, "tolerance_grad": 0, "tolerance_change": 0}
    optimiser = torch.optim.LBFGS([x], history_size=10, line_search_fn="strong_wolfe", **limits)
    curve: list[tuple[float, float]] = []
    judging, stopped = 0.0, "descent"

    def evaluate() -> torch.Tensor:
        optimiser.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=rounded):
            found = loss(x, wanted, layer, weights)
        found.backward()
        return found

    def closure() -> torch.Tensor:
        nonlocal judging, stopped
        found = evaluate()
        curve.append((time.perf_counter() - began - judging, found.item()))
        if _exact(curve[-1][1]) <= goal:
            stopped = "goal"
            raise Ended
        if len(curve) == most:
            stopped = "passes"
            raise Ended
        return found

    def _exact(seen: float) -> float:
        nonlocal judging
        if not rounded or seen > ROUNDING * goal:
            return seen
        since = time.perf_counter()
        with torch.no_grad():
            seen = loss(x, wanted, layer, weights).item()
        judging += time.perf_counter() - since
        return seen

    evaluate(), evaluate()  # which makes its workspaces
    began = time.perf_counter()
    with contextlib.suppress(Ended):
        optimiser.step(closure)
    with torch.no_grad():
        last = loss(x, wanted, layer, weights).item()
    passes = {"passes": len(curve), "seconds": curve[-1][0], "curve": curve}
    return {"precision": precision, **passes, "loss": last, "stopped": stopped, "saturated": saturated(x.detach().numpy())}


def _main(file: str) -> None:
    torch.set_num_threads(threads())
    weights = tensors(read_weights(file))
    for line in sys.stdin:
        asked = json.loads(line)
        with np.load(asked.pop("cell")) as cell:
            found = descend(cell["image"], cell["target"], weights=weights, **asked)
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    _main(sys.argv[1])
