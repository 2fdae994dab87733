"""Executors on a device: the value of a Symbol for an image, and a loss with its gradient."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..errors import InputError
from ..machine.aliases import Arrays, Context, Executor, NDArray, Symbol
from ..machine.mxnet import mx
from ..machine.precision import in_bfloat16, precision_on


def to_device(arrays: Mapping[str, np.ndarray], device: Context) -> Arrays:
    """Arrays on a device, by the same names."""
    return {name: mx.nd.array(array, ctx=device) for name, array in arrays.items()}


def device_of(weights: Arrays) -> Context:
    """The device of weights."""
    return next(iter(weights.values())).context


def encode(symbol: Symbol, weights: Arrays, image: NDArray) -> NDArray:
    """What a Symbol of the network is worth for images: a code, or a modified code that serves as target.

    symbol: of ``data`` and weights, e.g. ``isolate(layer_code(net, "relu4_2"), 4)``. image: (B, 3, H, W) on the weights'
    device. The result has the symbol's shape. Raises InputError for an argument of the symbol that weights do not have.
    """
    arguments = _arguments(symbol, {**weights, "data": image})
    executor = symbol.bind(image.context, arguments, grad_req="null")
    return executor.forward(is_train=False)[0]


class Problem:
    """A loss of an image and its gradient, in one executor.

    loss: (B,) of ``data``, of weights and of constants. weights: shared with every other executor. constants: e.g.
    ``{"target": code}``. shape: (B, 3, H, W) of the image. The device is the weights'. precision: ``float32``, or
    ``bfloat16`` for the convolutions; the attribute says what the device computes in. Loss, image and gradient are float32
    either way. Only the image has a gradient. Raises InputError for an argument of the loss that neither dict has, and for
    another precision.
    """

    def __init__(
        self, loss: Symbol, weights: Arrays, constants: Arrays, shape: tuple[int, ...], precision: str = "float32"
    ) -> None:
        device = device_of(weights)
        self.precision = precision_on(precision, device)
        if self.precision == "bfloat16":
            loss = in_bfloat16(loss)
        self.image = mx.nd.zeros(shape, ctx=device)
        self._gradient = mx.nd.zeros(shape, ctx=device)
        arguments = _arguments(loss, {**weights, **constants, "data": self.image})
        self._executor: Executor = loss.bind(
            device,
            arguments,
            args_grad={"data": self._gradient},
            grad_req={name: "write" if name == "data" else "null" for name in arguments},
        )
        self._ones = mx.nd.ones((shape[0],), ctx=device)

    def loss_and_gradient(self, image: NDArray) -> tuple[NDArray, NDArray]:
        """One pass forward and backward.

        image: (B, 3, H, W). Returns (loss (B,), gradient (B, 3, H, W)), both of which the next call overwrites. Nothing is
        waited for: reading a number out of them waits.
        """
        image.copyto(self.image)
        self._executor.forward(is_train=True)
        self._executor.backward([self._ones])
        return self._executor.outputs[0], self._gradient


def _arguments(symbol: Symbol, known: Arrays) -> Arrays:
    """The arguments of a symbol, out of those known."""
    missing = [name for name in symbol.list_arguments() if name not in known]
    if missing:
        raise InputError(f"the network needs {', '.join(missing)}, which neither weights nor constants have")
    return {name: known[name] for name in symbol.list_arguments()}
