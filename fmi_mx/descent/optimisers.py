"""The descent loop, and the first-order optimisers that it drives; ``lbfgs`` has the other one.

An optimiser is a generator: it yields a ``Step``, is sent (loss, gradient) of the step's trial, and yields the next. The
loop alone evaluates, counts passes, reports and stops, so that every optimiser is counted alike. An image that was yielded
is never changed afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Generator, NamedTuple, Protocol, Tuple

import numpy as np

from ..machine.aliases import Image, NDArray
from ..machine.mxnet import mx


class Step(NamedTuple):
    """What an optimiser asks and has. trial: the image whose loss and gradient it wants. image: what it would end with now.
    evaluated: the last image that it kept of those whose loss it knows, and loss, that loss; None before the first pass."""

    trial: Image
    image: Image
    evaluated: Image | None = None
    loss: float | None = None


Steps = Generator[Step, Tuple[float, NDArray], None]  # what an optimiser yields, and (loss, gradient), which it is sent


class Pass(NamedTuple):
    """What the callback is told after each pass: its number from 1, the loss (sum over the batch) of the image that was
    evaluated, and the relative change of the optimiser's image since the stop rule last looked, 0 of a pass that ends the
    descent as the optimiser finds no way down."""

    number: int
    loss: float
    change: float


class Descent(NamedTuple):
    """What a descent ends with. image: the last image, (B, 3, H, W), mean-subtracted RGB. evaluated: the last image on the
    way there whose loss is known, and loss, that loss. losses: one a pass, in order, trials that a line search refused among
    them. stopped: ``change``, ``passes``, ``goal``, or ``descent`` where the optimiser finds no way down."""

    image: NDArray
    evaluated: NDArray
    loss: float
    losses: list[float]
    stopped: str


class Differentiable(Protocol):
    """What can be minimised: ``Problem``, or anything with its ``loss_and_gradient``."""

    def loss_and_gradient(self, image: NDArray) -> tuple[NDArray, NDArray]: ...


class Optimiser(Protocol):
    """``SGD``, ``Adam`` or ``LBFGS``. noise: what it may draw from."""

    def steps(self, image: NDArray, noise: np.random.Generator, /) -> Steps: ...


@dataclass(frozen=True)
class Stop:
    """When a descent ends: after ``passes``, or as soon as the image has changed by less than ``change`` in ``every``
    passes, as ||x_then - x_now|| / ||x_now||. The authors' rule has ``every`` 1."""

    passes: int
    change: float
    every: int = 1


@dataclass(frozen=True)
class SGD:
    """SGD as the authors ran it (MXNet's ``SGD`` with ``FactorScheduler``). With g = clip(rescale gradient, +-clip) by
    element and rate = learning_rate decay^((pass - 1) // decay_every):

        v <- momentum v - rate (g + weight_decay x);  x <- x + v

    rescale 0.5 turns the gradient of Eq. (1) into the authors' code - target.
    """

    learning_rate: float
    momentum: float
    decay: float
    decay_every: int
    clip: float
    weight_decay: float
    rescale: float

    def steps(self, image: NDArray, _noise: np.random.Generator) -> Steps:
        """The generator, from an image (B, 3, H, W)."""
        velocity, step = mx.nd.zeros_like(image), Step(image, image)
        for done in count():
            loss, gradient = yield step
            evaluated, image = image, image.copy()
            rate = self.learning_rate * self.decay ** (done // self.decay_every)
            mx.nd.sgd_mom_update(
                image,
                gradient,
                velocity,
                out=image,
                lr=_normal(rate),
                momentum=_normal(self.momentum),
                wd=_normal(self.weight_decay),
                rescale_grad=self.rescale,
                clip_gradient=self.clip,
            )
            step = Step(image, image, evaluated, loss)


def _normal(value: float) -> float:
    """A parameter as MXNet takes it, which refuses what is too near 0 for float32 to hold in full."""
    return value if value >= np.finfo(np.float32).tiny else 0.0


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma and Ba, 2015, Algorithm 1): learning_rate in grey levels a pass, beta1, beta2, epsilon as there."""

    learning_rate: float
    beta1: float
    beta2: float
    epsilon: float

    def steps(self, image: NDArray, _noise: np.random.Generator) -> Steps:
        """The generator, from an image (B, 3, H, W)."""
        mean, variance, step = mx.nd.zeros_like(image), mx.nd.zeros_like(image), Step(image, image)
        for done in count(1):
            loss, gradient = yield step
            evaluated, image = image, image.copy()
            unbiased = (1 - self.beta2**done) ** 0.5 / (1 - self.beta1**done)
            mx.nd.adam_update(
                image,
                gradient,
                mean,
                variance,
                out=image,
                lr=self.learning_rate * unbiased,
                beta1=self.beta1,
                beta2=self.beta2,
                epsilon=self.epsilon * (1 - self.beta2**done) ** 0.5,  # MXNet adds it before the correction
            )
            step = Step(image, image, evaluated, loss)


def descend(
    problem: Differentiable,
    image: NDArray,
    optimiser: Optimiser,
    stop: Stop,
    callback: Callable[[Pass], None] | None = None,
    reached: Callable[[float, NDArray], bool] | None = None,
    seed: Sequence[int] = (0,),
) -> Descent:
    """Minimises the loss of a problem, beginning at image.

    image: (B, 3, H, W), left as it is. callback: called after each pass. reached: called with the loss and the image of each
    pass whose image was kept; true ends the descent, whatever ``stop`` says. seed: of the random images with which ``LBFGS``
    probes. Raises FloatingPointError when the loss or the image is no longer finite.
    """
    steps = optimiser.steps(image.copy(), np.random.default_rng(seed))
    step, losses, stopped = next(steps), [], "passes"
    before = step.image
    for number in range(1, stop.passes + 1):
        each, gradient = problem.loss_and_gradient(_beside(image, step.trial))
        loss = float(each.asnumpy().sum())
        losses.append(loss)
        try:
            step = steps.send((loss, gradient))
        except StopIteration:
            stopped = "descent"
            if callback:
                callback(Pass(number, loss, 0.0))
            break
        report = Pass(number, loss, _change(before, step.image))
        # MXNet's ReLU makes 0 of NaN, so a broken image shows in its change and not in the loss.
        if not (abs(report.loss) < float("inf") and report.change < float("inf")):
            raise FloatingPointError(f"loss {report.loss} and change {report.change} at pass {number} are not both finite")
        if callback:
            callback(report)
        if reached and step.loss is loss and reached(loss, _beside(image, step.evaluated)):
            stopped = "goal"
            break
        if number % stop.every == 0 and step.image is not before:  # a trial that was refused says nothing of the picture
            if report.change < stop.change:
                stopped = "change"
                break
            before = step.image
    assert step.loss is not None and step.evaluated is not None  # as a descent has at least one pass
    return Descent(_beside(image, step.image), _beside(image, step.evaluated), step.loss, losses, stopped)


def _change(before: Image, after: Image) -> float:
    """||before - after|| / ||after||, or ||before|| where the image is 0 now."""
    if isinstance(after, np.ndarray):
        moved, size = float(np.sqrt(np.square(after - before).sum())), float(np.sqrt(np.square(after).sum()))
    else:
        moved, size = map(float, mx.nd.concat(mx.nd.norm(after - before), mx.nd.norm(after), dim=0).asnumpy())
    return moved / size if size else moved


def _beside(image: NDArray, other: Image) -> NDArray:
    """An optimiser's image on another's device."""
    return mx.nd.array(other, ctx=image.context) if isinstance(other, np.ndarray) else other
