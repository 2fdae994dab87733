"""Loss Symbols: one number an image."""

from .mxnet_setup import mx


def inversion_loss(code, target):
    """Eqs. (1) and (4): squared distance of a code to its target.

    code, target: Symbols (B, C, M, N). Returns a Symbol (B,): the sum over C, M and N of (code - target)^2, without a
    factor. The authors step along code - target, half of this loss's gradient: ``rescale: 0.5`` of the optimiser.
    """
    # Summed by feature map first: MXNet reduces those in parallel, but all three axes at once on one core.
    by_feature_map = mx.sym.sum(mx.sym.square(code - target), axis=(2, 3))
    return mx.sym.sum(by_feature_map, axis=1)
