"""Lays the stored cells of a run out as the paper does: parts below one another, each a grid of pictures with labels."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..experiment.filters import filters_of
from ..files import store, whole
from ..machine.aliases import AnyPath
from ..runs.finished import StoredRun, read_run, state
from . import layouts
from .canvas import Axes, Figure, plain, png, shortened, wrapped
from .layouts import Blank, Marked, Part, Picture, Rows

COLUMNS = 8  # more pictures in a row than this are wrapped, so that a sweep stays readable
DPI, LEAST_DPI = 200, 20  # of a very tall figure fewer; with less than the least letters have no pixels
WIDTH, LEFT, TOP, BOTTOM, GAP, NOTE = 10.0, 0.3, 0.3, 0.45, 0.05, 0.3  # inches
LINE = 0.2  # inches of a further line of a title or note
SIZE, SMALL = 12, 8  # points of letters
BLANK = 224  # grey level of a cell that is not there
LARGEST = 2.5  # inches of a picture's width, where there are few columns
LARGEST_PIXELS = 65000  # of a figure's height, which matplotlib limits to 2^16
MOST = 2000  # pictures of a figure


def draw(folder: AnyPath, finished: StoredRun | None = None) -> Path:
    """Draws the figure of a finished run beside its folder, as FOLDER.png. In the place of a cell that failed or is missing
    stands the word; on one whose filter is silent, or whose descent is stuck, it is written.

    finished: of the folder, where it has been read. Returns the path. Raises InputError where the folder holds no finished
    run, or the figure would be too tall.
    """
    folder = Path(folder)
    finished = finished or read_run(folder)
    path = named(folder, ".png")
    whole.write_file(path, grid(_parts(finished, folder), _note(finished.width)))
    return path


def check_place(folder: AnyPath) -> None:
    """Raises InputError where the figure of a run's folder could not be written when the run is done."""
    whole.check_places(named(Path(folder), ".png"))


def _note(width: float) -> str:
    """What a figure says on its face: nothing for the paper's network."""
    return "" if width == 1 else f"small network, {Fraction(width)} of VGG-19's filters: not the paper's"


def named(folder: Path, suffix: str) -> Path:
    """Where a file of a folder's name goes: beside it, or beside the link to it that was given."""
    folder = folder.absolute()
    folder = folder.resolve() if folder.name == ".." else folder.parent.resolve() / folder.name
    if not folder.name:
        raise InputError(f"{folder} is no name for a figure; give another folder with --out")
    return folder.with_name(f"{folder.name}{suffix}")


def _parts(finished: StoredRun, folder: Path) -> list[Part]:
    """The parts of a figure, out of the cells of a run's folder. What another run has replaced since is missing too."""
    pictures = {name: store.read_picture(folder, record) for name, record in finished.records.items()}
    shape = next((picture.shape[:2] for picture in pictures.values() if picture is not None), (1, 1))

    def blank(name: str) -> Blank:
        return Blank(shape, "failed" if name in finished.failed else "missing")

    def array(name: str, key: str) -> np.ndarray | Blank:
        return blank(name) if pictures.get(name) is None else store.read_array(folder, name, key)

    def picture(name: str) -> Picture:
        found = pictures.get(name)
        if found is None:
            return blank(name)
        word = state(finished.records[name])
        return Marked(found, word) if word else found

    experiment = finished.experiment
    if experiment["method"] == "maps":
        return layouts.maps_parts(experiment, array)
    if experiment["method"] == "fmi":
        there = {layer: filters_of(experiment["filters"], layer, finished.width) for layer in experiment["layers"]}
        experiment = {**experiment, "filters": there}
    return layouts.LAYOUTS[experiment["method"]](experiment, picture)


def grid(parts: list[Part], note: str = "") -> bytes:
    """Draws parts below one another, note above them. Returns the PNG."""
    return png(lay_out(parts, note))


@plain()
def lay_out(parts: list[Part], note: str = "") -> Figure:
    """Parts below one another, as a matplotlib figure; above them the note, where there is one. Raises InputError where it
    would be too tall to draw."""
    parts = [Part(part.title, _wrapped(part.rows)) for part in parts]
    columns = max(len(pictures) for part in parts for _, pictures in part.rows)
    width = min((WIDTH - LEFT) / columns, LARGEST)
    page = LEFT + columns * width
    parts = [part._replace(title=wrapped(part.title, page - GAP, SIZE)) for part in parts]
    note = wrapped(note, page - GAP, SIZE)
    heights = [width * _tallest(part) for part in parts]
    above = NOTE + LINE * note.count("\n") if note else 0.0
    total = sum(TOP + len(part.rows) * height + _below(part) for part, height in zip(parts, heights)) + above
    dpi = min(DPI, LARGEST_PIXELS / total)
    if dpi < LEAST_DPI:
        raise InputError(f"the figure would be {total:.0f} inches tall, too tall to draw; `fmi gallery DIR` shows it")
    figure = Figure(figsize=(page, total), dpi=dpi)
    top = total - above
    if note:
        figure.text(0.5, 1 - above / 2 / total, note, ha="center", va="center", fontsize=SIZE, color="firebrick")
    for part, height in zip(parts, heights):
        _draw_part(figure, top, part, width, height)
        top -= TOP + len(part.rows) * height + _below(part)
    return figure


def _below(part: Part) -> float:
    """Inches below the pictures of a part, for its title."""
    return BOTTOM + LINE * part.title.count("\n")


def _wrapped(rows: Rows) -> Rows:
    """Rows of at most COLUMNS pictures."""
    return [(label, row[i : i + COLUMNS]) for label, row in rows for i in range(0, len(row), COLUMNS)]


def _tallest(part: Part) -> float:
    """Height over width of the part's tallest picture, which gives its rows their height."""
    return max(picture.shape[0] / picture.shape[1] for _, row in part.rows for _, picture in row)


def _draw_part(figure: Figure, top: float, part: Part, cell_width: float, cell_height: float) -> None:
    """One part. top: inches above the figure's lower edge; sizes too."""
    width, height = figure.get_size_inches()
    first, gap = [label for label, _ in part.rows[0][1]], min(GAP, cell_height / 10)
    for i, (label, row) in enumerate(part.rows):
        bottom = top - TOP - (i + 1) * cell_height
        differs = [column for column, _ in row] != first
        for j, (column, picture) in enumerate(row):
            box = (LEFT + j * cell_width, bottom, cell_width - gap, cell_height - gap)
            axis = figure.add_axes((box[0] / width, box[1] / height, box[2] / width, box[3] / height))
            axis.set(xticks=[], yticks=[])
            _show(axis, picture)
            column = shortened(column, box[2], SIZE if i == 0 else SMALL)
            if i == 0:
                axis.set_title(column, fontsize=SIZE, pad=3)
            elif differs:  # its columns are not those above it
                axis.text(0.03, 0.95, column, transform=axis.transAxes, va="top", fontsize=SMALL,
                          bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})  # fmt: skip
            if j == 0:
                axis.set_ylabel(shortened(label, box[3], SIZE), fontsize=SIZE)
    below = top - TOP - len(part.rows) * cell_height - 0.6 * _below(part)
    figure.text(0.5, below / height, part.title, ha="center", va="center", fontsize=SIZE)


def _show(axis: Axes, picture: Picture) -> None:
    """A picture in its own shape, with its mark, or the words of a blank."""
    if isinstance(picture, Marked):
        axis.imshow(picture.picture)
        axis.text(0.5, 0.04, picture.words, transform=axis.transAxes, ha="center", va="bottom", fontsize=SMALL,
                  bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})  # fmt: skip
    elif isinstance(picture, Blank):
        axis.imshow(np.full((*picture.shape, 3), BLANK, np.uint8))
        axis.text(0.5, 0.5, picture.words, transform=axis.transAxes, ha="center", va="center", fontsize=SIZE)
    else:
        axis.imshow(picture)
