"""A gallery's pictures: many small ones in a sheet, and larger ones in files of their own. They are JPEG, which is decoded
four times as fast as WebP, in as many bytes of such textures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..files.decoder import opencv

SMALL = 112  # pixels of the longer side of a picture in a sheet
COLUMNS = 16  # of a sheet
BLOCK = 16  # pixels, which JPEG packs together: pictures that shared one would spill into each other
QUALITY = 80  # of 100
ALL = 80_000_000  # pixels of all larger pictures together, so that a gallery of any run stays below 60 MB
WORTH = 1.5  # a larger picture is, at least so many times, longer than the small one


def fit(shape: tuple[int, ...], edge: float) -> tuple[int, int]:
    """(height, width) of a picture whose longer side is at most edge; a smaller one stays as it is."""
    factor = min(1.0, edge / max(shape[:2]))
    return max(1, round(shape[0] * factor)), max(1, round(shape[1] * factor))


def large_size(shape: tuple[int, ...], count: int) -> tuple[int, int] | None:
    """(height, width) that each of count pictures may have in its own file, or None where the small one does as well."""
    height, width = shape[:2]
    share = min(1.0, (ALL / count / (height * width)) ** 0.5)
    size = fit(shape, max(height, width) * share)
    return size if max(size) >= WORTH * SMALL else None


def write_picture(path: Path, picture: np.ndarray) -> None:
    """Writes a picture, uint8 (H, W, 3) RGB, into a folder that is made where it is missing."""
    cv2 = opencv()
    quality = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), quality)[1].tobytes())


def write_file(place: Path, name: str, picture: np.ndarray) -> tuple[str, int, int]:
    """Writes a larger picture into a gallery's folder. Returns its file from there, its height and its width."""
    path = f"pictures/{name}.jpg"
    write_picture(place / path, picture)
    return (path, *picture.shape[:2])


class Sheet:
    """Small pictures side by side, ``COLUMNS`` in a row. count: how many. size: (height, width) of the largest."""

    def __init__(self, count: int, size: tuple[int, int]) -> None:
        self._pitch = up(size[0]), up(size[1])
        self._columns = min(COLUMNS, count)
        rows = -(-count // self._columns)
        self._pixels: np.ndarray = np.full((rows * self._pitch[0], self._columns * self._pitch[1], 3), 128, np.uint8)

    @property
    def size(self) -> tuple[int, ...]:
        """(height, width)."""
        return self._pixels.shape[:2]

    def put(self, place: int, small: np.ndarray) -> tuple[int, int]:
        """A small picture at a place, 0 to count - 1. What is left beside it takes the colour of its edge. Returns its
        (top, left)."""
        row, column = divmod(place, self._columns)
        left = [(0, full - own) for full, own in zip(self._pitch, small.shape)]
        y, x = row * self._pitch[0], column * self._pitch[1]
        self._pixels[y : y + self._pitch[0], x : x + self._pitch[1]] = np.pad(small, [*left, (0, 0)], mode="edge")
        return y, x

    def write(self, path: Path) -> None:
        write_picture(path, self._pixels)


def up(length: int) -> int:
    """The next multiple of ``BLOCK``."""
    return -(-length // BLOCK) * BLOCK
