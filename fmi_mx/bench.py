"""What the descent loop costs above the bare executor of the same graph."""

import statistics
import time

import numpy as np

from .losses import inversion_loss
from .mxnet_setup import mx
from .optimisers import Stop, descend
from .problem import Problem
from .vgg19 import layer_code, vgg19, weight_shapes

LAYERS = ("relu2_2", "relu5_2")
SHAPE = (1, 3, 192, 256)


def loop_against_executor(layer, device, optimiser, rounds=7, passes=5):
    """Seconds a pass of an inversion at a layer, 256x192, random weights (the speed is the same).

    device: ``mx.Context``. optimiser: e.g. ``SGD``. Each round times ``passes`` passes of the bare executor, then of
    ``descend``. Returns a dict: layer, seconds_executor and seconds_loop (medians), ratio (median over the rounds of loop to
    executor).
    """
    generator = np.random.default_rng(0)
    code = layer_code(vgg19(), layer)
    loss = inversion_loss(code, mx.sym.Variable("target"))
    weights = {
        name: mx.nd.array(generator.normal(0, 0.05, shape), ctx=device)
        for name, shape in weight_shapes().items()
        if name in code.list_arguments()
    }
    target = mx.nd.ones(code.infer_shape(data=SHAPE)[1][0], ctx=device)
    image = mx.nd.array(generator.uniform(-0.1, 0.1, SHAPE), ctx=device)
    problem = Problem(loss, weights, {"target": target}, SHAPE)
    executor = _bare_executor(loss, weights, target, image)
    ones = mx.nd.ones((SHAPE[0],), ctx=device)

    def bare():
        for _ in range(passes):
            executor.forward(is_train=True)
            executor.backward([ones])
        mx.nd.waitall()

    def loop():
        descend(problem, image, optimiser, Stop(passes=passes, change=0.0))
        mx.nd.waitall()

    _seconds(bare), _seconds(loop)  # warm up
    pairs = [(_seconds(bare), _seconds(loop)) for _ in range(rounds)]
    return {
        "layer": layer,
        "seconds_executor": statistics.median(b for b, _ in pairs) / passes,
        "seconds_loop": statistics.median(l for _, l in pairs) / passes,
        "ratio": statistics.median(l / b for b, l in pairs),
    }


def _bare_executor(loss, weights, target, image):
    arguments = {**weights, "target": target, "data": image.copy()}
    requests = {name: "write" if name == "data" else "null" for name in arguments}
    return loss.bind(image.context, arguments, args_grad={"data": mx.nd.zeros_like(image)}, grad_req=requests)


def _seconds(function):
    started = time.perf_counter()
    function()
    return time.perf_counter() - started
