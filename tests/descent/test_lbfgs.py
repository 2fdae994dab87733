from dataclasses import replace

import numpy as np
import oracles
import pytest
from test_optimisers import Bowl

from fmi_mx import LBFGS, Stop, descend
from fmi_mx.descent.lbfgs import Pair
from fmi_mx.files.images import MEAN
from fmi_mx.machine.mxnet import mx

PLAIN = LBFGS(history=5, first_step=3.0, stretch=1.0, box=None, probes=(), probe=3.0, damping=0.05)
SHAPE = (1, 3, 2, 4)


class Valley:
    """A bent valley along pairs of neighbouring pixels (Rosenbrock's), on which the first trial often goes uphill."""

    def loss_and_gradient(self, image):
        x = image.asnumpy().astype(np.float64).ravel() / 10
        odd, even = x[::2], x[1::2]
        bend = even - odd**2
        gradient = np.stack([-40 * bend * odd - 2 * (1 - odd), 20 * bend], axis=1).ravel() / 10
        return mx.nd.array([(10 * bend**2 + (1 - odd) ** 2).sum()]), mx.nd.array(gradient.reshape(image.shape))


def path(optimiser, problem, start, passes):
    """What an optimiser does: the steps that it yields, and the losses that it is sent."""
    steps = optimiser.steps(mx.nd.array(start), np.random.default_rng(0))
    step, found = next(steps), []
    for _ in range(passes):
        loss, gradient = problem.loss_and_gradient(mx.nd.array(step.trial))
        found.append((step, float(loss.asnumpy().sum())))
        step = steps.send((found[-1][1], gradient))
    return found


@pytest.mark.parametrize("count", [1, 3])
def test_the_direction_is_that_of_the_dense_bfgs_matrix(count):
    generator = np.random.default_rng(3)
    curvature = np.diag(generator.uniform(1, 30, 24))
    steps, gradient = generator.normal(size=(count, 24)), generator.normal(size=24)
    pairs = [(s, curvature @ s) for s in steps]
    wanted = -oracles.bfgs_inverse_hessian(pairs, np.eye(24)) @ gradient
    known = [Pair(s.reshape(SHAPE), y.reshape(SHAPE), 1 / (s @ y)) for s, y in pairs]
    found = PLAIN._direction(gradient.reshape(SHAPE), None, known, None)
    np.testing.assert_allclose(found.ravel(), wanted, rtol=1e-9)


def test_a_guess_of_the_inverse_hessian_takes_the_place_of_the_identity():
    generator = np.random.default_rng(4)
    guess = np.diag(generator.uniform(0.1, 3, 24))
    s, gradient = generator.normal(size=(2, 24))
    y = s * generator.uniform(1, 5, 24)
    known = [Pair(s.reshape(SHAPE), y.reshape(SHAPE), 1 / (s @ y))]

    class Guess:
        def __call__(self, v):
            return (guess @ v.ravel()).reshape(SHAPE)

        def along(self, v):
            return v.ravel() @ guess @ v.ravel()

    found = PLAIN._direction(gradient.reshape(SHAPE), None, known, Guess())
    wanted = -oracles.bfgs_inverse_hessian([(s, y)], guess) @ gradient
    np.testing.assert_allclose(found.ravel(), wanted, rtol=1e-9)


def test_the_first_step_goes_along_the_signs_by_the_length_asked_for():
    found = path(PLAIN, Bowl(), np.zeros(SHAPE), 2)
    moved = found[1][0].trial
    assert np.sqrt((moved**2).mean()) == pytest.approx(3.0, rel=1e-4)
    np.testing.assert_allclose(moved, -3 * np.sign(Bowl().gradient(np.zeros(SHAPE))), rtol=1e-5)


def test_a_bowl_is_solved_in_a_few_passes():
    bowl = Bowl()
    end = descend(bowl, mx.nd.zeros(SHAPE), replace(PLAIN, history=10), Stop(passes=40, change=0.0))
    np.testing.assert_allclose(end.image.asnumpy(), bowl.b * 20 / bowl.a, rtol=0.02, atol=0.5)


def test_within_the_box_the_bowl_is_solved_at_its_edge():
    bowl, mean = Bowl(), MEAN.reshape(1, 3, 1, 1)
    boxed = replace(PLAIN, history=10, box=(90.0, 150.0))
    for step, _ in path(boxed, bowl, np.zeros(SHAPE), 40):
        assert (step.trial + mean >= 90 - 1e-4).all()
        assert (step.trial + mean <= 150 + 1e-4).all()
    wanted = np.clip(bowl.b * 20 / bowl.a, 90 - mean, 150 - mean)
    assert (wanted != bowl.b * 20 / bowl.a).sum() > 4
    np.testing.assert_allclose(step.image, wanted, rtol=0.02, atol=0.5)


@pytest.mark.parametrize("probes", [(), (1, 3)])
def test_no_step_that_it_keeps_goes_uphill(probes):
    start = np.random.default_rng(5).normal(0, 15, SHAPE)
    found = path(replace(PLAIN, stretch=1.5, probes=probes), Valley(), start, 60)
    kept = [step.loss for step, _ in found[1:]]
    tried = [loss for _, loss in found[1:]]
    assert all(after <= before for before, after in zip(kept, kept[1:]))
    assert any(loss > best for loss, best in zip(tried, kept)), "no trial went uphill, so nothing was shown"
    assert kept[-1] < 0.05 * kept[0]
    for step, _ in found[1:]:  # the loss that it says is that of the image that it would end with
        loss, _ = Valley().loss_and_gradient(mx.nd.array(step.image))
        assert float(loss.asscalar()) == pytest.approx(step.loss, rel=1e-5)


def test_it_goes_on_where_only_the_slopes_tell_losses_apart():
    """The bowl stands on a plinth of 1e12, of which float32 tells no less than 65,536 apart."""
    bowl = Bowl()

    class Plinth:
        def loss_and_gradient(self, image):
            loss, gradient = bowl.loss_and_gradient(image)
            return loss + 1e12, gradient

    end = descend(Plinth(), mx.nd.zeros(SHAPE), replace(PLAIN, history=10), Stop(passes=40, change=0.0))
    assert bowl.loss(end.image.asnumpy())[0] < 0.1


def test_a_probe_is_one_pass_and_no_step():
    found = path(replace(PLAIN, probes=(1,)), Bowl(), np.zeros(SHAPE), 4)
    probe = found[2][0]
    assert probe.image is found[1][0].trial
    noise = probe.trial - probe.image
    assert 1.5 < noise.std() < 4.5
    assert found[3][0].image is probe.image


def test_probes_speed_up_a_loss_that_curves_by_frequency():
    from scipy.fft import dctn, idctn

    curvature = 1 + 3000 * np.exp(-np.add.outer(np.arange(16), np.arange(24)) / 3)

    class Smooth:
        wanted = np.random.default_rng(6).normal(0, 40, (1, 3, 16, 24))

        def loss_and_gradient(self, image):
            apart = image.asnumpy() - self.wanted
            bent = idctn(dctn(apart, axes=(2, 3), norm="ortho") * curvature, axes=(2, 3), norm="ortho")
            return mx.nd.array([(apart * bent).sum()]), mx.nd.array(2 * bent)

    def loss_after(probes):
        optimiser = replace(PLAIN, probes=probes, damping=0.001)
        return descend(Smooth(), mx.nd.zeros((1, 3, 16, 24)), optimiser, Stop(passes=25, change=0.0)).loss

    assert loss_after((2,)) < 0.1 * loss_after(())


class Hill:
    """Curves downwards everywhere: -||x||^2 / 2."""

    def loss_and_gradient(self, image):
        x = image.asnumpy().astype(np.float64)
        return mx.nd.array([-0.5 * (x**2).sum()]), mx.nd.array(-x)


def test_a_probe_that_finds_no_curvature_upwards_changes_nothing():
    """But that it takes a pass. In a box, as the loss has no minimum."""
    start = np.random.default_rng(6).normal(0, 5, (1, 3, 8, 8))
    boxed = replace(PLAIN, box=(0, 255))
    without = [step.image for step, _ in path(boxed, Hill(), start, 5)]
    found = [step.image for step, _ in path(replace(boxed, probes=(1,)), Hill(), start, 6)]
    np.testing.assert_array_equal(np.delete(found, 2, axis=0), without)
