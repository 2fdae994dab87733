"""The command ``fmi``: arguments in, exit codes out."""

import argparse
import os
import sys
from pathlib import Path

import yaml

from .errors import InputError
from .overlay import EXPERIMENTS, YAML_ERRORS

ROOT = Path(__file__).resolve().parent.parent  # the clone, where the package was installed from one


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise InputError(f"{message}; see `{self.prog} --help`")


def main(arguments=None):
    """Runs a command line. arguments: list of strings, ``sys.argv[1:]`` when None. Returns the exit code: 0 done, 2 the
    input is wrong (one line on stderr), 130 interrupted."""
    try:
        options = _parser().parse_args(arguments)
        return options.command(options) or 0
    except InputError as error:
        print("fmi: error:", " ".join(str(error).split()), file=sys.stderr)
        return 2
    except OSError as error:  # no right to read or write, a name too long, a full disk
        print("fmi: error:", " ".join(f"{error.filename or ''} {error.strerror or error}".split()), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        kept = "" if options.command is _bench else "; the same command resumes"
        print(f"fmi: interrupted{kept}", file=sys.stderr)
        return 130


def _parser():
    parser = _Parser(prog="fmi", description="Feature map inversion of VGG-19 with Apache MXNet.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)

    command = commands.add_parser("run", help="compute the cells of an experiment and draw its figure")
    command.add_argument("experiment", metavar="EXPERIMENT.yaml")
    command.add_argument("--out", metavar="DIR", help="run folder (default: figures/NAME)")
    _add_overrides(command)
    _add_materials(command)
    command.set_defaults(command=_run)

    command = commands.add_parser("plot", help="draw the figure again from the stored cells")
    command.add_argument("folder", metavar="DIR")
    command.set_defaults(command=_plot)

    command = commands.add_parser("claims", help="test the paper's claims, with intervals and controls")
    command.add_argument("claims", metavar="CLAIMS.yaml", nargs="?", default=str(EXPERIMENTS / "claims.yaml"))
    command.add_argument("--out", metavar="DIR", default="figures", help="writes claims.md, .json, .png and claims/ there")
    _add_overrides(command)
    _add_materials(command)
    command.set_defaults(command=_claims)

    command = commands.add_parser("compare", help="a run's cells against the authors' panel of the same figure")
    command.add_argument("folders", metavar="DIR", nargs="+", help="of a run; several are compared with each other too")
    command.add_argument("panel", metavar="PANEL.png")
    _add_weights(command)
    _add_device(command)
    command.set_defaults(command=_compare)

    weights = commands.add_parser("weights", help="fetch, convert, check or compare the weights")
    weights = weights.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    command = weights.add_parser("fetch", help="download model/vgg19.params")
    command.add_argument("--from", metavar="NAME", dest="source", help="a source of model/sources.yaml (default: in turn)")
    command.set_defaults(command=_weights_fetch)
    command = weights.add_parser("convert", help="write weights of any known format in the canonical one")
    command.add_argument(
        "source", metavar="SOURCE", help=".params, .npz, .caffemodel, .mat, .h5, .pth, TensorFlow.js folder"
    )
    command.add_argument("--to", metavar="FILE", default=str(ROOT / "model" / "vgg19.params"))
    command.set_defaults(command=_weights_convert)
    command = weights.add_parser("check", help="say whether a weights file can be used")
    command.add_argument("file", metavar="FILE", nargs="?", default=_default_weights())
    command.set_defaults(command=_weights_check)

    command = weights.add_parser("normalise", help="scale every filter to a mean activation of 1 over the paper's images")
    command.add_argument("--to", metavar="FILE", default=str(ROOT / "model" / "vgg19_normalised.params"))
    _add_weights(command)
    _add_images(command)
    command.set_defaults(command=_weights_normalise)

    command = weights.add_parser("diff", help="the largest difference of two weights files, array by array")
    command.add_argument("one", metavar="A")
    command.add_argument("two", metavar="B")
    command.set_defaults(command=_weights_diff)

    images = commands.add_parser("images", help="fetch the images")
    images = images.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    command = images.add_parser("fetch", help="download the paper's images")
    command.set_defaults(command=_images_fetch)

    panels = commands.add_parser("panels", help="fetch the authors' panels")
    panels = panels.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    command = panels.add_parser("fetch", help="download the authors' panels of Figs. 3, 4 and 5")
    command.set_defaults(command=_panels_fetch)

    command = commands.add_parser("doctor", help="what this machine has, what is missing and what mends it")
    _add_materials(command)
    command.set_defaults(command=_doctor)

    command = commands.add_parser("bench", help="what a pass costs, and how long each optimiser takes to the authors' loss")
    command.add_argument("--out", metavar="NAME", default="figures/bench", help="writes NAME.json and NAME.png")
    _add_materials(command)
    command.set_defaults(command=_bench)
    return parser


def _default_weights():
    return os.environ.get("FMI_WEIGHTS") or str(ROOT / "model" / "vgg19.params")


def _add_overrides(command):
    command.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        dest="overrides",
        help="replace a value of the file; dotted keys, values in YAML",
    )


def _add_weights(command):
    command.add_argument(
        "--weights", metavar="FILE", default=_default_weights(), help="default: $FMI_WEIGHTS or model/vgg19.params"
    )


def _add_materials(command):
    _add_weights(command)
    _add_images(command)
    _add_device(command)


def _add_images(command):
    command.add_argument(
        "--images",
        metavar="DIR",
        default=os.environ.get("FMI_IMAGES") or str(ROOT / "experiments" / "images"),
        help="default: $FMI_IMAGES or experiments/images",
    )


def _add_device(command):
    command.add_argument(
        "--device",
        metavar="auto|cpu|gpu|gpu:N",
        default=os.environ.get("FMI_DEVICE") or "auto",
        help="default: $FMI_DEVICE or auto",
    )


def _overrides(pairs):
    """``KEY=VALUE`` strings as a dict, values read as YAML."""
    values = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise InputError(f"--set takes KEY=VALUE, is {pair!r}")
        try:
            values[key] = yaml.safe_load(value)
        except YAML_ERRORS as error:
            raise InputError(f"--set {pair}: the value is not YAML ({error})") from error
    return values


def _run(options):
    from . import figures
    from .cell import cells
    from .experiment import load_experiment
    from .progress import Progress
    from .run import run

    experiment = load_experiment(options.experiment, **_overrides(options.overrides))
    out = Path(options.out or Path("figures") / experiment.figure)
    figures.check_place(out)
    progress = Progress(cells(experiment), sys.stderr)
    try:
        run(experiment, out, options.weights, options.images, options.device, progress.on_cell, progress.on_pass)
    finally:
        progress.close()
    print(figures.draw(out))


def _plot(options):
    from . import figures

    print(figures.draw(options.folder))


def _claims(options):
    from .claims import assess
    from .claims_report import lines
    from .claims_settings import load_settings

    settings = load_settings(options.claims, _overrides(options.overrides))
    report = assess(settings, options.out, options.weights, options.images, options.device, sys.stderr)
    print("\n".join(lines(report)))
    for suffix in ("md", "json", "png"):
        print(Path(options.out) / f"claims.{suffix}")


def _compare(options):
    from .compare import compare
    from .tables import lines, settings_lines

    reports = {}
    for folder in options.folders:
        reports[Path(folder).name] = compare(folder, options.panel, options.weights, options.device)
        print("\n".join([*lines(reports[Path(folder).name]), ""]), flush=True)
    if len(reports) > 1:
        print("\n".join(settings_lines(reports)))


def _weights_fetch(options):
    from .convert import convert
    from .fetch import fetch_first, read_sources
    from .weights import read_weights

    target = ROOT / "model" / "vgg19.params"
    if target.is_file() and options.source is None:
        read_weights(target)
        print(f"{target}: there already, and whole")
        return
    for step in fetch_first(read_sources(ROOT / "model" / "sources.yaml"), ROOT / "model", options.source):
        if isinstance(step, str):
            print(step, flush=True)
        else:
            convert(step[1], target)
            step[1].unlink()
            print(f"{target}: written")


def _weights_convert(options):
    from .convert import convert

    provenance = convert(options.source, options.to)
    for conversion in provenance["conversions"]:
        print(conversion)
    print(f"{options.to}: {provenance['network']}")


def _weights_check(options):
    from .convert import network_of
    from .weights import read_weights, weights_digest

    arrays = read_weights(options.file)
    network = network_of(arrays, options.file)
    print(f"{options.file}: all 32 arrays of VGG-19; {network}; SHA-256 of the numbers {weights_digest(arrays)}")


def _weights_normalise(options):
    from .fetch import read_sources
    from .rescale import normalise

    names = list(read_sources(ROOT / "experiments" / "images" / "sources.yaml"))
    print(f"{options.to}: {normalise(options.weights, options.to, names, options.images)['network']}")


def _weights_diff(options):
    import numpy as np

    from .convert import read_any

    one, two = read_any(options.one)[0], read_any(options.two)[0]
    for name, array in one.items():
        print(f"{name:16} {np.abs(array - two[name]).max():.3g}")


def _images_fetch(_):
    _fetch_all(ROOT / "experiments" / "images")


def _panels_fetch(_):
    _fetch_all(ROOT / "experiments" / "panels")


def _fetch_all(folder):
    """Downloads everything that a folder's sources.yaml lists."""
    from .fetch import fetch, read_sources

    for entry in read_sources(folder / "sources.yaml").values():
        path, downloaded = fetch(entry, folder)
        print(f"{path}: {'downloaded' if downloaded else 'there already'}, checksum right", flush=True)


def _doctor(options):
    from .doctor import examine

    facts = examine(options.weights, options.images, options.device)
    for good, fact, remedy in facts:
        print(f"ok       {fact}" if good else f"MISSING  {fact}; to mend it: {remedy}")
    return 0 if all(good for good, _, _ in facts) else 1


def _bench(options):
    from .bench import bench

    bench(options.out, options.weights, options.images, options.device, lambda line: print(line, flush=True))
    print(f"{options.out}.json {options.out}.png")
