import numpy as np
import oracles
import pytest

from fmi_mx.machine.mxnet import mx
from fmi_mx.method.codes import energies, isolate, match_by_rank, reallocate


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


def reallocated(code, v):
    symbol = reallocate(mx.sym.Variable("code"), mx.sym.Variable("v"))
    return symbol.bind(mx.cpu(), {"code": mx.nd.array(code), "v": mx.nd.array(v)}).forward()[0].asnumpy()


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("signs", [False, True])
def test_reallocate_is_eq_3(batch, signs):
    generator = np.random.default_rng(batch)
    code = generator.uniform(0, 5, (batch, 5, 3, 7))
    v = generator.uniform(-1 if signs else 0, 2, (batch, 5))
    v /= v.sum(1, keepdims=True)
    ours = reallocated(code, v)
    np.testing.assert_allclose(ours, oracles.reallocate(code, v), rtol=1e-4)
    np.testing.assert_allclose(ours.sum((1, 2, 3)), code.sum((1, 2, 3)), rtol=1e-4)
    np.testing.assert_allclose(ours.sum((2, 3)) / code.sum((1, 2, 3))[:, None], v, rtol=1e-4)
    np.testing.assert_allclose(  # activation patterns are unchanged
        ours / ours.sum((2, 3), keepdims=True), code / code.sum((2, 3), keepdims=True), rtol=1e-4
    )


def test_a_dead_feature_map_stays_dead_and_its_share_goes_to_the_others():
    code = np.random.default_rng(0).uniform(1, 5, (2, 4, 2, 3))
    code[0, 2] = code[1] = 0
    v = np.array([[0.1, 0.2, 0.3, 0.4], [0.25, 0.25, 0.25, 0.25]])
    ours = reallocated(code, v)
    np.testing.assert_allclose(ours, oracles.reallocate(code, v), rtol=1e-5)
    np.testing.assert_allclose(ours[0].sum((1, 2)) / code[0].sum(), [1 / 7, 2 / 7, 0, 4 / 7], rtol=1e-5)
    assert not ours[1].any()


def test_one_v_serves_every_image():
    code = np.random.default_rng(0).uniform(1, 5, (2, 3, 2, 3))
    v = np.array([[0.5, 0.2, 0.3]])
    np.testing.assert_allclose(reallocated(code, v), oracles.reallocate(code, np.repeat(v, 2, axis=0)), rtol=1e-5)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("positions", [(3, 7), (5, 2), (1, 1)])
def test_match_by_rank_is_the_authors_loop(batch, positions):
    generator = np.random.default_rng(batch)
    code = generator.uniform(0, 5, (batch, 6, 3, 7))
    style = generator.uniform(0, 5, (batch, 6, *positions))
    symbol = match_by_rank(mx.sym.Variable("code"), mx.sym.Variable("style"))
    ours = symbol.bind(mx.cpu(), {"code": mx.nd.array(code), "style": mx.nd.array(style)}).forward()[0].asnumpy()
    np.testing.assert_allclose(ours, oracles.match_by_rank(code, style), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(ours.mean((2, 3)), style.mean((2, 3)), rtol=1e-4)
