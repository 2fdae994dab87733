from types import SimpleNamespace

import numpy as np
import oracles
import pytest
from conftest import WIDTH

from fmi_mx import InputError, Problem, inversion_loss, layer_code, load_experiment, vgg19
from fmi_mx.machine import instructions, precision
from fmi_mx.machine.mxnet import mx
from fmi_mx.network.executors import to_device
from fmi_mx.network.vgg19 import LAYERS, layer_table

CPU, GPU = SimpleNamespace(device_type="cpu"), SimpleNamespace(device_type="gpu")


def rounded(array):
    """To 8 significant bits, half to even, as bfloat16 rounds."""
    mantissa, exponent = np.frexp(np.asarray(array, np.float64))
    return np.ldexp(np.round(mantissa * 256) / 256, exponent)


def problem(arrays, layer, shape, wanted):
    """The inversion of a target 0 at a layer."""
    code = layer_code(vgg19(width=WIDTH), layer)
    filters, step = layer_table(WIDTH)[layer][1:]
    target = mx.nd.zeros((shape[0], filters, shape[2] // step, shape[3] // step))
    loss, weights = inversion_loss(code, mx.sym.Variable("target")), to_device(arrays, mx.cpu())
    return Problem(loss, weights, {"target": target}, shape, wanted)


def test_the_processors_instructions_are_those_that_linux_lists(tmp_path, monkeypatch):
    listed = tmp_path / "cpuinfo"
    monkeypatch.setattr(instructions, "CPUINFO", listed)
    assert instructions.bfloat16() == []
    listed.write_bytes(b"model name : so\xffme\nflags\t\t: fpu avx512f avx512_bf16 avx512_vnni\n")
    assert instructions.bfloat16() == ["avx512_bf16"]
    listed.write_bytes(b"flags\t\t: fpu avx2 avx512f not_avx512_bf16\n")
    assert instructions.bfloat16() == []


def test_bfloat16_is_computed_only_where_the_processor_has_it(monkeypatch):
    monkeypatch.setattr(instructions, "bfloat16", lambda: ["amx_bf16"])
    assert precision.precision_on("bfloat16", CPU) == "bfloat16"
    assert precision.precision_on("float32", CPU) == "float32"
    assert precision.precision_on("bfloat16", GPU) == "float32"
    monkeypatch.setattr(instructions, "bfloat16", list)
    assert precision.precision_on("bfloat16", CPU) == "float32"
    with pytest.raises(InputError, match="precision 'float16' is not known; known are float32, bfloat16"):
        precision.precision_on("float16", CPU)


def test_elsewhere_a_problem_takes_float32_and_says_so(arrays, monkeypatch):
    monkeypatch.setattr(instructions, "bfloat16", list)
    shape = (1, 3, 6, 8)
    image = mx.nd.array(np.random.default_rng(0).uniform(-50, 50, shape))
    asked, plain = (problem(arrays, "relu1_2", shape, wanted) for wanted in precision.PRECISIONS[::-1])
    assert asked.precision == plain.precision == "float32"
    assert asked.loss_and_gradient(image)[0].asscalar() == plain.loss_and_gradient(image)[0].asscalar()


@pytest.mark.usefixtures("bfloat16")
def test_in_bfloat16_each_layer_rounds_what_it_takes_and_gives(arrays):
    """One layer in NumPy: 27 products a value, which float32 sums all but exactly."""
    shape = (2, 3, 6, 8)
    image = np.random.default_rng(1).uniform(-50, 50, shape).astype(np.float32)
    ours = problem(arrays, "relu1_1", shape, "bfloat16")
    assert ours.precision == "bfloat16"
    loss = ours.loss_and_gradient(mx.nd.array(image))[0]
    small = {name: rounded(array) for name, array in arrays.items() if name.startswith("conv1_1")}
    code = rounded(oracles.code(rounded(image), small, ["conv1_1", "relu1_1"]))
    wanted = (code**2).sum((1, 2, 3))
    assert loss.dtype == np.float32
    np.testing.assert_allclose(loss.asnumpy(), wanted, rtol=1e-5)
    exact = (oracles.code(image, arrays, ["conv1_1", "relu1_1"]) ** 2).sum((1, 2, 3))
    assert (np.abs(exact / wanted - 1) > 2e-5).all()  # so that the rounding is seen


@pytest.mark.usefixtures("bfloat16")
def test_loss_and_gradient_in_bfloat16_are_near_numpys(arrays):
    shape, generator, layers = (1, 3, 8, 12), np.random.default_rng(2), list(LAYERS)[:7]
    image = generator.uniform(-50, 50, shape).astype(np.float32)
    loss, gradient = problem(arrays, "relu2_1", shape, "bfloat16").loss_and_gradient(mx.nd.array(image))

    def loss_of(x):
        return (oracles.code(x, arrays, layers) ** 2).sum()

    assert gradient.dtype == np.float32
    np.testing.assert_allclose(loss.asscalar(), loss_of(image), rtol=5e-3)
    direction = gradient.asnumpy()
    numeric = (loss_of(image + 1e-6 * direction) - loss_of(image - 1e-6 * direction)) / 2e-6
    np.testing.assert_allclose((direction**2).sum(), numeric, rtol=2e-2)


def test_a_file_without_a_precision_means_float32_and_the_fast_preset_bfloat16(fig3, tmp_path):
    old = tmp_path / "old.yaml"
    lines = fig3.read_text(encoding="utf-8").splitlines(True)
    old.write_text("".join(line for line in lines if not line.startswith("precision")), encoding="utf-8")
    assert load_experiment(old) == load_experiment(fig3)
    assert load_experiment(old, preset="fast") == load_experiment(fig3, preset="fast")
    assert load_experiment(old, precision="bfloat16").precision == "bfloat16"
    assert load_experiment(fig3).precision == "float32"
    assert load_experiment(fig3, preset="fast").precision == "bfloat16"
    with pytest.raises(InputError, match="precision: must be float32 or bfloat16, is 'half'"):
        load_experiment(fig3, precision="half")
