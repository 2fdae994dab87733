"""Loss Symbols: one number an image."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import InputError
from ..machine.aliases import Symbol
from ..machine.mxnet import mx
from .codes import energies


def inversion_loss(code: Symbol, target: Symbol) -> Symbol:
    """Eqs. (1) and (4): squared distance of a code to its target.

    code, target: (B, C, M, N). Returns (B,): the sum over C, M and N of (code - target)^2, without a factor. The
    authors step along code - target, half of this loss's gradient: ``rescale: 0.5`` of the optimiser.
    """
    apart = _flat(code) - _flat(target)  # reshaped, a code in bfloat16 becomes float32
    # One of the two factors has no gradient, and the other twice its own: one product on the way back, in place of two and
    # their sum. Square and sum, even axis by axis, take MXNet longer than a dot product.
    square = mx.sym.batch_dot(apart, mx.sym.BlockGrad(apart), transpose_b=True)
    return mx.sym.reshape(2 * square - mx.sym.BlockGrad(square), shape=(-1,))


FEATURE_MAPS = ("rectified", "linear", "linear_if_silent")


def linear_inversion_loss(code: Symbol, target: Symbol, before: Symbol, l: int) -> Symbol:
    """Eq. (1) with the chosen feature map taken before its ReLU, and all others after it.

    code, target: (B, C, M, N), code = relu(before). before: (B, C, M, N), what the layer's convolution gives. l: filter,
    0 <= l < C. Returns (B,):
        sum over c != l of ||code_c - target_c||^2 + ||before_l - target_l||^2
    which is Eq. (1) plus, over the positions where the filter is silent (x < 0 in before_l), the sum of
        x^2 + 2 |x| target_l:
    nothing where it fires everywhere, and never less, as targets are at least 0. There Eq. (1) is flat and this is not, so a
    silent filter has a gradient. For a target of 0 it is stricter than Eq. (1), which every x < 0 fulfils.
    """
    below, wanted = _map(before, l) - _map(code, l), _map(target, l)
    silent = mx.sym.batch_dot(_flat(below), _flat(below) - 2 * _flat(wanted), transpose_b=True)
    return inversion_loss(code, target) + mx.sym.reshape(silent, shape=(-1,))


NORMALISATIONS = ("paper", "authors")


def pmci_loss(
    content: Symbol,
    content_target: Symbol,
    styles: Sequence[Symbol],
    style_targets: Sequence[Symbol],
    alpha: float,
    beta: float,
    normalise: str,
) -> Symbol:
    """Eq. (5), PMCI: the content's code at one layer, the style's energies at several.

    content, content_target: (B, C, M, N). styles: codes (B, C_l, M_l, N_l); style_targets: as many energies (B, C_l)
    of the style image, which may have another size (``codes.energies``). alpha, beta: weights, at least 0.
    normalise: ``paper`` as Eq. (5) has it:
        alpha ||content - target||^2 + beta sum over l of ||energies_l - target_l||^2
    or ``authors``, whose code divides the first term by M N and each other one by C_l M_l N_l. Returns (B,).
    Raises InputError for another normalise.
    """
    _check_normalise(normalise)
    loss = alpha * _content(content, content_target, normalise)
    for code, target in zip(styles, style_targets):
        square = mx.sym.square(energies(code) - target)
        if normalise == "paper":
            loss = loss + beta * mx.sym.sum(square, axis=1)
        else:
            loss = loss + beta * mx.sym.mean(square, axis=1) / positions(code)
    return loss


def gatys_loss(
    content: Symbol,
    content_target: Symbol,
    styles: Sequence[Symbol],
    style_targets: Sequence[Symbol],
    alpha: float,
    beta: float,
    normalise: str,
) -> Symbol:
    """Gatys, Ecker and Bethge (CVPR 2016), with which the paper compares: Gram matrices in place of energies.

    content, content_target, styles, alpha, beta: as for ``pmci_loss``. style_targets: ``gram`` of the style's codes,
    (B, C_l, C_l). With G the sum of F F^T over positions, normalise ``paper`` is Gatys et al.'s
        alpha / 2 ||content - target||^2 + beta sum over l of (1 / L) ||G_l / P_l - A_l||^2 / (4 C_l^2)
    with L style layers and P_l = M_l N_l positions (equal to theirs where style and content have one size). ``authors`` is
        alpha ||content - target||^2 + beta sum over l of P_l ||G_l / P_l - A_l||^2 / (2 C_l^2),
    half the gradient of which is the authors' step where style and content have one size, as they have in their code.
    Returns (B,). Raises InputError for another normalise.
    """
    _check_normalise(normalise)
    loss = (0.5 if normalise == "paper" else 1.0) * alpha * inversion_loss(content, content_target)
    for code, target in zip(styles, style_targets):
        square = mx.sym.mean(mx.sym.square(gram(code) - target), axis=(1, 2))  # over C_l^2 entries
        if normalise == "paper":
            loss = loss + beta / (4 * len(styles)) * square
        else:
            loss = loss + beta / 2 * square * positions(code)
    return loss


def gram(code: Symbol) -> Symbol:
    """The Gram matrix of a code, a mean over positions. code: (B, C, M, N). Returns (B, C, C)."""
    flat = mx.sym.reshape(code, shape=(0, 0, -1))
    return mx.sym.broadcast_div(
        mx.sym.batch_dot(flat, flat, transpose_b=True), mx.sym.reshape(positions(code), shape=(0, 1, 1))
    )


def positions(code: Symbol) -> Symbol:
    """M N of a code, (B,) without gradient: shapes are not known to a Symbol, so one feature map is counted."""
    ones = mx.sym.ones_like(mx.sym.slice_axis(code, axis=1, begin=0, end=1))
    return mx.sym.BlockGrad(mx.sym.sum(ones, axis=(1, 2, 3)))


def _flat(code: Symbol) -> Symbol:
    return mx.sym.reshape(code, shape=(0, 1, -1))


def _map(code: Symbol, l: int) -> Symbol:
    """One feature map of a code, (B, 1, M, N)."""
    return mx.sym.slice_axis(code, axis=1, begin=l, end=l + 1)


def _content(content: Symbol, target: Symbol, normalise: str) -> Symbol:
    distance = inversion_loss(content, target)
    return distance if normalise == "paper" else distance / positions(content)


def _check_normalise(normalise: str) -> None:
    if normalise not in NORMALISATIONS:
        raise InputError(f"normalise {normalise!r} is not known; allowed are {' and '.join(NORMALISATIONS)}")
