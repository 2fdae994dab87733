"""Energies and modified codes, as Symbols of a code."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..errors import InputError
from ..machine.aliases import Symbol
from ..machine.mxnet import mx

DRAWS = ("paper", "authors", "given", "style")


def energies(code: Symbol) -> Symbol:
    """The energy of each feature map: its sum over positions. code: (B, C, M, N). Returns (B, C)."""
    return mx.sym.sum(code, axis=(2, 3))


def isolate(code: Symbol, l: int) -> Symbol:
    """Eq. (2), FMI: feature map l takes, position by position, what all feature maps hold; the others become 0.

    code: (B, C, M, N). l: filter, 0 <= l < C. Returns (B, C, M, N) with
    out[b, l, m, n] = sum over c of code[b, c, m, n] and 0 elsewhere; the energy of the code (its sum) is kept.
    Source: the authors' ``feature_map`` mode. A Symbol does not know C: an l beyond it gives zeros, so ask
    ``network.check_filter`` first.
    """
    everything = mx.sym.sum(code, axis=1, keepdims=True)
    chosen = mx.sym.reshape(mx.sym.contrib.arange_like(code, axis=1) == l, shape=(1, -1, 1, 1))
    return mx.sym.broadcast_mul(everything, chosen)


def reallocate(code: Symbol, v: Symbol) -> Symbol:
    """Eq. (3), RMCI: share v[k] of the code's energy goes to feature map k, whose activation pattern stays as it is.

    code: (B, C, M, N). v: (B, C), or (1, C) for all images alike. Returns (B, C, M, N) with
    out[b, k] = code[b, k] / sum(code[b, k]) * v[b, k] * sum(code[b]). A dead feature map (sum 0) has no pattern to carry
    energy and stays 0; v is first divided by its sum over the live ones, which so receive the dead ones' share in
    proportion, and the energy of the code is kept (a code that is dead altogether stays 0). The authors' code divides
    0 by 0 there.
    """
    energy = energies(code)
    live = energy != 0
    share = mx.sym.broadcast_mul(v, live)
    total = mx.sym.sum(share, axis=1, keepdims=True)
    share = mx.sym.broadcast_div(share, total + (total == 0))
    scale = mx.sym.broadcast_mul(share, mx.sym.sum(energy, axis=1, keepdims=True)) / (energy + (1 - live))
    return mx.sym.broadcast_mul(code, _as_maps(scale))


def draw_shares(draw: str, count: int, generator: np.random.Generator) -> np.ndarray:
    """The v of Eq. (3), drawn at random.

    draw: ``paper`` (v >= 0 and sum 1, uniform on that simplex) or ``authors`` (normal with mean 3 and standard deviation
    1000, over its sum: signs are mixed and the numbers large, and Fig. 4 was made so). count: feature maps. Returns float64
    (1, count) with sum 1. Raises InputError for another draw.
    """
    if draw == "paper":
        return generator.dirichlet(np.ones(count))[None]
    if draw == "authors":
        v = generator.normal(3, 1000, (1, count))
        return v / v.sum()
    raise InputError(f"draw {draw!r} is not drawn at random; paper and authors are")


def given_shares(v: Mapping[int, float], energy: np.ndarray) -> np.ndarray:
    """The v of Eq. (3) with the shares that somebody gives: a style as a combination of texture primitives.

    v: filter -> share, at least 0; the rest have 0. energy: of the content's code, (1, C). Returns float64 (1, C), v over
    its sum. Raises InputError where every filter with a share is dead in the code, as then nothing can carry the energy.
    """
    shares = np.zeros(energy.shape)
    shares[0, list(v)] = list(v.values())
    if not (energy[shares > 0] != 0).any():
        raise InputError(
            f"all filters of v ({', '.join(map(str, v))}) are dead in the content's code, and cannot carry energy"
        )
    return shares / shares.sum()


def style_shares(energy: np.ndarray, style: np.ndarray) -> np.ndarray:
    """The v of Eq. (3) that a style image has: what share of its code's energy each feature map holds. Eq. (3) done
    purposefully, of which the paper's abstract speaks and which neither the paper nor the authors' code has.

    energy, style: of the content's code and the style's, (1, C). Returns float64 (1, C) with sum 1. Raises InputError where
    no filter is alive in both.
    """
    if not ((energy > 0) & (style > 0)).any():
        raise InputError("all filters that the style's code has energy in are dead in the content's")
    return style / style.sum()


def match_by_rank(code: Symbol, style: Symbol) -> Symbol:
    """The authors' direct ``purposeful`` mode, which the paper does not have: feature maps change places.

    code: (B, C, M, N). style: (B, C, P, Q), the style image's code. The feature map of rank r in the code's energies goes to
    the place of rank r in the style's energies, and is shifted so that its mean is that place's mean in the style. Returns
    (B, C, M, N); activations may come out negative, as in the authors' code.
    """
    places = mx.sym.broadcast_equal(mx.sym.expand_dims(_ranks(style), axis=2), mx.sym.expand_dims(_ranks(code), axis=1))
    moved = mx.sym.reshape_like(mx.sym.batch_dot(places, mx.sym.reshape(code, shape=(0, 0, -1))), code)
    shift = mx.sym.mean(style, axis=(2, 3)) - mx.sym.mean(moved, axis=(2, 3))
    return mx.sym.broadcast_add(moved, _as_maps(shift))


def _ranks(code: Symbol) -> Symbol:
    """The rank of each feature map's energy within its code, from 0: (B, C)."""
    return mx.sym.argsort(mx.sym.argsort(energies(code), axis=1), axis=1)


def _as_maps(x: Symbol) -> Symbol:
    """(B, C) -> (B, C, 1, 1)."""
    return mx.sym.reshape(x, shape=(0, 0, 1, 1))
