import numpy as np
import oracles
import pytest

from fmi_mx.codes import energies, isolate
from fmi_mx.mxnet_setup import mx


def evaluate(symbol, code):
    return symbol.bind(mx.cpu(), {"code": mx.nd.array(code)}).forward()[0].asnumpy()


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("l", [0, 2, 4])
def test_isolate_is_eq_2(batch, l):
    code = np.random.default_rng(batch).uniform(0, 5, (batch, 5, 3, 7))
    ours = evaluate(isolate(mx.sym.Variable("code"), l), code)
    np.testing.assert_allclose(ours, oracles.isolate(code, l), rtol=1e-5)
    np.testing.assert_allclose(ours.sum((1, 2, 3)), code.sum((1, 2, 3)), rtol=1e-5)  # the energy is kept


def test_isolate_of_a_dead_code_is_zero():
    assert not evaluate(isolate(mx.sym.Variable("code"), 1), np.zeros((1, 3, 2, 4))).any()


def test_isolate_has_the_numeric_gradient():
    code = np.random.default_rng(0).uniform(-1, 1, (2, 3, 2, 4))
    mx.test_utils.check_numeric_gradient(isolate(mx.sym.Variable("code"), 1), {"code": code}, dtype=np.float64)


def test_energies_are_sums_of_feature_maps():
    code = np.random.default_rng(0).uniform(0, 5, (3, 4, 2, 5))
    np.testing.assert_allclose(evaluate(energies(mx.sym.Variable("code")), code), code.sum((2, 3)), rtol=1e-5)
