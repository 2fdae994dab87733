"""VGG-19 (Simonyan and Zisserman, configuration E) as one table, and as a Symbol."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from ..errors import InputError, nearest, shown
from ..machine.aliases import Symbol
from ..machine.mxnet import mx

# (filters of each convolution, number of convolutions) of the five blocks; a pooling ends each.
BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))
POOLINGS = ("avg", "max")
WIDTHS = (1, 1 / 2, 1 / 4, 1 / 8)  # shares of the paper's filters in every layer; 1 is the paper's network


def layer_table(width: float = 1) -> dict[str, tuple[str, int, int]]:
    """The layers, name -> (kind, filters, pixels of the image along one side of a position), in the order of the network.

    width: one of ``WIDTHS``. At 1/8 the five blocks have 8, 16, 32, 64 and 64 filters.
    """
    layers: dict[str, tuple[str, int, int]] = {}
    for block, (filters, convolutions) in enumerate(BLOCKS, start=1):
        filters = int(filters * width)
        for number in range(1, convolutions + 1):
            layers[f"conv{block}_{number}"] = ("conv", filters, 2 ** (block - 1))
            layers[f"relu{block}_{number}"] = ("relu", filters, 2 ** (block - 1))
        layers[f"pool{block}"] = ("pool", filters, 2**block)
    return layers


LAYERS = layer_table()


def weight_shapes(width: float = 1) -> dict[str, tuple[int, ...]]:
    """Shapes of the weights, name -> shape: ``convB_N_weight`` (filters, channels, 3, 3) and ``convB_N_bias`` (filters,)."""
    shapes: dict[str, tuple[int, ...]] = {}
    channels = 3
    for name, (kind, filters, _) in layer_table(width).items():
        if kind == "conv":
            shapes[f"{name}_weight"] = (filters, channels, 3, 3)
            shapes[f"{name}_bias"] = (filters,)
            channels = filters
    return shapes


def width_of(arrays: Mapping[str, Any]) -> float:
    """The width of the network that weights (name -> array) belong to, as conv1_1 shows it; 1 where it shows none known."""
    filters = arrays["conv1_1_bias"].shape if "conv1_1_bias" in arrays else None
    return next((width for width in WIDTHS if filters == (int(BLOCKS[0][0] * width),)), 1)


def vgg19(pool: str = "avg", width: float = 1) -> Symbol:
    """The whole network up to pool5.

    pool: ``avg`` (the authors' code) or ``max`` (the classifier as published), over 2x2 positions, stride 2.
    width: share of the paper's filters, see ``WIDTHS``.
    Its argument is ``data`` (B, 3, H, W), RGB 0..255 minus the mean. Raises InputError for another pool.
    """
    if pool not in POOLINGS:
        raise InputError(f"pool {pool!r} is not known; allowed are {', '.join(POOLINGS)}")
    net = mx.sym.Variable("data")
    for name, (kind, filters, _) in layer_table(width).items():
        if kind == "conv":
            net = mx.sym.Convolution(net, name=name, num_filter=filters, kernel=(3, 3), pad=(1, 1))
        elif kind == "relu":
            net = mx.sym.Activation(net, name=name, act_type="relu")
        else:
            net = mx.sym.Pooling(net, name=name, pool_type=pool, kernel=(2, 2), stride=(2, 2))
    return net


def layer_code(net: Symbol, name: str) -> Symbol:
    """The code of a layer: the network cut behind it, so that nothing deeper is computed.

    net: what ``vgg19`` returns. Returns (B, C, M, N). Raises InputError for an unknown name.
    """
    check_layer(name)
    return net.get_internals()[f"{name}_output"]


def before_relu(net: Symbol, name: str) -> Symbol:
    """What a ReLU layer's convolution gives, of which the layer's code is the positive part. net, errors: as of
    ``layer_code``; another kind of layer is refused. Returns (B, C, M, N)."""
    check_relu(name)
    return layer_code(net, name.replace("relu", "conv"))


def is_relu(name: str) -> bool:
    """Whether a layer is a ReLU."""
    return LAYERS[name][0] == "relu"


def check_relu(name: str) -> None:
    """Raises InputError unless name is a ReLU layer."""
    check_layer(name)
    if not is_relu(name):
        raise InputError(f"layer {name} is no ReLU; those are relu1_1 to relu5_4")


def check_layer(name: str) -> None:
    """Raises InputError, with the layers there are, unless name is one of them."""
    if name not in LAYERS:
        raise InputError(f"layer {shown(name)} is not in VGG-19{nearest(name, LAYERS)}; layers are {', '.join(LAYERS)}")


def check_filter(layer: str, number: int, width: float = 1) -> None:
    """Raises InputError unless the layer has a filter of this number (counted from 0) at this width."""
    filters = layer_table(width)[layer][1]
    if not 0 <= number < filters:
        of = "" if width == 1 else f" of a network with {Fraction(width)} of VGG-19's filters"
        raise InputError(f"filter {shown(number)} is not in {layer}{of}; its filters are 0 to {filters - 1}")


def check_image_size(layer: str, height: int, width: int) -> None:
    """Raises InputError unless an image of height x width pixels leaves the layer at least one position."""
    smallest = LAYERS[layer][2]
    if min(height, width) < smallest:
        raise InputError(
            f"an image of {width}x{height} pixels is too small for {layer}; both sides must be at least {smallest}"
        )


def multiply_adds(layer: str) -> float:
    """Multiplications up to and with this layer for each pixel of the image: what a pass costs, up to a constant."""
    total, channels = 0.0, 3
    for name, (kind, filters, step) in LAYERS.items():
        if kind == "conv":
            total += 9 * channels * filters / step**2
            channels = filters
        if name == layer:
            break
    return total
