"""What the descent loop is compared with, each in a process of its own: the authors' way of making a pass, and PyTorch's.

``python -m fmi_mx.bench.rivals KIND`` reads lines "layer height width passes" and answers each with the seconds that they
took; kind ``memory`` runs L-BFGS and answers with the process's peak resident memory in GB.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..descent.lbfgs import LBFGS
from ..descent.optimisers import SGD, Stop, descend
from ..errors import InputError
from ..experiment.experiment import FIG3, load_experiment
from ..machine.aliases import AnyPath, Arrays, Context, NDArray, Symbol
from ..machine.mxnet import mx, usable_cores
from ..method.codes import isolate
from ..method.losses import inversion_loss
from ..network.executors import Problem, encode
from ..network.vgg19 import layer_code, vgg19
from ..weights.random import he_normal

_theirs: Any = load_experiment(FIG3).optimiser
_preset: Any = load_experiment(FIG3, preset="fast").optimiser
AUTHORS_SGD: SGD = replace(_theirs, rescale=1.0)  # what the authors feed it is half the gradient already
PROBE_EARLY: LBFGS = replace(_preset, probes=(1,))


class Rival:
    """A process that makes passes of one kind: ``authors``, ``torch`` or ``memory``; or, of another program of this folder,
    what it is asked for. arguments: of the program."""

    def __init__(self, kind: str, program: str = "rivals", *arguments: AnyPath) -> None:
        self._kind, environment = kind, dict(os.environ)
        self._command = ["-m", f"fmi_mx.bench.{program}", *map(str, arguments or [kind])]
        if kind == "authors":  # MXNet's own default is half of the processors it sees, taking them for hyper-threads
            environment["OMP_NUM_THREADS"] = str(max(1, usable_cores() // 2))
        self._process = subprocess.Popen(
            [sys.executable, *self._command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            env=environment,
            start_new_session=True,  # an interrupt is the parent's to tell
        )

    def __call__(self, layer: str, shape: tuple[int, ...], passes: int) -> float:
        """shape: (1, 3, H, W). Returns what it answers with. Raises InputError where the process has ended."""
        return float(self.ask(" ".join(map(str, (layer, *shape[2:], passes)))))

    def ask(self, question: str) -> str:
        """The line that it answers a line with. Raises InputError where the process has ended."""
        assert self._process.stdin is not None and self._process.stdout is not None  # pipes, both
        try:
            print(question, file=self._process.stdin, flush=True)
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise InputError(f"the process that runs {self._kind} ended; `python {' '.join(self._command)}` says why")
        return answer

    def __enter__(self) -> Rival:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if error:  # it may be busy
            self._process.kill()
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()


def has_torch() -> bool:
    """Whether PyTorch is installed."""
    return importlib.util.find_spec("torch") is not None


def random_problem(
    layer: str, shape: tuple[int, ...], device: Context | None = None
) -> tuple[Symbol, Arrays, NDArray, NDArray]:
    """An inversion at a layer of random weights (the speed is that of trained ones).

    Returns (loss, weights, target, image), on a device (the CPU when None).
    """
    generator, device = np.random.default_rng(0), device or mx.cpu()
    code = layer_code(vgg19(), layer)
    used = set(code.list_arguments())
    weights = {name: mx.nd.array(array, ctx=device) for name, array in he_normal(1, generator).items() if name in used}
    image = mx.nd.array(generator.uniform(-50, 50, shape), ctx=device)
    target = encode(isolate(code, 3), weights, image)
    return inversion_loss(code, mx.sym.Variable("target")), weights, target, image


def authors_passes(layer: str, shape: tuple[int, ...]) -> Callable[[int], object]:
    """Passes as the authors' code makes them: the code's executor with gradients for every weight of it, the step code -
    target as its output's gradient. Returns a function of the number of passes."""
    _, weights, target, image = random_problem(layer, shape)
    code = layer_code(vgg19(), layer)
    arguments = {**weights, "data": image}
    gradients = {name: mx.nd.zeros_like(array) for name, array in arguments.items()}
    executor = code.bind(mx.cpu(), arguments, args_grad=gradients)

    class Authors:
        def loss_and_gradient(self, image: NDArray) -> tuple[NDArray, NDArray]:
            image.copyto(arguments["data"])
            executor.forward(is_train=True)
            apart = executor.outputs[0] - target
            executor.backward([apart])
            return mx.nd.zeros((1,)), gradients["data"]  # they compute no loss

    return lambda passes: descend(Authors(), image, AUTHORS_SGD, Stop(passes, 0.0))


def torch_passes(layer: str, shape: tuple[int, ...]) -> Callable[[int], object]:
    """Passes of the same graph in PyTorch, channels last. Returns a function of the number of passes."""
    import torch

    from .torch_network import code, loss, tensors

    torch.set_num_threads(usable_cores())
    weights = tensors(he_normal(1, np.random.default_rng(0)))
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(shape, generator=generator).mul(100).contiguous(memory_format=torch.channels_last).requires_grad_()
    target = code(image, layer, weights).detach() * 0.5

    def run(passes: int) -> None:
        for _ in range(passes):
            image.grad = None
            loss(image, target, layer, weights).backward()

    return run


def peak_memory(layer: str, shape: tuple[int, ...], passes: int) -> float:
    """Peak resident memory of this process, GB, after a descent with L-BFGS and a probe."""
    loss, weights, target, image = random_problem(layer, shape)
    descend(Problem(loss, weights, {"target": target}, shape), image, PROBE_EARLY, Stop(passes, 0.0))
    # getrusage would answer with the parent's peak, where that is higher
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024 / 1e9


def _main(kind: str) -> None:
    makers = {"authors": authors_passes, "torch": torch_passes}
    made: dict[tuple[str, tuple[int, ...]], Callable[[int], object]] = {}
    for line in sys.stdin:
        layer, *numbers = line.split()
        *size, passes = map(int, numbers)
        shape = (1, 3, *size)
        if kind == "memory":
            print(peak_memory(layer, shape, passes), flush=True)
            continue
        if (layer, shape) not in made:
            made = {(layer, shape): makers[kind](layer, shape)}
            made[layer, shape](2)  # warm up
        started = time.perf_counter()
        made[layer, shape](passes)
        print(time.perf_counter() - started, flush=True)


if __name__ == "__main__":
    _main(sys.argv[1])
