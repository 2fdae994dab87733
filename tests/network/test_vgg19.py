import numpy as np
import oracles
import pytest
from conftest import WIDTH

from fmi_mx import InputError, encode, layer_code, vgg19
from fmi_mx.machine.mxnet import mx
from fmi_mx.network.executors import to_device
from fmi_mx.network.vgg19 import (
    LAYERS,
    WIDTHS,
    check_filter,
    check_image_size,
    layer_table,
    multiply_adds,
    weight_shapes,
    width_of,
)
from fmi_mx.weights.random import he_normal


def test_the_graph_has_the_layers_and_filters_of_vgg19():
    net = vgg19()
    internals = net.get_internals()
    _, shapes, _ = internals.infer_shape(data=(1, 3, 64, 96))
    outputs = {name[: -len("_output")]: s for name, s in zip(internals.list_outputs(), shapes) if name.endswith("_output")}
    convolutions = [shape for name, shape in outputs.items() if name.startswith("conv")]
    assert len(convolutions) == 16
    assert sum(name.startswith("relu") for name in outputs) == 16
    assert sum(name.startswith("pool") for name in outputs) == 5
    assert sum(shape[1] for shape in convolutions) == 5504
    assert outputs["pool5"] == (1, 512, 2, 3)


def test_the_weights_are_vgg19s():
    assert sum(np.prod(shape) for shape in weight_shapes().values()) == 20024384
    net = vgg19()
    shapes, _, _ = net.infer_shape(data=(1, 3, 32, 32))
    assert dict(zip(net.list_arguments()[1:], shapes[1:])) == weight_shapes()


@pytest.mark.parametrize("pool, width", [("avg", WIDTH), ("max", WIDTH), ("avg", 1)])
def test_codes_match_numpy(arrays, pool, width):
    arrays = he_normal(1, np.random.default_rng(0)) if width == 1 else arrays
    image = np.random.default_rng(3).uniform(-100, 100, (3, 3, 13, 18)).astype(np.float32)
    layers = list(LAYERS)[:8]
    assert layers[-1] == "conv2_2"
    code = layer_code(vgg19(pool, width), layers[-1])
    ours = encode(code, to_device(arrays, mx.cpu()), mx.nd.array(image)).asnumpy()
    np.testing.assert_allclose(ours, oracles.code(image, arrays, layers, pool), rtol=1e-4, atol=1e-3)


def test_the_network_is_cut_behind_the_layer():
    assert layer_code(vgg19(), "relu1_2").list_arguments() == [
        "data", "conv1_1_weight", "conv1_1_bias", "conv1_2_weight", "conv1_2_bias",
    ]  # fmt: skip


def test_an_unknown_layer_is_refused_with_the_layers_there_are():
    with pytest.raises(InputError, match=r"'relu6_1' is not in VGG-19.*conv1_1, relu1_1.*pool5"):
        layer_code(vgg19(), "relu6_1")


def test_an_unknown_pool_is_refused():
    with pytest.raises(InputError, match="avg, max"):
        vgg19("mean")


@pytest.mark.parametrize("layer", ["relu1_2", "pool1", "relu2_2", "relu4_2", "relu5_2", "pool5"])
def test_the_smallest_size_is_the_smallest_that_works(arrays, layer):
    smallest = LAYERS[layer][2]
    code, filters = layer_code(vgg19(width=WIDTH), layer), layer_table(WIDTH)[layer][1]
    check_image_size(layer, smallest, smallest + 3)
    image = mx.nd.ones((1, 3, smallest, smallest + 3))
    assert encode(code, to_device(arrays, mx.cpu()), image).shape == (1, filters, 1, (smallest + 3) // smallest)
    if smallest > 1:
        with pytest.raises(InputError, match=f"{smallest + 3}x{smallest - 1}.*too small for {layer}.*at least {smallest}"):
            check_image_size(layer, smallest - 1, smallest + 3)


def test_a_filter_beyond_the_layer_is_refused():
    check_filter("relu4_2", 511)
    with pytest.raises(InputError, match="filter 512 is not in relu4_2; its filters are 0 to 511"):
        check_filter("relu4_2", 512)


def test_multiply_adds_of_the_first_layers():
    # 3x3 from 3 to 64 channels at every pixel, 64 to 64 at every pixel, 64 to 128 at every fourth.
    assert multiply_adds("relu2_1") == 9 * 3 * 64 + 9 * 64 * 64 + 9 * 64 * 128 / 4


@pytest.mark.parametrize("width", WIDTHS)
def test_a_width_scales_every_layer_and_keeps_the_names(width):
    table = layer_table(width)
    assert list(table) == list(LAYERS)
    for name, (kind, filters, step) in table.items():
        assert (kind, filters, step) == (LAYERS[name][0], LAYERS[name][1] * width, LAYERS[name][2])
    net = vgg19("max", width)
    shapes, _, _ = net.infer_shape(data=(1, 3, 32, 32))
    assert dict(zip(net.list_arguments()[1:], shapes[1:])) == weight_shapes(width)
    assert width_of({name: np.zeros(shape) for name, shape in weight_shapes(width).items()}) == width


def test_the_small_width_is_an_eighth():
    filters = [layer_table(1 / 8)[f"relu{block}_1"][1] for block in range(1, 6)]
    assert filters == [8, 16, 32, 64, 64]


@pytest.mark.parametrize("arrays", [{}, {"conv1_1_bias": np.zeros(63)}, {"conv1_1_bias": np.zeros((8, 1))}])
def test_weights_of_no_known_width_are_measured_by_the_papers(arrays):
    assert width_of(arrays) == 1


def test_a_narrow_layer_has_fewer_filters():
    check_filter("relu4_2", 63, 1 / 8)
    with pytest.raises(InputError, match="filter 64 is not in relu4_2 of a network with 1/8 .* filters are 0 to 63"):
        check_filter("relu4_2", 64, 1 / 8)
