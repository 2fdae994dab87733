"""The command ``fmi``: arguments in, exit codes out."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Callable, NoReturn

from . import commands
from .commands import ROOT
from .errors import CellsFailed, InputError, as_line, shown
from .streams import sturdy

LONGEST = 5000  # characters of a message


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see `{self.prog} --help`")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command line. arguments: ``sys.argv[1:]`` when None. Returns the exit code: 0 done, 1 something failed or is
    missing, 2 the input or the place is wrong (one line on stderr), 130 interrupted."""
    options = argparse.Namespace(command=None)
    with sturdy():
        try:
            parser().parse_args(arguments, options)
            code = options.command(options) or 0
            sys.stdout.flush()
            return code
        except KeyboardInterrupt:
            return _interrupted(options.command)
        except Exception as error:
            if _came_of_an_interrupt(error):
                return _interrupted(options.command)
            if isinstance(error, InputError):
                return _refuse(error)
            if isinstance(error, CellsFailed):
                return _refuse(error, 1)
            if isinstance(error, MemoryError):
                return _refuse("there is not enough memory for it", 1)
            if isinstance(error, OSError):  # no right to read or write, a name too long, a full disk
                return _refuse(f"{error.filename or ''} {error.strerror or error}".strip())
            raise


def _interrupted(command: Callable[[argparse.Namespace], int | None] | None) -> int:
    resumes = command in (commands.run_experiment, commands.assess_claims)
    print(f"fmi: interrupted{'; the same command resumes' if resumes else ''}", file=sys.stderr)
    return 130


def _came_of_an_interrupt(error: BaseException | None) -> bool:
    """Whether an exception is what a library has made of Ctrl-C, as an import in C does."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def _refuse(reason: object, code: int = 2) -> int:
    print("fmi: error:", as_line(" ".join(str(reason).split()), LONGEST), file=sys.stderr)
    return code


def parser() -> argparse.ArgumentParser:
    """The parser of the command line, which raises InputError at one it cannot read. What it gives has ``command``, the
    function of ``commands`` that is asked for."""
    fmi = _Parser(prog="fmi", description="Feature map inversion of VGG-19 with Apache MXNet.")
    groups = fmi.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    for add in (_add_experiments, _add_weights_commands, _add_fetches, _add_machine):
        add(groups)
    return fmi


def _add_experiments(groups: argparse._SubParsersAction[_Parser]) -> None:
    """run, status, verify, plot, gallery, claims, compare."""
    command = groups.add_parser("run", help="compute the cells of an experiment and draw its figure")
    command.add_argument("experiment", metavar="EXPERIMENT.yaml")
    command.add_argument("--out", metavar="DIR", type=_place, help="run folder (default: figures/NAME)")
    _add_overrides(command)
    command.add_argument(
        "--sweep",
        metavar="KEY=[VALUE,...]",
        action="append",
        default=[],
        help="the experiment with each of these values; several keys in every combination, each in a folder of its own",
    )
    command.add_argument("--beside", metavar="COMBINATION", help="of a sweep, to which distances are (default: the first)")
    command.add_argument("--yes", action="store_true", help="compute a sweep of more than 10,000 cells")
    _add_materials(command)
    _add_jobs(command)
    command.set_defaults(command=commands.run_experiment)

    command = groups.add_parser("status", help="how far the run in a folder has come, and how long the rest will take")
    command.add_argument("folder", metavar="DIR")
    command.add_argument("--json", action="store_true", help="as one JSON object")
    command.set_defaults(command=commands.show_status)

    command = groups.add_parser("verify", help="compute stored cells again, and say how far they are from what is stored")
    command.add_argument("folder", metavar="DIR")
    command.add_argument("--cells", metavar="N", type=_count, default=3, help="how many, drawn by --seed (default: 3)")
    command.add_argument("--seed", metavar="N", type=_count, default=1)
    command.add_argument(
        "--within",
        metavar="LEVELS",
        type=_levels,
        default=0.5,
        help="grey levels of the largest difference; beyond it the exit code is 1 (default: 0.5, which no picture shows)",
    )
    _add_materials(command)
    command.set_defaults(command=commands.verify_cells)

    command = groups.add_parser("plot", help="draw the figure again from the stored cells")
    command.add_argument("folder", metavar="DIR")
    command.set_defaults(command=commands.plot_figure)

    command = groups.add_parser("gallery", help="pages of a run to look at in a browser, without a server or a network")
    command.add_argument("folder", metavar="DIR")
    command.add_argument("--out", metavar="DIR", type=_place, help="where they go (default: DIR/gallery)")
    _add_images(command)
    command.set_defaults(command=commands.make_gallery)

    command = groups.add_parser("claims", help="test the paper's claims, with intervals and controls")
    command.add_argument("claims", metavar="CLAIMS.yaml", nargs="?", help="default: claims.yaml, or atlas_claims.yaml")
    command.add_argument("--atlas", metavar="DIR", type=_place, help="what a run of atlas.yaml says of them (docs/atlas.md)")
    command.add_argument(
        "--out", metavar="DIR", type=_place, default="figures", help="writes claims.md, .json, .png and claims/ there"
    )
    _add_overrides(command)
    _add_materials(command)
    _add_jobs(command)
    command.set_defaults(command=commands.assess_claims)

    command = groups.add_parser("compare", help="a run's cells against the authors' panel of the same figure")
    command.add_argument("folders", metavar="DIR", nargs="+", help="of a run; several are compared with each other too")
    command.add_argument("panel", metavar="PANEL.png")
    _add_weights(command)
    _add_device(command)
    command.set_defaults(command=commands.compare_runs)


def _add_weights_commands(groups: argparse._SubParsersAction[_Parser]) -> None:
    """weights fetch, convert, check, normalise, diff."""
    group = groups.add_parser("weights", help="fetch, convert, check or compare the weights")
    weights = group.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    command = weights.add_parser("fetch", help="download model/vgg19.params")
    command.add_argument("--from", metavar="NAME", dest="source", help="a source of model/sources.yaml (default: in turn)")
    command.set_defaults(command=commands.fetch_weights)
    command = weights.add_parser("convert", help="write weights of any known format in the canonical one")
    command.add_argument(
        "source", metavar="SOURCE", help=".params, .npz, .caffemodel, .mat, .h5, .pth, TensorFlow.js folder"
    )
    command.add_argument("--to", metavar="FILE", default=str(ROOT / "model" / "vgg19.params"))
    command.set_defaults(command=commands.convert_weights)
    command = weights.add_parser("check", help="say whether a weights file can be used")
    command.add_argument("file", metavar="FILE", nargs="?", default=_default_weights())
    command.set_defaults(command=commands.check_weights)

    command = weights.add_parser("normalise", help="scale every filter to a mean activation of 1 over the paper's images")
    command.add_argument("--to", metavar="FILE", default=str(ROOT / "model" / "vgg19_normalised.params"))
    _add_weights(command)
    _add_images(command)
    command.set_defaults(command=commands.normalise_weights)

    command = weights.add_parser("diff", help="the largest difference of two weights files, array by array")
    command.add_argument("one", metavar="A")
    command.add_argument("two", metavar="B")
    command.set_defaults(command=commands.diff_weights)


def _add_fetches(groups: argparse._SubParsersAction[_Parser]) -> None:
    """images fetch, panels fetch."""
    group = groups.add_parser("images", help="fetch the images")
    images = group.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    command = images.add_parser("fetch", help="download the paper's images")
    command.set_defaults(command=commands.fetch_images)

    group = groups.add_parser("panels", help="fetch the authors' panels")
    panels = group.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    command = panels.add_parser("fetch", help="download the authors' panels of Figs. 3, 4 and 5")
    command.set_defaults(command=commands.fetch_panels)


def _add_machine(groups: argparse._SubParsersAction[_Parser]) -> None:
    """doctor, bench."""
    command = groups.add_parser("doctor", help="what this machine has, what is missing and what mends it")
    _add_materials(command)
    command.set_defaults(command=commands.examine_machine)

    command = groups.add_parser("bench", help="what a pass costs, and how long each optimiser takes to the authors' loss")
    command.add_argument("--out", metavar="NAME", type=_place, default="figures/bench", help="writes NAME.json and NAME.png")
    _add_materials(command)
    command.set_defaults(command=commands.run_benchmark)


def _place(text: str) -> str:
    """A path that is given. The empty one is what a shell makes of a variable that is not set."""
    if not text:
        raise argparse.ArgumentTypeError("is empty; give a folder, or leave it away")
    return text


def _count(text: str) -> int:
    if not (text.isdecimal() and text.isascii() and len(text) < 10 and int(text) > 0):
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, is {shown(text)}")
    return int(text)


def _levels(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found <= 1000:
        raise argparse.ArgumentTypeError(f"must be grey levels from 0 to 1000, is {shown(text)}")
    return found


def _default_weights() -> str:
    return os.environ.get("FMI_WEIGHTS") or str(ROOT / "model" / "vgg19.params")


def _add_overrides(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        dest="overrides",
        help="replace a value of the file; dotted keys, values in YAML",
    )


def _add_weights(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--weights", metavar="FILE", default=_default_weights(), help="default: $FMI_WEIGHTS or model/vgg19.params"
    )


def _add_materials(command: argparse.ArgumentParser) -> None:
    _add_weights(command)
    _add_images(command)
    _add_device(command)


def _add_images(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--images",
        metavar="DIR",
        default=os.environ.get("FMI_IMAGES") or str(ROOT / "experiments" / "images"),
        help="default: $FMI_IMAGES or experiments/images",
    )


def _add_device(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--device",
        metavar="auto|cpu|gpu|gpu:N",
        default=os.environ.get("FMI_DEVICE") or "auto",
        help="default: $FMI_DEVICE or auto",
    )


def _add_jobs(command: argparse.ArgumentParser) -> None:
    where = command.add_mutually_exclusive_group()
    where.add_argument(
        "--jobs",
        metavar="N|auto",
        default=os.environ.get("FMI_JOBS") or "auto",
        help="cells side by side; auto: as cores and memory allow (default: $FMI_JOBS or auto)",
    )
    where.add_argument(
        "--scheduler", metavar="ADDRESS", type=_place, help="compute on the workers of this dask scheduler (or its file)"
    )
