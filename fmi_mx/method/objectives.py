"""What each method minimises: its loss Symbol, and the constants that are computed once from the images."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np

from ..machine.aliases import Arrays, NDArray, Symbol
from ..machine.mxnet import mx
from ..network.executors import encode
from ..network.vgg19 import before_relu, layer_code, layer_table
from .codes import draw_shares, energies, given_shares, isolate, match_by_rank, reallocate, style_shares
from .losses import gatys_loss, gram, inversion_loss, linear_inversion_loss, pmci_loss


class Numbers(Protocol):
    """What an objective asks of an ``Experiment``."""

    @property
    def feature_map(self) -> str: ...
    @property
    def draw(self) -> str: ...
    @property
    def v(self) -> dict[int, float]: ...
    @property
    def content_layer(self) -> str: ...
    @property
    def style_layers(self) -> tuple[str, ...]: ...
    @property
    def alpha(self) -> float: ...
    @property
    def beta(self) -> float: ...
    @property
    def normalise(self) -> str: ...


class Asked(Protocol):
    """What an objective asks of a ``Cell``."""

    @property
    def method(self) -> str: ...
    @property
    def layers(self) -> tuple[str, ...]: ...
    @property
    def filter(self) -> int: ...


class Inputs(NamedTuple):
    """What a cell's objective is made of. net, weights, width: of the network. content, style: (1, 3, H, W), mean-subtracted
    RGB, style None where there is none. source: the image whose code the target is made from; the content, but for a chained
    cell. start: the initial image. generator: of v of Eq. (3)."""

    net: Symbol
    weights: Arrays
    width: float
    content: NDArray
    style: NDArray | None
    source: NDArray
    start: NDArray
    generator: np.random.Generator


class Objective(NamedTuple):
    """loss: (1,) of the image. constants: its other arguments. facts: what a cell's record says. printed: Eq. (1) as the
    paper prints it, (1,) of the image and the constants, where that is what the loss is or stands for."""

    loss: Symbol
    constants: Arrays
    facts: dict[str, Any]
    printed: Symbol | None = None


def objective(experiment: Numbers, cell: Asked, inputs: Inputs) -> Objective:
    """The objective of a cell that is a descent."""
    if cell.method in ("pmci", "gatys"):
        return _transfer(experiment, cell, inputs)
    code = layer_code(inputs.net, cell.layers[0])
    constants: Arrays = {}
    facts: dict[str, Any] = {}
    if cell.method == "fmi":
        modified = isolate(code, cell.filter)
        energy = encode(energies(code), inputs.weights, inputs.start)[0, cell.filter]
        facts["silent_at_start"] = float(energy.asscalar()) == 0  # the feature map, at every position of the initial image
    elif cell.method == "rmci":
        shares = _shares(experiment, cell, inputs, energies(code))
        constants = {"v": mx.nd.array(shares, ctx=inputs.content.context)}
        modified = reallocate(code, mx.sym.Variable("v"))
    elif cell.method == "purposeful":
        constants = {"style": encode(code, inputs.weights, inputs.style)}
        modified = match_by_rank(code, mx.sym.Variable("style"))
    elif cell.method == "inversion":
        modified = code
    else:
        raise ValueError(f"method {cell.method} has no objective")
    target = encode(modified, {**inputs.weights, **constants}, inputs.source)  # once, of the source's code
    wanted = mx.sym.Variable("target")
    loss = printed = inversion_loss(code, wanted)
    silent = facts.get("silent_at_start", False)
    if experiment.feature_map == "linear" or (experiment.feature_map == "linear_if_silent" and silent):
        loss = linear_inversion_loss(code, wanted, before_relu(inputs.net, cell.layers[0]), cell.filter)
    return Objective(loss, {"target": target}, {**facts, "target_energy": float(target.sum().asscalar())}, printed)


def _shares(experiment: Numbers, cell: Asked, inputs: Inputs, energy: Symbol) -> np.ndarray:
    """The v of Eq. (3). energy: of the code."""
    if experiment.draw in ("paper", "authors"):
        return draw_shares(experiment.draw, layer_table(inputs.width)[cell.layers[0]][1], inputs.generator)
    content = encode(energy, inputs.weights, inputs.content).asnumpy().astype(np.float64)
    if experiment.draw == "given":
        return given_shares(experiment.v, content)
    return style_shares(content, encode(energy, inputs.weights, inputs.style).asnumpy().astype(np.float64))


def _transfer(experiment: Numbers, cell: Asked, inputs: Inputs) -> Objective:
    """Eq. (5), or Gatys: content at one layer, energies or Gram matrices of the style at several."""
    summary, loss_of = (energies, pmci_loss) if cell.method == "pmci" else (gram, gatys_loss)
    content = layer_code(inputs.net, experiment.content_layer)
    styles = [layer_code(inputs.net, layer) for layer in experiment.style_layers]
    constants = {"content": encode(content, inputs.weights, inputs.content)}
    for layer, code in zip(experiment.style_layers, styles):
        constants[f"style_{layer}"] = encode(summary(code), inputs.weights, inputs.style)
    loss = loss_of(
        content,
        mx.sym.Variable("content"),
        styles,
        [mx.sym.Variable(f"style_{layer}") for layer in experiment.style_layers],
        experiment.alpha,
        experiment.beta,
        experiment.normalise,
    )
    return Objective(loss, constants, {})
