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


def linear_inversion_loss(before, target, l):
    """Eq. (1), feature map l before its ReLU."""
    mixed = np.maximum(before, 0)
    mixed[:, l] = before[:, l]
    return ((mixed - target) ** 2).sum((1, 2, 3))


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


def reallocate(x, v):
    """Eq. (3), feature map by feature map; the share of a dead one goes to the others in proportion."""
    out = np.zeros_like(x)
    for b in range(x.shape[0]):
        live = [k for k in range(x.shape[1]) if x[b, k].sum() != 0]
        for k in live:
            out[b, k] = x[b, k] / x[b, k].sum() * v[b, k] / sum(v[b, i] for i in live) * x[b].sum()
    return out


def match_by_rank(x, style):
    """The authors' direct mode, as their loop has it."""
    out = np.zeros_like(x)
    for b in range(x.shape[0]):
        into = np.argsort(style[b].sum((1, 2)))
        source = np.argsort(x[b].sum((1, 2)))
        for i in range(x.shape[1]):
            out[b, into[i]] = x[b, source[i]] - x[b, source[i]].mean() + style[b, into[i]].mean()
    return out


def pmci_loss(content, target, styles, sums, alpha, beta, normalise):
    """Eq. (5), or with the authors' divisors."""
    result = []
    for b in range(content.shape[0]):
        m, n = content.shape[2:]
        loss = alpha * ((content[b] - target[b]) ** 2).sum() / (m * n if normalise == "authors" else 1)
        for code, wanted in zip(styles, sums):
            c, m, n = code.shape[1:]
            square = sum((code[b, k].sum() - wanted[b, k]) ** 2 for k in range(c))
            loss += beta * square / (c * m * n if normalise == "authors" else 1)
        result.append(loss)
    return np.array(result)


def gram(x):
    """F F^T, a sum over positions as Gatys et al. have it."""
    return np.einsum("bimn,bjmn->bij", x, x)


def gatys_loss(content, target, styles, style_codes, alpha, beta, normalise):
    """Gatys et al. 2016, Eqs. (1), (4), (5) and (7), for a style image of the content's size."""
    loss = alpha * ((content - target) ** 2).sum((1, 2, 3)) * (0.5 if normalise == "paper" else 1)
    for code, style in zip(styles, style_codes):
        c, positions = code.shape[1], code.shape[2] * code.shape[3]
        square = ((gram(code) - gram(style)) ** 2).sum((1, 2))
        if normalise == "paper":
            loss = loss + beta / len(styles) * square / (4 * c**2 * positions**2)
        else:
            loss = loss + beta * square / (2 * c**2 * positions)
    return loss


def adam(image, gradients, rate, beta1, beta2, epsilon):
    """The images after each update of Kingma and Ba's Algorithm 1."""
    x, m, v, t = image.astype(np.float64), 0.0, 0.0, 0
    while True:
        t, g = t + 1, gradients(x)
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
        x = x - rate * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + epsilon)
        yield x


def bfgs_inverse_hessian(pairs, guess):
    """The inverse Hessian after pairs (s, y), oldest first: guess, a matrix, scaled as Nocedal and Wright's Eq. (7.20) has
    it, then their Eq. (6.17) once a pair."""
    s, y = pairs[-1]
    inverse = guess * (s @ y) / (y @ guess @ y)
    for s, y in pairs:
        left = np.eye(len(s)) - np.outer(s, y) / (s @ y)
        inverse = left @ inverse @ left.T + np.outer(s, s) / (s @ y)
    return inverse
