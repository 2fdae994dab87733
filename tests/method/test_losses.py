import numpy as np
import oracles
import pytest

from fmi_mx import InputError
from fmi_mx.machine.mxnet import mx
from fmi_mx.method.losses import gatys_loss, gram, inversion_loss, linear_inversion_loss, pmci_loss


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


def linear(l):
    before = mx.sym.Variable("before")
    return linear_inversion_loss(mx.sym.relu(before), mx.sym.Variable("target"), before, l)


def linear_pair(batch):
    """What a convolution gives, half of it below 0, and a target of at least 0; filter 3 is silent everywhere, filter 1
    fires everywhere."""
    before, target = pair(batch)
    before[:, 3], before[:, 1] = -np.abs(before[:, 3]) - 0.1, np.abs(before[:, 1]) + 0.1
    return before, np.abs(target)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("l", range(4))
def test_the_linear_loss_is_eq_1_with_a_feature_map_before_its_relu(batch, l):
    before, target = linear_pair(batch)
    ours = evaluate(linear(l), {"before": before, "target": target})
    np.testing.assert_allclose(ours, oracles.linear_inversion_loss(before, target, l), rtol=1e-5)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("l", range(4))
def test_the_linear_loss_has_the_numeric_gradient_also_where_the_filter_is_silent(batch, l):
    before, target = linear_pair(batch)
    mx.test_utils.check_numeric_gradient(linear(l), {"before": before, "target": target}, dtype=np.float64)


def test_the_linear_loss_beside_eq_1():
    """Equal where the filter fires everywhere, and else greater by x^2 + 2 |x| target where it is silent."""
    before, target = linear_pair(2)
    printed = oracles.inversion_loss(np.maximum(before, 0), target)
    for l in range(4):
        x, t = np.minimum(before[:, l], 0), target[:, l]
        ours = evaluate(linear(l), {"before": before, "target": target})
        np.testing.assert_allclose(ours, printed + (x**2 + 2 * np.abs(x) * t).sum((1, 2)), rtol=1e-5)
    np.testing.assert_allclose(evaluate(linear(1), {"before": before, "target": target}), printed, rtol=1e-6)
    nothing = np.zeros_like(target)  # Eq. (1) of a target of 0 is flat below 0, this is not
    stricter = evaluate(linear(3), {"before": before, "target": nothing}) - oracles.inversion_loss(
        np.maximum(before, 0), nothing
    )
    np.testing.assert_allclose(stricter, (before[:, 3] ** 2).sum((1, 2)), rtol=1e-4)


def test_a_silent_filter_has_a_gradient_by_the_linear_loss_alone():
    before, target = linear_pair(1)
    for symbol, zero in (
        (linear(3), False),
        (inversion_loss(mx.sym.relu(mx.sym.Variable("before")), mx.sym.Variable("target")), True),
    ):
        gradient = mx.nd.zeros(before.shape)
        arguments = {"before": mx.nd.array(before), "target": mx.nd.array(target)}
        executor = symbol.bind(mx.cpu(), arguments, {"before": gradient}, {"before": "write", "target": "null"})
        executor.forward(is_train=True)
        executor.backward([mx.nd.ones((1,))])
        assert (gradient.asnumpy()[:, 3] == 0).all() == zero
        assert (gradient.asnumpy()[:, 3] != 0).all() != zero


def evaluate(symbol, arrays):
    return symbol.bind(mx.cpu(), {name: mx.nd.array(array) for name, array in arrays.items()}).forward()[0].asnumpy()


def transfer(batch, style_size, kind):
    """(symbol of a style loss, its arrays, its value in NumPy) with two style layers of different shapes."""
    generator = np.random.default_rng(batch)
    shapes = [(batch, 4, 3, 5), (batch, 3, 2, 3)]
    content, target = generator.normal(0, 2, (2, batch, 5, 3, 4))
    codes = [generator.uniform(0, 2, shape) for shape in shapes]
    styles = [generator.uniform(0, 2, shape[:2] + tuple(style_size * np.array(shape[2:]))) for shape in shapes]
    names = {"content": content, "target": target, "one": codes[0], "two": codes[1]}
    variables = [mx.sym.Variable(name) for name in names]

    def build(normalise):
        loss = pmci_loss if kind == "pmci" else gatys_loss
        wanted = [mx.sym.Variable("s1"), mx.sym.Variable("s2")]
        return loss(variables[0], variables[1], variables[2:], wanted, 10, 2, normalise)

    return build, names, codes, styles


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("normalise", ["paper", "authors"])
def test_pmci_loss_is_eq_5(batch, size, normalise):
    build, names, codes, styles = transfer(batch, size, "pmci")
    sums = [style.sum((2, 3)) for style in styles]
    ours = evaluate(build(normalise), {**names, "s1": sums[0], "s2": sums[1]})
    wanted = oracles.pmci_loss(names["content"], names["target"], codes, sums, 10, 2, normalise)
    np.testing.assert_allclose(ours, wanted, rtol=1e-5)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("normalise", ["paper", "authors"])
def test_gatys_loss_is_gatys(batch, normalise):
    build, names, codes, styles = transfer(batch, 1, "gatys")
    grams = [evaluate(gram(mx.sym.Variable("x")), {"x": style}) for style in styles]
    ours = evaluate(build(normalise), {**names, "s1": grams[0], "s2": grams[1]})
    wanted = oracles.gatys_loss(names["content"], names["target"], codes, styles, 10, 2, normalise)
    np.testing.assert_allclose(ours, wanted, rtol=1e-5)


def test_a_style_repeated_to_another_size_has_the_same_gram():
    code = np.random.default_rng(0).uniform(0, 2, (2, 3, 2, 4))
    once, fourfold = (evaluate(gram(mx.sym.Variable("x")), {"x": np.tile(code, (1, 1, n, n))}) for n in (1, 2))
    np.testing.assert_allclose(once, fourfold, rtol=1e-5)
    np.testing.assert_allclose(once, oracles.gram(code) / 8, rtol=1e-5)


@pytest.mark.parametrize("kind", ["pmci", "gatys"])
@pytest.mark.parametrize("normalise", ["paper", "authors"])
def test_style_losses_have_the_numeric_gradient(kind, normalise):
    build, names, _, styles = transfer(2, 2, kind)
    wanted = [s.sum((2, 3)) if kind == "pmci" else oracles.gram(s) / (s.shape[2] * s.shape[3]) for s in styles]
    arrays = {**names, "s1": wanted[0], "s2": wanted[1]}
    nodes = ["content", "one", "two"]
    mx.test_utils.check_numeric_gradient(build(normalise), arrays, grad_nodes=nodes, dtype=np.float64, rtol=1e-4, atol=1e-6)


def half_gradients(symbol, arrays, names):
    arguments = {name: mx.nd.array(array) for name, array in arrays.items()}
    gradients = {name: mx.nd.zeros(arrays[name].shape) for name in names}
    requests = {name: "write" if name in names else "null" for name in arrays}
    executor = symbol.bind(mx.cpu(), arguments, gradients, requests)
    executor.forward(is_train=True)
    executor.backward([mx.nd.ones(executor.outputs[0].shape)])
    return [0.5 * gradients[name].asnumpy() for name in names]


def test_half_the_gradient_of_pmci_is_the_authors_step():
    build, names, codes, styles = transfer(1, 1, "pmci")
    sums = [style.sum((2, 3)) for style in styles]
    content, one, two = half_gradients(build("authors"), {**names, "s1": sums[0], "s2": sums[1]}, ["content", "one", "two"])
    np.testing.assert_allclose(content, 10 * (names["content"] - names["target"]) / 12, rtol=1e-4)
    for ours, code, wanted in zip((one, two), codes, sums):
        c, m, n = code.shape[1:]
        step = 2 * (code.sum((2, 3)) - wanted)[:, :, None, None] * np.ones((1, 1, m, n)) / (c * m * n)
        np.testing.assert_allclose(ours, step, rtol=1e-4)


def test_half_the_gradient_of_gatys_is_the_authors_step():
    build, names, codes, styles = transfer(1, 1, "gatys")
    grams = [oracles.gram(s) / (s.shape[2] * s.shape[3]) for s in styles]
    content, one, two = half_gradients(
        build("authors"), {**names, "s1": grams[0], "s2": grams[1]}, ["content", "one", "two"]
    )
    np.testing.assert_allclose(content, 10 * (names["content"] - names["target"]), rtol=1e-4)
    for ours, code, style in zip((one, two), codes, styles):
        c, m, n = code.shape[1:]
        step = 2 * np.einsum("bij,bjmn->bimn", oracles.gram(code) - oracles.gram(style), code) / (c**2 * m * n)
        np.testing.assert_allclose(ours, step, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("kind", ["pmci", "gatys"])
def test_an_unknown_normalisation_is_refused(kind):
    with pytest.raises(InputError, match="paper and authors"):
        transfer(1, 1, kind)[0]("author")
