import numpy as np
import oracles
import pytest

from fmi_mx.losses import inversion_loss
from fmi_mx.mxnet_setup import mx


def pair(batch):
    generator = np.random.default_rng(batch)
    return generator.normal(0, 3, (batch, 4, 3, 5)), generator.normal(0, 3, (batch, 4, 3, 5))


def loss():
    return inversion_loss(mx.sym.Variable("code"), mx.sym.Variable("target"))


@pytest.mark.parametrize("batch", [1, 3])
def test_inversion_loss_is_eq_1(batch):
    code, target = pair(batch)
    ours = loss().bind(mx.cpu(), {"code": mx.nd.array(code), "target": mx.nd.array(target)}).forward()[0].asnumpy()
    np.testing.assert_allclose(ours, oracles.inversion_loss(code, target), rtol=1e-5)


@pytest.mark.parametrize("batch", [1, 3])
def test_inversion_loss_has_the_numeric_gradient(batch):
    code, target = pair(batch)
    mx.test_utils.check_numeric_gradient(loss(), {"code": code, "target": target}, dtype=np.float64)


def test_half_the_gradient_is_what_the_authors_step_along():
    code, target = pair(1)
    arguments = {"code": mx.nd.array(code), "target": mx.nd.array(target)}
    gradient = mx.nd.zeros(code.shape)
    executor = loss().bind(mx.cpu(), arguments, {"code": gradient}, {"code": "write", "target": "null"})
    executor.forward(is_train=True)
    executor.backward([mx.nd.ones((1,))])
    np.testing.assert_allclose(0.5 * gradient.asnumpy(), code - target, rtol=1e-5)
