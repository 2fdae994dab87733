import subprocess
import sys

import numpy as np
import oracles
import pytest
from conftest import WIDTH

from fmi_mx import InputError, Problem, encode, inversion_loss, isolate, layer_code, vgg19
from fmi_mx.machine.mxnet import mx
from fmi_mx.network.executors import to_device
from fmi_mx.network.vgg19 import LAYERS

LAYERS_TO_RELU2_1 = list(LAYERS)[:7]


def problem_at_relu2_1(weights, target):
    code = layer_code(vgg19(width=WIDTH), "relu2_1")
    return Problem(inversion_loss(code, mx.sym.Variable("target")), weights, {"target": target}, (target.shape[0], 3, 9, 12))


@pytest.mark.parametrize("batch", [1, 3])
def test_loss_and_gradient_match_numpy(arrays, batch):
    generator = np.random.default_rng(batch)
    image, content = generator.uniform(-50, 50, (2, batch, 3, 9, 12)).astype(np.float32)
    weights = to_device(arrays, mx.cpu())
    target = encode(isolate(layer_code(vgg19(width=WIDTH), "relu2_1"), 5), weights, mx.nd.array(content))
    wanted = oracles.isolate(oracles.code(content, arrays, LAYERS_TO_RELU2_1), 5)
    np.testing.assert_allclose(target.asnumpy(), wanted, rtol=1e-4, atol=1e-3)

    def loss_of(x):
        return oracles.inversion_loss(oracles.code(x, arrays, LAYERS_TO_RELU2_1), wanted)

    problem = problem_at_relu2_1(weights, target)
    loss, gradient = problem.loss_and_gradient(mx.nd.array(image))
    np.testing.assert_allclose(loss.asnumpy(), loss_of(image), rtol=1e-4)
    problem.loss_and_gradient(mx.nd.array(image))  # again, and nothing is added up
    np.testing.assert_allclose(loss.asnumpy(), loss_of(image), rtol=1e-4)
    for _ in range(4):  # along random directions, each image of the batch on its own
        direction = generator.normal(size=image.shape)
        numeric = (loss_of(image + 1e-5 * direction) - loss_of(image - 1e-5 * direction)) / 2e-5
        np.testing.assert_allclose((gradient.asnumpy() * direction).sum((1, 2, 3)), numeric, rtol=2e-3)


def test_only_the_image_has_a_gradient_and_weights_are_shared(arrays):
    weights = to_device(arrays, mx.cpu())
    target = mx.nd.zeros((1, 16, 4, 6))
    one, two = problem_at_relu2_1(weights, target), problem_at_relu2_1(weights, target)
    gradients = one._executor.grad_dict
    assert [name for name, gradient in gradients.items() if gradient is not None] == ["data"]
    for name in ("conv1_1_weight", "conv2_1_bias"):
        weights[name][:] = 0  # seen by both executors, so neither has a copy
        assert not one._executor.arg_dict[name].asnumpy().any()
        assert not two._executor.arg_dict[name].asnumpy().any()


def test_a_constant_that_is_missing_is_named(arrays):
    loss = inversion_loss(layer_code(vgg19(width=WIDTH), "relu1_1"), mx.sym.Variable("target"))
    with pytest.raises(InputError, match="target"):
        Problem(loss, to_device(arrays, mx.cpu()), {}, (1, 3, 8, 8))


MEMORY = """
import re
from pathlib import Path
from fmi_mx import Problem, inversion_loss, layer_code, vgg19
from fmi_mx.machine.mxnet import mx
from fmi_mx.network.vgg19 import weight_shapes
code = layer_code(vgg19(), "relu5_2")
weights = {n: mx.nd.random.normal(0, 0.05, s) for n, s in weight_shapes().items() if n in code.list_arguments()}
problem = Problem(inversion_loss(code, mx.sym.Variable("target")), weights, {"target": mx.nd.zeros((1, 512, 24, 32))}, (1, 3, 384, 512))
peaks = []
for _ in range(3):
    problem.loss_and_gradient(mx.nd.ones((1, 3, 384, 512)))[0].asnumpy()
    # getrusage would answer with the parent's peak, where that is higher
    peaks.append(int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 2**20)
print(peaks[1], peaks[-1])
"""  # noqa: E501


def test_relu5_2_at_512_fits_in_2_gb_and_passes_add_nothing():
    """0.7 GB on processors with AVX2; MXNet's convolutions for older ones need 1.9."""
    done = subprocess.run([sys.executable, "-c", MEMORY], check=True, capture_output=True, encoding="utf-8")
    second, last = map(float, done.stdout.split())  # MXNet makes its workspaces in the first two passes
    assert last < 2.0
    assert last - second < 0.04  # the largest code has 0.05 GB
