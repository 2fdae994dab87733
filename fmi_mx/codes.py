"""Energies and modified codes, as Symbols of a code."""

from .mxnet_setup import mx


def energies(code):
    """The energy of each feature map: its sum over positions. code: Symbol (B, C, M, N). Returns a Symbol (B, C)."""
    return mx.sym.sum(code, axis=(2, 3))


def isolate(code, l):
    """Eq. (2), FMI: feature map l takes, position by position, what all feature maps hold; the others become 0.

    code: Symbol (B, C, M, N). l: filter, 0 <= l < C. Returns a Symbol (B, C, M, N) with
    out[b, l, m, n] = sum over c of code[b, c, m, n] and 0 elsewhere; the energy of the code (its sum) is kept.
    Source: the authors' ``feature_map`` mode. A Symbol does not know C: an l beyond it gives zeros, so ask
    ``vgg19.check_filter`` first.
    """
    everything = mx.sym.sum(code, axis=1, keepdims=True)
    chosen = mx.sym.reshape(mx.sym.contrib.arange_like(code, axis=1) == l, shape=(1, -1, 1, 1))
    return mx.sym.broadcast_mul(everything, chosen)
