from dataclasses import replace

import numpy as np
import oracles
import pytest
from conftest import ROOT

from fmi_mx import LBFGS, SGD, Adam, Step, Stop, descend, load_experiment
from fmi_mx.machine.mxnet import mx

AUTHORS_SGD = load_experiment(ROOT / "experiments" / "fig3.yaml").optimiser


class Bowl:
    """loss = sum (a x - b)^2 by image, with gradients of which the steep ones are clipped."""

    def __init__(self, batch=1):
        generator = np.random.default_rng(batch)
        self.a, self.b = generator.uniform(0.1, 3, (2, batch, 3, 2, 4))

    def gradient(self, x):
        return 2 * self.a * (self.a * x - self.b * 20)

    def loss(self, x):
        return ((self.a * x - self.b * 20) ** 2).sum((1, 2, 3))

    def loss_and_gradient(self, image):
        x = image.asnumpy().astype(np.float64)
        return mx.nd.array(self.loss(x)), mx.nd.array(self.gradient(x))


@pytest.mark.parametrize("batch", [1, 3])
def test_sgd_takes_the_authors_steps(batch):
    bowl = Bowl(batch)
    start = np.random.default_rng(0).uniform(-0.1, 0.1, (batch, 3, 2, 4)).astype(np.float32)
    ours = AUTHORS_SGD.steps(mx.nd.array(start), None)
    wanted = oracles.authors_sgd(start, bowl.gradient)
    image = next(ours).trial
    for _ in range(35):  # past three changes of the rate
        clipped = np.abs(bowl.gradient(image.asnumpy())) > 20
        image = ours.send(bowl.loss_and_gradient(image)).trial
        np.testing.assert_allclose(image.asnumpy(), next(wanted), rtol=2e-5, atol=1e-4)
        if _ == 0:
            assert clipped.any()
            assert not clipped.all()


def test_sgd_goes_on_where_its_rate_is_too_small_for_mxnet():
    """Which refuses numbers that float32 does not hold in full."""
    small = replace(AUTHORS_SGD, decay=1e-20, decay_every=1, momentum=1e-40, weight_decay=1e-40)
    steps, bowl = small.steps(mx.nd.ones((1, 3, 2, 4)), None), Bowl(1)
    image = next(steps).trial
    images = [image := steps.send(bowl.loss_and_gradient(image)).trial for _ in range(4)]
    assert not np.array_equal(images[0].asnumpy(), np.ones((1, 3, 2, 4)))
    np.testing.assert_array_equal(images[3].asnumpy(), images[2].asnumpy())


def test_the_descent_reports_what_it_evaluated():
    bowl, start, seen = Bowl(), mx.nd.ones((1, 3, 2, 4)), []
    end = descend(bowl, start, AUTHORS_SGD, Stop(passes=12, change=0.0), seen.append)
    images = [start.asnumpy()]
    steps = oracles.authors_sgd(images[0], bowl.gradient)
    images += [next(steps) for _ in range(12)]
    assert [report.number for report in seen] == list(range(1, 13))
    np.testing.assert_allclose(end.losses, [bowl.loss(x)[0] for x in images[:-1]], rtol=1e-4)
    np.testing.assert_allclose([report.loss for report in seen], end.losses)
    changes = [np.linalg.norm(new - old) / np.linalg.norm(new) for old, new in zip(images, images[1:])]
    np.testing.assert_allclose([report.change for report in seen], changes, rtol=1e-3)
    np.testing.assert_allclose(end.evaluated.asnumpy(), images[-2], rtol=1e-4)
    np.testing.assert_allclose(end.image.asnumpy(), images[-1], rtol=1e-4)
    assert end.loss == end.losses[-1]
    assert end.stopped == "passes"
    assert (start.asnumpy() == 1).all()


def test_the_descent_stops_at_the_first_small_change():
    bowl, seen = Bowl(), []
    end = descend(bowl, mx.nd.ones((1, 3, 2, 4)), AUTHORS_SGD, Stop(passes=1000, change=0.005), seen.append)
    assert end.stopped == "change"
    assert seen[-1].change < 0.005
    assert all(report.change >= 0.005 for report in seen[:-1])
    assert len(end.losses) == len(seen) < 1000


def test_the_descent_stops_at_its_goal():
    bowl, start = Bowl(), mx.nd.ones((1, 3, 2, 4))
    losses = descend(bowl, start, AUTHORS_SGD, Stop(passes=12, change=0.0)).losses
    goal = losses[6]
    end = descend(bowl, start, AUTHORS_SGD, Stop(passes=12, change=0.0), reached=lambda loss, _: loss <= goal)
    assert end.stopped == "goal"
    assert end.losses[-1] <= goal < min(end.losses[:-1])


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_a_loss_that_is_not_finite_ends_the_descent():
    wild = SGD(learning_rate=1e30, momentum=0.9, decay=1.0, decay_every=10, clip=1e30, weight_decay=0.0, rescale=1.0)
    with pytest.raises(FloatingPointError, match="at pass"):
        descend(Bowl(), mx.nd.ones((1, 3, 2, 4)), wild, Stop(passes=50, change=0.0))


def test_an_image_that_is_not_finite_ends_the_descent():
    class Deaf:
        """A loss that does not notice, as MXNet's ReLU does not notice NaN."""

        def loss_and_gradient(self, image):
            return mx.nd.ones((1,)), mx.nd.full(image.shape, float("nan"))

    with pytest.raises(FloatingPointError, match="change nan at pass 1"):
        descend(Deaf(), mx.nd.ones((1, 3, 2, 4)), AUTHORS_SGD, Stop(passes=50, change=0.0))


def test_adam_is_algorithm_1():
    bowl, start = Bowl(), np.random.default_rng(0).uniform(-0.1, 0.1, (1, 3, 2, 4))
    steps = Adam(learning_rate=3.0, beta1=0.8, beta2=0.95, epsilon=0.5).steps(mx.nd.array(start), None)
    image, wanted = next(steps).trial, oracles.adam(start, bowl.gradient, 3.0, 0.8, 0.95, 0.5)
    for _ in range(20):
        image = steps.send(bowl.loss_and_gradient(image)).trial
        np.testing.assert_allclose(image.asnumpy(), next(wanted), rtol=1e-4, atol=1e-4)


class Staircase:
    """An optimiser whose image goes up by 1, 1/2, 1/4, ...; every other trial is refused."""

    def steps(self, image, _noise):
        step = Step(image, image)
        for number in range(100):
            loss, _ = yield step
            if number % 2:
                image = image + 0.5 ** (number // 2)
            step = Step(image, image, image, loss)


@pytest.mark.parametrize("every", [1, 2, 4])
def test_the_stop_rule_looks_every_so_many_passes(every):
    end = descend(Bowl(), mx.nd.ones((1, 3, 2, 4)), Staircase(), Stop(passes=100, change=0.01, every=every))
    values, passes = [1.0], None  # of the image after each pass, by hand
    for number in range(100):
        values.append(values[-1] + (0.5 ** (number // 2) if number % 2 else 0))
        if (number + 1) % every == 0 and values[-1] != values[-1 - every] and passes is None:
            passes = number + 1 if (values[-1] - values[-1 - every]) / values[-1] < 0.01 else None
    assert end.stopped == "change"
    assert len(end.losses) == passes


@pytest.mark.parametrize("name", ["sgd", "adam", "lbfgs"])
def test_no_image_is_changed_after_it_was_yielded(name):
    optimiser = load_experiment(ROOT / "experiments" / "fig3.yaml", **{"optimiser.name": name}).optimiser
    bowl, steps, seen = Bowl(), optimiser.steps(mx.nd.ones((1, 3, 2, 4)), np.random.default_rng(0)), []
    step = next(steps)
    for _ in range(8):
        on_host = step.trial if name == "lbfgs" else step.trial.asnumpy()
        seen.append((step.trial, on_host.copy()))
        loss, gradient = bowl.loss_and_gradient(mx.nd.array(on_host))
        step = steps.send((float(loss.asnumpy().sum()), gradient))
    for image, then in seen:
        assert ((image if name == "lbfgs" else image.asnumpy()) == then).all()


def test_a_loss_without_a_gradient_ends_the_descent():
    class Silent:
        def loss_and_gradient(self, image):
            return mx.nd.ones((1,)), mx.nd.zeros_like(image)

    optimiser = load_experiment(ROOT / "experiments" / "fig3.yaml", preset="fast").optimiser
    end = descend(Silent(), mx.nd.ones((1, 3, 2, 4)), optimiser, Stop(passes=50, change=0.0))
    assert end.stopped == "descent"
    assert len(end.losses) <= 3
    assert (end.image.asnumpy() == 1).all()


def test_an_optimiser_that_finds_no_way_down_ends_the_descent():
    bowl, seen = Bowl(), []
    best = mx.nd.array(bowl.b * 20 / bowl.a)
    optimiser = LBFGS(history=5, first_step=1.0, stretch=1.0, box=None, probes=(), probe=1.0, damping=0.1)
    end = descend(bowl, best, optimiser, Stop(passes=500, change=0.0), seen.append)
    assert end.stopped == "descent"
    assert [(done.number, done.loss) for done in seen] == list(enumerate(end.losses, start=1))
    assert seen[-1].change == 0
    assert end.loss == min(end.losses)
    np.testing.assert_allclose(end.image.asnumpy(), best.asnumpy(), rtol=1e-3)
