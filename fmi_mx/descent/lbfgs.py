"""L-BFGS within a box of pixel values, as a generator for the descent loop.

Its vectors are NumPy's, on the host, whatever device the loss is on: some sixty small operations a pass, each of which MXNet
would dispatch by itself. No product goes through BLAS, which adds up by threads: the numbers are those of one thread.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

import numpy as np

from ..files.images import MEAN
from ..machine.aliases import NDArray
from .optimisers import Step, Steps
from .spectrum import NoCurvature, Spectrum

SUFFICIENT = 1e-4  # share of the predicted fall that a step has to bring (Nocedal and Wright, Sec. 3.1)
ROUNDING = 1e-5  # share of a loss within which two losses may be told apart by rounding alone, in bfloat16 too
SHORTEST = 1e-6  # of a step that the line search still tries


class Pair(NamedTuple):
    """s = x_new - x and y = g_new - g, (B, 3, H, W), with rho = 1 / (s y)."""

    s: np.ndarray
    y: np.ndarray
    rho: float


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

    The line search shortens the step until the loss falls enough, so that no step is kept that goes uphill by more than
    rounding may. Pixels at the box's edge which the gradient pushes outwards are held for the step (projected quasi-Newton:
    Bertsekas, 1982).
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
        edges = self._edges()
        here = _project(image.asnumpy(), edges)
        loss, gradient = yield Step(here, here)
        gradient = gradient.asnumpy()
        pairs: deque[Pair] = deque(maxlen=self.history)
        spectrum: Spectrum | None = None
        for taken in count():
            if taken in self.probes:
                along: np.ndarray = noise.normal(0, self.probe, here.shape).astype(np.float32)
                _, there = yield Step(here + along, here, here, loss)
                with suppress(NoCurvature):  # then the one before serves on
                    spectrum = Spectrum(along, there.asnumpy() - gradient, self.damping)
            free = _free(here, gradient, edges)
            direction = self._direction(gradient, free, pairs, spectrum)
            length = self.stretch if pairs else 1.0
            while True:
                trial = _project(here + length * direction, edges)
                step = trial - here
                predicted = -dot(gradient, step)
                loss_there, there = yield Step(trial, here, here, loss)
                there = there.asnumpy()
                fall = loss - loss_there
                if abs(fall) <= ROUNDING * abs(loss):  # both ends' slopes tell it (Hager and Zhang, 2005, Sec. 4)
                    fall = 0.5 * (predicted - dot(there, step))
                if fall >= SUFFICIENT * predicted > 0:
                    break
                length *= _shortened(fall, predicted)
                if length < SHORTEST or not predicted > 0:  # too short, or not downhill at all
                    if not pairs:
                        return
                    pairs.clear()
                    direction, length = self._direction(gradient, free, pairs, None), 1.0
            _remember(pairs, step, there - gradient)
            here, loss, gradient = trial, loss_there, there

    def _edges(self) -> list[np.ndarray] | None:
        """The box for a mean-subtracted image, each edge float32 (1, 3, 1, 1), or None."""
        mean = MEAN.reshape(1, 3, 1, 1)
        return None if self.box is None else [(edge - mean).astype(np.float32) for edge in self.box]

    def _direction(
        self, gradient: np.ndarray, free: np.ndarray | None, pairs: deque[Pair], spectrum: Spectrum | None
    ) -> np.ndarray:
        """Minus the inverse Hessian, as pairs and spectrum know it, times the gradient of the free pixels."""
        q = gradient.copy() if free is None else gradient * free
        if not pairs:
            signs = np.sign(q)
            return signs * (-self.first_step * signs.size**0.5 / max(dot(signs, signs) ** 0.5, 1.0))
        shares = []
        for pair in reversed(pairs):
            shares.append(pair.rho * dot(pair.s, q))
            q -= shares[-1] * pair.y
        newest = pairs[-1]
        size = dot(newest.y, newest.y) if spectrum is None else spectrum.along(newest.y)
        q = (q if spectrum is None else spectrum(q)) * (1 / (newest.rho * size))
        for pair, share in zip(pairs, reversed(shares)):
            q += (share - pair.rho * dot(pair.y, q)) * pair.s
        return -q if free is None else -q * free


def dot(one: np.ndarray, two: np.ndarray) -> float:
    """The sum of the products of two arrays' numbers."""
    return float(np.einsum("i,i->", one.reshape(-1), two.reshape(-1)))


def _project(image: np.ndarray, edges: list[np.ndarray] | None) -> np.ndarray:
    return image if edges is None else np.minimum(np.maximum(image, edges[0]), edges[1])


def _free(image: np.ndarray, gradient: np.ndarray, edges: list[np.ndarray] | None) -> np.ndarray | None:
    """True where a pixel may move, False where it stands at the edge and the gradient pushes it outwards; None for all
    free."""
    if edges is None:
        return None
    return ~(((image <= edges[0]) & (gradient > 0)) | ((image >= edges[1]) & (gradient < 0)))


def _shortened(fall: float, predicted: float) -> float:
    """By how much to shorten a step that was refused: to the minimum of the parabola through what is known, but within 0.1
    to 0.5 (Nocedal and Wright, Eq. 3.58)."""
    return min(max(0.5 * predicted / (predicted - fall), 0.1), 0.5) if predicted > 0 else 0.5


def _remember(pairs: deque[Pair], s: np.ndarray, y: np.ndarray) -> None:
    """Keeps a pair if its curvature is positive, as the inverse Hessian needs it."""
    curvature = dot(s, y)
    if curvature > 1e-9 * dot(y, y):
        pairs.append(Pair(s, y, 1 / curvature))
