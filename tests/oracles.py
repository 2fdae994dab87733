"""The mathematics once more, in plain NumPy and float64, written from the equations and not from the package."""

import numpy as np


def convolution(x, weight, bias):
    """3x3 cross-correlation, stride 1, zero padding 1. x (B, C, H, W), weight (F, C, 3, 3), bias (F,)."""
    height, width = x.shape[2:]
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    out = np.zeros((x.shape[0], weight.shape[0], height, width))
    for i in range(3):
        for j in range(3):
            out += np.einsum("bchw,fc->bfhw", padded[:, :, i : i + height, j : j + width], weight[:, :, i, j])
    return out + bias[:, None, None]


def pooling(x, kind):
    """2x2, stride 2, an odd last row or column left out."""
    height, width = x.shape[2] // 2, x.shape[3] // 2
    blocks = x[:, :, : 2 * height, : 2 * width].reshape(*x.shape[:2], height, 2, width, 2)
    return blocks.mean((3, 5)) if kind == "avg" else blocks.max((3, 5))


def code(image, weights, layers, kind="avg"):
    """The code after the named layers, e.g. ["conv1_1", "relu1_1", "pool1"], of an image (B, 3, H, W)."""
    x = np.asarray(image, np.float64)
    for layer in layers:
        if layer.startswith("conv"):
            x = convolution(x, np.float64(weights[f"{layer}_weight"]), np.float64(weights[f"{layer}_bias"]))
        elif layer.startswith("relu"):
            x = np.maximum(x, 0)
        else:
            x = pooling(x, kind)
    return x


def isolate(x, l):
    """Eq. (2)."""
    out = np.zeros_like(x)
    for b in range(x.shape[0]):
        for m in range(x.shape[2]):
            for n in range(x.shape[3]):
                out[b, l, m, n] = sum(x[b, c, m, n] for c in range(x.shape[1]))
    return out


def inversion_loss(x, target):
    """Eqs. (1) and (4)."""
    return np.array([((one - wanted) ** 2).sum() for one, wanted in zip(x, target)])


def authors_sgd(image, gradients):
    """The images after each of the authors' updates: lr 0.1 times 0.9 every 10, momentum 0.9, clip 10, decay 0.0005.

    gradients: function image -> gradient of the loss of Eq. (1), of which the authors take half.
    """
    x, velocity, images = image.astype(np.float64), np.zeros(image.shape), []
    while True:
        rate = 0.1 * 0.9 ** (len(images) // 10)
        gradient = np.clip(gradients(x) / 2, -10, 10)
        velocity = 0.9 * velocity - rate * (gradient + 0.0005 * x)
        x = x + velocity
        images.append(x)
        yield x
