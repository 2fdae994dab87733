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

from ..files.images import MEAN
from ..machine.mxnet import threads
from ..network.vgg19 import LAYERS
from ..weights.canonical import read_weights

ROUNDING = 1.02  # bfloat16 sees a loss up to so many times as high as it is


class Ended(Exception):
    """The descent is at its goal, or has made its passes."""


def code(image: torch.Tensor, layer: str, weights: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """The code of an image, (1, 3, H, W) minus the mean, at a layer, by average pooling; channels last on the way."""
    image = image.contiguous(memory_format=torch.channels_last)
    for name, (kind, _, _) in LAYERS.items():
        if kind == "conv":
            image = torch.nn.functional.conv2d(image, weights[f"{name}_weight"], weights[f"{name}_bias"], padding=1)
        else:
            image = torch.relu(image) if kind == "relu" else torch.nn.functional.avg_pool2d(image, 2)
        if name == layer:
            break
    return image


def loss(image: torch.Tensor, target: torch.Tensor, layer: str, weights: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Eq. (1), in float32 whatever the convolutions compute in."""
    return (code(image, layer, weights).float() - target).square().sum()


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
    rounded, wanted = precision == "bfloat16", _channels_last(target)
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
    pixels = x.detach().numpy() + MEAN.reshape(1, 3, 1, 1)
    with torch.no_grad():
        last = loss(x, wanted, layer, weights).item()
    saturated = float(((pixels <= 0) | (pixels >= 255)).mean())
    passes = {"passes": len(curve), "seconds": curve[-1][0], "curve": curve}
    return {"precision": precision, **passes, "loss": last, "stopped": stopped, "saturated": saturated}


def _channels_last(array: np.ndarray) -> torch.Tensor:
    return torch.tensor(array).contiguous(memory_format=torch.channels_last)


def _main(file: str) -> None:
    torch.set_num_threads(threads())
    arrays = read_weights(file)
    weights = {name: _channels_last(array) if array.ndim == 4 else torch.tensor(array) for name, array in arrays.items()}
    for line in sys.stdin:
        asked = json.loads(line)
        with np.load(asked.pop("cell")) as cell:
            found = descend(cell["image"], cell["target"], weights=weights, **asked)
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    _main(sys.argv[1])
