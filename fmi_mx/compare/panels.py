"""Finds the cells of a panel: a picture of a whole figure, with labels around a grid of pictures on one background."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_fill_holes, grey_opening

from ..errors import InputError
from ..files.header import read_header
from ..files.images import read_image
from ..machine.aliases import AnyPath

BACKGROUND = 32  # levels by which a pixel of a cell, or of its frame, differs from the background in some channel
STROKE = 24  # the strokes of letters are narrower than 1/24 of the panel's shorter side, and cells are wider
FILLED = 1 / 6  # of what the fullest row (or column) of pixels has of cells, which even one cell of five exceeds
UNLIKE = 0.1  # by which the sizes of cells may differ from one another
SMALLEST = 32  # pixels of a cell's side: below that no texture is left
MOST = 50_000_000  # pixels of a panel, which take 12 s and 2.5 GB; a page at 600 dots an inch has 35 million


def read_panel(path: AnyPath, rows: int, columns: int) -> list[list[np.ndarray]]:
    """The cells of a panel's file, as ``find_cells`` returns them. Raises InputError, naming the file, where it is no image,
    has more than MOST pixels, or its grid is another than rows x columns."""
    try:
        header = read_header(path)
        if header.width * header.height > MOST:
            size = f"{header.width}x{header.height}"
            raise InputError(f"is {size} pixels; at most {MOST // 10**6} million are searched for cells, so make it smaller")
        return find_cells(read_image(path), rows, columns)
    except InputError as error:
        reason = str(error)
        raise InputError(reason if str(path) in reason else f"panel {path}: {reason}") from error


def find_cells(panel: np.ndarray, rows: int, columns: int) -> list[list[np.ndarray]]:
    """The cells of a panel, cut out within their frames.

    panel: uint8 (H, W, 3). rows, columns: of the figure. Returns rows of uint8 (h, w, 3). Raises InputError where the grid
    found is another, where cells differ in size and where a place of the grid is empty.
    """
    solid = _solid(panel)
    across, down = _runs(solid.mean(axis=0)), _runs(solid.mean(axis=1))
    if (len(down), len(across)) != (rows, columns):
        raise InputError(f"a grid of {rows} x {columns} cells (rows x columns) is wanted, {len(down)} x {len(across)} found")
    for runs, what in ((across, "wide"), (down, "high")):
        sizes = [end - start for start, end in runs]
        if max(sizes) > (1 + UNLIKE) * min(sizes):
            raise InputError(
                f"its cells are {min(sizes)} to {max(sizes)} pixels {what}; those of a figure are all of one size"
            )
        if min(sizes) < SMALLEST:
            raise InputError(f"its cells are {min(sizes)} pixels {what}; at least {SMALLEST} are needed to see a texture")
    for r, (top, bottom) in enumerate(down):
        for c, (left, right) in enumerate(across):
            if solid[top:bottom, left:right].mean() < 0.5:
                raise InputError(f"the place in row {r + 1}, column {c + 1} of its grid is empty")
    return [[panel[top:bottom, left:right] for left, right in across] for top, bottom in down]


def _solid(panel: np.ndarray) -> np.ndarray:
    """Where cells are, bool (H, W): what is not background, with the holes of what is closed (a frame around white) filled,
    and without what is thin (letters, lines, and whatever of them touches a cell)."""
    edge = np.concatenate([panel[0], panel[-1], panel[:, 0], panel[:, -1]])
    background = np.median(edge, axis=0)
    filled = binary_fill_holes((np.abs(panel - background) > BACKGROUND).any(axis=2))
    stroke = max(3, min(panel.shape[:2]) // STROKE)
    return grey_opening(filled.astype(np.uint8), size=(stroke, stroke)).astype(bool)


def _runs(share: np.ndarray) -> list[tuple[int, int]]:
    """(start, end) of each run of rows, or columns, that cells fill, without those shorter than half of the longest.

    share: float (N,), of each that is solid. One that has little of what the fullest has is no cell's: there a long stroke,
    such as an underscore, touches a cell.
    """
    filled = share > FILLED * share.max()
    edges = np.flatnonzero(np.diff(np.r_[0, filled.astype(np.int8), 0]))
    runs = list(zip(edges[::2].tolist(), edges[1::2].tolist()))
    longest = max((end - start for start, end in runs), default=0)
    return [(start, end) for start, end in runs if 2 * (end - start) > longest]
