"""The descent loop, and the optimisers that it drives.

An optimiser is a generator: it yields the image at which it wants the loss, is sent (loss, gradient), and yields the
next. The loop alone evaluates, counts passes, reports and stops, so that every optimiser is counted alike.
"""

from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

from .mxnet_setup import mx


class Pass(NamedTuple):
    """What the callback is told after each pass: its number from 1, the loss (sum over the batch) of the image that
    was evaluated, and the relative change of the image that followed."""

    number: int
    loss: float
    change: float


class Descent(NamedTuple):
    """What a descent ends with. image: the last image, NDArray (B, 3, H, W), mean-subtracted RGB. evaluated: the image
    at which the last pass computed the loss. losses: one float a pass. stopped: ``change`` or ``passes``."""

    image: object
    evaluated: object
    losses: list
    stopped: str


@dataclass(frozen=True)
class Stop:
    """The authors' stop rule: after ``passes``, or as soon as ||x_old - x_new|| / ||x_new|| < ``change``."""

    passes: int
    change: float


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

    def steps(self, image):
        """The generator: yields images (the same NDArray, updated in place), is sent (loss, gradient)."""
        velocity = mx.nd.zeros_like(image)
        for done in count():
            _, gradient = yield image
            mx.nd.sgd_mom_update(
                image,
                gradient,
                velocity,
                out=image,
                lr=self.learning_rate * self.decay ** (done // self.decay_every),
                momentum=self.momentum,
                wd=self.weight_decay,
                rescale_grad=self.rescale,
                clip_gradient=self.clip,
            )


def descend(problem, image, optimiser, stop, callback=None):
    """Minimises the loss of a problem, beginning at image.

    problem: ``Problem``, or anything with its ``loss_and_gradient``. image: NDArray (B, 3, H, W), left as it is.
    optimiser: e.g. ``SGD``. stop: ``Stop``. callback: called with a ``Pass`` after each.
    Returns a ``Descent``. Raises FloatingPointError when the loss or the image is no longer finite.
    """
    steps = optimiser.steps(image.copy())
    image, evaluated, losses = next(steps), mx.nd.zeros_like(image), []
    for number in range(1, stop.passes + 1):
        image.copyto(evaluated)
        loss, gradient = problem.loss_and_gradient(image)
        image = steps.send((loss, gradient))
        change = mx.nd.norm(image - evaluated) / mx.nd.norm(image)
        losses.append(float(loss.sum().asscalar()))
        report = Pass(number, losses[-1], float(change.asscalar()))
        # MXNet's ReLU makes 0 of NaN, so a broken image shows in its change and not in the loss.
        if not (abs(report.loss) < float("inf") and report.change < float("inf")):
            raise FloatingPointError(f"loss {report.loss} and change {report.change} at pass {number} are not both finite")
        if callback:
            callback(report)
        if report.change < stop.change:
            return Descent(image, evaluated, losses, "change")
    return Descent(image, evaluated, losses, "passes")
