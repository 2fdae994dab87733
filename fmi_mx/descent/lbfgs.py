"""L-BFGS within a box of pixel values, as a generator for the descent loop."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

import numpy as np

from ..files.images import MEAN
from ..machine.aliases import NDArray
from ..machine.mxnet import mx
from .optimisers import Step, Steps
from .spectrum import Spectrum

SUFFICIENT = 1e-4  # share of the predicted fall that a step has to bring (Nocedal and Wright, Sec. 3.1)
SHORTEST = 1e-6  # of a step that the line search still tries


class Pair(NamedTuple):
    """s = x_new - x and y = g_new - g, flat, with rho = 1 / (s y), (1,)."""

    s: NDArray
    y: NDArray
    rho: NDArray


@dataclass(frozen=True)
class LBFGS:
    """Limited-memory BFGS (Nocedal and Wright, Numerical Optimization, Algorithms 7.4 and 3.1) for images, within a box.

    history: pairs kept. first_step: of the first step, grey levels (root mean square); it goes along the signs of the
    gradient, as the authors' clipped steps do, for along the gradient itself relu5_2 ended on plateaus. stretch: length that
    the line search tries first, as a multiple of the quasi-Newton step; these losses fall faster than their curvature says.
    box: (low, high) of pixel values with the mean added, 0..255 for what a PNG can show, or None. probes: after which steps
    a pass is spent on the curvature along a random image of standard deviation ``probe`` grey levels; from then on the first
    guess of the inverse Hessian is no multiple of the identity but ``Spectrum``'s, damped by ``damping`` of the largest
    curvature.

    The line search shortens the step until the loss falls enough, so that no uphill step is kept. Pixels at the box's edge
    which the gradient pushes outwards are held for the step (projected quasi-Newton: Bertsekas, 1982).
    """

    history: int
    first_step: float
    stretch: float
    box: tuple[float, float] | None
    probes: tuple[int, ...]
    probe: float
    damping: float

    def steps(self, image: NDArray, noise: np.random.Generator) -> Steps:
        """The generator, from an image (B, 3, H, W). It ends where not even a first step finds a lower loss. noise: of the
        probes."""
        edges = self._edges(image)
        image = _project(image, edges)
        loss, gradient = yield Step(image, image)
        gradient = gradient.copy()
        pairs: deque[Pair] = deque(maxlen=self.history)
        spectrum: Spectrum | None = None
        for taken in count():
            if taken in self.probes:
                along = mx.nd.array(noise.normal(0, self.probe, image.shape), ctx=image.context)
                _, there = yield Step(image + along, image, image, loss)
                spectrum = Spectrum(along, there - gradient, self.damping)
            free = _free(image, gradient, edges)
            direction = self._direction(gradient, free, pairs, spectrum)
            length = self.stretch if pairs else 1.0
            while True:
                trial = _project(image + length * direction, edges)
                slope = _dot(gradient, trial - image)
                loss_there, there = yield Step(trial, image, image, loss)
                fall, predicted = float((loss - loss_there).asscalar()), -float(slope.asscalar())
                if fall >= SUFFICIENT * predicted > 0:
                    break
                length *= _shortened(fall, predicted)
                if length < SHORTEST or not predicted > 0:  # too short, or not downhill at all
                    if not pairs:
                        return
                    pairs.clear()
                    direction, length = self._direction(gradient, free, pairs, None), 1.0
            there = there.copy()
            _remember(pairs, trial - image, there - gradient)
            image, loss, gradient = trial, loss_there, there

    def _edges(self, image: NDArray) -> list[NDArray] | None:
        """The box for a mean-subtracted image, each edge (1, 3, 1, 1), or None."""
        if self.box is None:
            return None
        mean = MEAN.reshape(1, 3, 1, 1)
        return [mx.nd.array(edge - mean, ctx=image.context) for edge in self.box]

    def _direction(self, gradient: NDArray, free: NDArray | None, pairs: deque[Pair], spectrum: Spectrum | None) -> NDArray:
        """Minus the inverse Hessian, as pairs and spectrum know it, times the gradient of the free pixels."""
        q = (gradient * free if free is not None else gradient).reshape(-1)
        if not pairs:
            q = mx.nd.sign(q)
            scale = -self.first_step * q.size**0.5 / mx.nd.maximum(mx.nd.norm(q), 1)
            return mx.nd.broadcast_mul(q, scale).reshape(gradient.shape)
        shares = []
        for pair in reversed(pairs):
            shares.append(mx.nd.dot(pair.s, q) * pair.rho)
            q = q - mx.nd.broadcast_mul(pair.y, shares[-1])
        newest = pairs[-1]
        guess = (lambda v: v) if spectrum is None else (lambda v: spectrum(v.reshape(gradient.shape)).reshape(-1))
        q = mx.nd.broadcast_mul(guess(q), 1 / (newest.rho * mx.nd.dot(newest.y, guess(newest.y))))
        for pair, share in zip(pairs, reversed(shares)):
            q = q + mx.nd.broadcast_mul(pair.s, share - mx.nd.dot(pair.y, q) * pair.rho)
        direction = -q.reshape(gradient.shape)
        return direction * free if free is not None else direction


def _dot(one: NDArray, two: NDArray) -> NDArray:
    return mx.nd.dot(one.reshape(-1), two.reshape(-1))


def _project(image: NDArray, edges: list[NDArray] | None) -> NDArray:
    if edges is None:
        return image
    return mx.nd.broadcast_minimum(mx.nd.broadcast_maximum(image, edges[0]), edges[1])


def _free(image: NDArray, gradient: NDArray, edges: list[NDArray] | None) -> NDArray | None:
    """1 where a pixel may move, 0 where it stands at the edge and the gradient pushes it outwards; None for all free."""
    if edges is None:
        return None
    low = mx.nd.broadcast_lesser_equal(image, edges[0]) * (gradient > 0)
    high = mx.nd.broadcast_greater_equal(image, edges[1]) * (gradient < 0)
    return 1 - low - high


def _shortened(fall: float, predicted: float) -> float:
    """By how much to shorten a step that was refused: to the minimum of the parabola through what is known, but within 0.1
    to 0.5 (Nocedal and Wright, Eq. 3.58)."""
    return min(max(0.5 * predicted / (predicted - fall), 0.1), 0.5) if predicted > 0 else 0.5


def _remember(pairs: deque[Pair], s: NDArray, y: NDArray) -> None:
    """Keeps a pair if its curvature is positive, as the inverse Hessian needs it."""
    s, y = s.reshape(-1), y.reshape(-1)
    curvature = mx.nd.dot(s, y)
    if float((curvature - 1e-9 * mx.nd.dot(y, y)).asscalar()) > 0:
        pairs.append(Pair(s, y, 1 / curvature))
