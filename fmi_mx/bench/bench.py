"""The benchmark, ``fmi bench``: what a pass costs, memory, growth, and the race to the authors' loss."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ..descent.optimisers import Optimiser
from ..errors import InputError
from ..experiment.experiment import FIG3, Experiment, load_experiment
from ..figure.draw import named
from ..files import whole
from ..machine.aliases import AnyPath, Context
from ..machine.devices import choose_device
from ..machine.precision import precision_on, precisions_of
from ..measure.descriptors import DESCRIBED
from ..runs.compute import load_network
from ..runs.materials import gather
from . import report as reporting
from . import rivals
from .passes import growth, lbfgs_against_executor, loop_against_executor
from .race import race

WIDTH = 1  # of the network that the authors had, and that their way is timed with
EDGES = (112, 192)  # long edges at which L-BFGS's own time is measured
LARGEST = ("relu5_2", (1, 3, 384, 512))  # where memory is measured


def bench(out: AnyPath, weights: AnyPath, images: AnyPath, device: str, say: Callable[[str], None]) -> dict[str, Any]:
    """Runs the whole benchmark.

    out: path without ending; writes OUT.json and OUT.png. weights, images, device: as for ``run``. say(line): called with
    each line of the report as soon as it is known. Returns the report, as OUT.json holds it. Raises InputError before
    anything is measured for weights, images or an OUT that cannot be used.
    """
    chosen, out = choose_device(device), Path(out).resolve()
    authors = load_experiment(FIG3, long_edge=192, images=["golden_gate"], feature_map="rectified")
    preset = load_experiment(FIG3, preset="fast")
    materials = gather(authors, weights, images, device)
    assert materials.weights is not None  # every cell of Fig. 3 needs them
    if materials.weights.width != WIDTH:
        raise InputError(f"weights {weights}: the authors' way is timed with the whole VGG-19; give weights of it")
    paths = [named(out, suffix) for suffix in (".json", ".png")]
    whole.check_places(*paths)
    report: dict[str, Any] = {"passes": _passes(authors.optimiser, chosen)}
    rivals_on = "" if chosen.device_type == "cpu" else "; the authors' way and PyTorch on the CPU"
    _say_all(say, f"one pass, 256x192, {chosen}{rivals_on}", *reporting.pass_lines(report["passes"]))
    report["lbfgs"] = _lbfgs(preset.optimiser, chosen)
    _say_all(say, "one pass with L-BFGS", *reporting.lbfgs_lines(report["lbfgs"]))
    with rivals.Rival("memory") as memory:
        report["peak_gb"] = memory(*LARGEST, 14)
    say(f"peak memory of a descent at {LARGEST[0]} of 512x384: {report['peak_gb']:.2f} GB")
    report["growth"] = growth(chosen, authors.optimiser)
    _say_all(say, *reporting.growth_lines(report["growth"]))
    racers = racers_on(chosen, preset)
    torch = [f"torch_{racer.precision}" for name, racer in racers.items() if name.startswith("lbfgs")]
    names = ("sgd", *racers, "preset", *(torch if rivals.has_torch() else []))
    on_cell = lambda one: say(reporting.race_line(one, names))  # noqa: E731
    network = load_network(materials.weights, authors.pool, materials.device)
    report["race"] = race(materials, network, racers, preset, weights, on_cell)
    report["summary"] = reporting.race_summary(report["race"], names)
    _say_all(say, *reporting.summary_lines(report["summary"]))
    if rivals.has_torch():
        report["beside_torch"] = reporting.beside_torch(report["race"], {name: racers[name].precision for name in racers})
        _say_all(say, *reporting.torch_lines(report["beside_torch"]))
    out.parent.mkdir(parents=True, exist_ok=True)
    whole.write_all(dict(zip(paths, (whole.as_json(report), reporting.draw(report["race"], names)))))
    return report


def racers_on(device: Context, preset: Experiment) -> dict[str, Experiment]:
    """Adam, L-BFGS, and L-BFGS in the preset's precision where the device has it, by name. No box, for the authors'
    images leave it."""
    free = {"optimiser.name": "lbfgs", "optimiser.box": None}
    racers = {"adam": load_experiment(FIG3, **{"optimiser.name": "adam"}), "lbfgs": load_experiment(FIG3, **free)}
    if precision_on(preset.precision, device) != racers["lbfgs"].precision:
        racers[f"lbfgs_{preset.precision}"] = load_experiment(FIG3, precision=preset.precision, **free)
    return racers


def _passes(optimiser: Optimiser, device: Context) -> list[dict[str, Any]]:
    """``loop_against_executor`` at the paper's layers, beside the authors' way and, where it is installed, PyTorch."""
    with ExitStack() as stack:
        kinds = ["authors", *(["torch"] if rivals.has_torch() else [])]
        others = {kind: stack.enter_context(rivals.Rival(kind)) for kind in kinds}
        return [loop_against_executor(layer, device, optimiser, others=others) for layer in DESCRIBED]


def _say_all(say: Callable[[str], None], *lines: str) -> None:
    for line in lines:
        say(line)


def _lbfgs(optimiser: Optimiser, device: Context) -> list[dict[str, Any]]:
    """``lbfgs_against_executor`` at the paper's layers, in every precision of the device."""
    return [
        lbfgs_against_executor(layer, device, optimiser, edge, precision)
        for edge in EDGES
        for layer in DESCRIBED
        for precision in precisions_of(device)
    ]
