"""What each command of ``fmi`` does with its options. Modules are imported where they are used, so that a command that
needs no MXNet does not wait for it. A function takes what ``cli`` has parsed and returns the exit code, or None for 0. It
raises InputError for whatever is wrong with what the user gave."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path

from .errors import InputError, nearest, shown
from .files.plain_yaml import read_yaml
from .machine.aliases import AnyPath

CELLS_OF_A_SWEEP = 10_000  # that are computed without --yes
ROOT = Path(__file__).resolve().parent.parent  # the clone, where the package was installed from one


def _overrides(pairs: Iterable[str], option: str = "--set") -> dict[str, object]:
    """Each ``KEY=VALUE`` of an option as a key and its value, read as YAML."""
    values: dict[str, object] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise InputError(f"{option} takes KEY=VALUE, is {shown(pair)}")
        if key in values:
            raise InputError(f"{option} {shown(pair)}: the key {shown(key)} is set twice; set it once")
        try:
            values[key] = read_yaml(value)
        except InputError as error:
            raise InputError(f"{option} {shown(pair)}: {error}") from error
    return values


def run_experiment(options: Namespace) -> int:
    """``fmi run``: computes what is missing of an experiment, or of every combination of a sweep, and draws the figures,
    whose paths it prints. Returns 1 where cells failed, else 0."""
    from .experiment.grid import load_grid
    from .figure import draw
    from .figure.table import places, write_table
    from .files import whole
    from .machine.devices import find_device
    from .machine.precision import remark
    from .machine.processor import kinds
    from .runs.coordinator import Order
    from .runs.materials import remarks
    from .runs.run import compute_all

    grid = load_grid(options.experiment, _overrides(options.overrides), _overrides(options.sweep, "--sweep"))
    out = Path(options.out or Path("figures") / grid[0].experiment.figure)
    swept = bool(grid[0].name)
    beside = _check_sweep(options, [one.name for one in grid], out) if swept else ""
    orders = [Order(one.experiment, out / one.name if swept else out, options.weights, options.images) for one in grid]
    whole.check_places(*(places(out) if swept else ()))
    said: dict[str, None] = {}
    for order in orders:
        draw.check_place(order.out)
        if order.experiment.precision:
            said[remark(order.experiment.precision, find_device(options.device))] = None
        said.update({f"{line}\n": None for line in remarks(order.experiment, options.images)})
    sys.stderr.write("".join(said))
    most = None if options.yes or not swept else CELLS_OF_A_SWEEP
    records = compute_all(orders, options.device, options.jobs, sys.stderr, options.scheduler, most)
    machines = kinds([record for found in records for record in found])
    if len(machines) > 1:
        counted = "; ".join(f"{count} on {words}" for words, count in machines.items())
        print(f"cells of {len(machines)} kinds of machine, whose last digits differ: {counted}", file=sys.stderr)
    code = max(_draw(order.out) for order in orders)
    if swept:
        print(*write_table(out, grid, records, beside))
    return code


def _check_sweep(options: Namespace, names: list[str], out: Path) -> str:
    """Raises InputError where a sweep cannot be in a folder. Returns the name of the combination that others are laid
    beside."""
    if (out / "run.json").exists() or (out / "plan.json").exists():
        raise InputError(f"output folder {out} has a run that is no sweep; give another with --out")
    beside = options.beside or names[0]
    if beside not in names:
        raise InputError(f"--beside {shown(beside)} is no combination of this sweep{nearest(beside, names)}")
    return beside


def show_status(options: Namespace) -> None:
    """``fmi status``: how far the run in a folder has come."""
    import json

    from .runs.status import lines, report

    found = report(options.folder)
    print(json.dumps(found, indent=2) if options.json else "\n".join(lines(found)))


def verify_cells(options: Namespace) -> int:
    """``fmi verify``: a line for each cell that was computed again. Returns 1 where one is too far from what is stored."""
    from .runs.verify import line, verify

    worst = 0.0
    for found in verify(options.folder, options.cells, options.seed, options.weights, options.images, options.device):
        print(line(found), flush=True)
        worst = max(worst, found.levels)
    return 1 if worst > options.within else 0


def plot_figure(options: Namespace) -> int:
    """``fmi plot``: draws the figure of a finished run again. Returns 1 where cells failed or are missing, else 0."""
    return _draw(options.folder)


def _draw(folder: AnyPath) -> int:
    """Draws a run's figure, prints its path and says which cells are not in it. Returns the exit code."""
    from .figure import draw
    from .network.vgg19 import is_relu
    from .runs.finished import listed, read_run, state

    finished = read_run(folder)
    count = len(finished.cells)
    if count > draw.MOST:
        print(f"{count} cells are too many for a figure; `fmi gallery {folder}` shows them", file=sys.stderr)
    else:
        print(draw.draw(folder, finished))
    for what, names in (("failed", list(finished.failed)), ("missing", finished.missing)):
        if names:
            verb = f"{len(names)} of {count} cells {what}"
            print(f"{verb}: {listed(names)}; the same `fmi run` tries again", file=sys.stderr)
    linear = finished.experiment.get("feature_map") == "rectified" and all(map(is_relu, finished.experiment["layers"]))
    wakes = "--set feature_map=linear_if_silent" if linear else "another seed"
    for word, what, helps in (
        ("silent", "their filters without energy in the picture", f"{wakes} may wake them"),
        ("stuck", "their losses less than a thousandth lower than at first", "another seed may help"),
    ):
        names = [name for name, record in finished.records.items() if state(record) == word]
        if names:
            print(
                f"{len(names)} of {count} cells {word}, {what}: {listed(names)}; {helps} (docs/trouble.md)", file=sys.stderr
            )
    return 1 if finished.failed or finished.missing else 0


def make_gallery(options: Namespace) -> int:
    """``fmi gallery``: makes the pages of a run and prints the first. Returns 1 where cells failed or are missing,
    else 0."""
    from .gallery.gallery import make

    page, finished = make(options.folder, options.out, options.images, lambda line: print(line, file=sys.stderr, flush=True))
    print(page)
    for what, count in (("failed", len(finished.failed)), ("missing", len(finished.missing))):
        if count:
            print(f"{count} of {len(finished.cells)} cells {what}, shown as such", file=sys.stderr)
    return 1 if finished.failed or finished.missing else 0


def assess_claims(options: Namespace) -> None:
    """``fmi claims``: tests the claims and prints the report and its files."""
    if options.atlas:
        _assess_atlas(options)
        return
    from .claims.assess import assess
    from .claims.report import lines
    from .claims.settings import load_settings
    from .experiment.overlay import EXPERIMENTS

    settings = load_settings(options.claims or EXPERIMENTS / "claims.yaml", _overrides(options.overrides))
    place = options.device, options.jobs, sys.stderr, options.scheduler
    report, paths = assess(settings, options.out, options.weights, options.images, *place)
    print("\n".join([*lines(report), *map(str, paths)]))


def _assess_atlas(options: Namespace) -> None:
    """``fmi claims --atlas``: what the atlas says of them."""
    from .claims.atlas.assess import assess
    from .claims.atlas.report import lines
    from .claims.atlas.settings import load_settings
    from .experiment.overlay import EXPERIMENTS

    settings = load_settings(options.claims or EXPERIMENTS / "atlas_claims.yaml", _overrides(options.overrides))
    place = options.device, options.jobs, sys.stderr, options.scheduler
    report, paths = assess(settings, options.atlas, options.out, options.images, *place)
    print("\n".join([*lines(report), *map(str, paths)]))


def compare_runs(options: Namespace) -> None:
    """``fmi compare``: each run beside the authors' panel; of several a table as well."""
    from .compare.compare import compare_all
    from .compare.tables import lines, settings_lines

    reports = {}
    for folder, report in zip(options.folders, compare_all(options.folders, options.panel, options.weights, options.device)):
        reports[folder] = report
        print("\n".join([*lines(report), ""]), flush=True)
    if len(reports) > 1:
        print("\n".join(settings_lines(reports)))


def fetch_weights(options: Namespace) -> None:
    """``fmi weights fetch``: Oxford's weights from the first source that answers, in the canonical form."""
    from .files.fetch import fetch_first
    from .files.sources import read_sources
    from .weights.canonical import read_weights, write_weights
    from .weights.convert import read_any

    target = ROOT / "model" / "vgg19.params"
    if target.exists() and options.source is None:
        try:
            read_weights(target)
        except InputError as error:
            raise InputError(
                f"{target} is there but cannot be used (`fmi weights check` says why); move it away first"
            ) from error
        print(f"{target}: there already, and whole")
        return
    for step in fetch_first(read_sources(ROOT / "model" / "sources.yaml"), ROOT / "model", read_any, options.source):
        if isinstance(step, str):
            print(step, flush=True)
        else:
            (arrays, provenance), downloaded = step
            write_weights(arrays, target, provenance)
            if downloaded is not None and downloaded != target:
                downloaded.unlink()
            print(f"{target}: written")


def convert_weights(options: Namespace) -> None:
    """``fmi weights convert``: any VGG-19 file to the canonical form; prints what was done to it."""
    from .weights.convert import convert

    provenance = convert(options.source, options.to)
    for conversion in provenance["conversions"]:
        print(conversion)
    print(f"{options.to}: {provenance['network']}")


def check_weights(options: Namespace) -> None:
    """``fmi weights check``: which network a canonical file holds."""
    from .weights.canonical import read_weights, weights_digest
    from .weights.convert import network_of

    arrays = read_weights(options.file)
    network = network_of(arrays, options.file)
    print(f"{options.file}: all 32 arrays; {network}; SHA-256 of the numbers {weights_digest(arrays)}")


def normalise_weights(options: Namespace) -> None:
    """``fmi weights normalise``: every filter's mean activation over the paper's images becomes 1."""
    from .files.sources import read_sources
    from .weights.rescale import normalise

    names = list(read_sources(ROOT / "experiments" / "images" / "sources.yaml"))
    print(f"{options.to}: {normalise(options.weights, options.to, names, options.images)['network']}")


def diff_weights(options: Namespace) -> None:
    """``fmi weights diff``: the largest difference of two files, array by array."""
    import numpy as np

    from .weights.convert import read_any

    one, two = read_any(options.one)[0], read_any(options.two)[0]
    shapes = [arrays["conv1_1_weight"].shape for arrays in (one, two)]
    if shapes[0] != shapes[1]:
        raise InputError(f"{options.one} and {options.two} are of two widths (conv1_1_weight {shapes[0]} and {shapes[1]})")
    for name, array in one.items():
        print(f"{name:16} {np.abs(array.astype(np.float64) - two[name]).max():.3g}")


def fetch_images(_: Namespace) -> None:
    """``fmi images fetch``: the paper's images."""
    _fetch_all(ROOT / "experiments" / "images")


def fetch_panels(_: Namespace) -> None:
    """``fmi panels fetch``: the authors' panels."""
    _fetch_all(ROOT / "experiments" / "panels")


def _fetch_all(folder: Path) -> None:
    """Downloads everything that a folder's sources.yaml lists."""
    from .files.fetch import PICTURE, fetch
    from .files.sources import read_sources

    for entry in read_sources(folder / "sources.yaml").values():
        try:
            path, downloaded = fetch(entry, folder, PICTURE)
        except InputError as error:
            raise InputError(f"{error}; `make demo` needs no {folder.name}") from error
        print(f"{path}: {'downloaded' if downloaded else 'there already'}, checksum right", flush=True)


def examine_machine(options: Namespace) -> int:
    """``fmi doctor``: prints what a run needs and what is missing. Returns 1 where something is, else 0."""
    from .doctor import examine

    facts = examine(options.weights, options.images, options.device)
    for good, fact, remedy in facts:
        print(f"ok       {fact}" if good else f"MISSING  {fact}; to mend it: {remedy}")
    return 0 if all(good for good, _, _ in facts) else 1


def run_benchmark(options: Namespace) -> None:
    """``fmi bench``: prints each line of the benchmark as it is known, and its files."""
    from .bench.bench import bench

    bench(options.out, options.weights, options.images, options.device, lambda line: print(line, flush=True))
    print(f"{options.out}.json {options.out}.png")
