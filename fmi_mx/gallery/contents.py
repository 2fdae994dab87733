"""The content images of a run, which its folder does not have: found by the digests that its cells name."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..files.finding import IMAGE_SUFFIXES, find_image, image_name
from ..files.images import file_digest, postprocess, preprocess, read_image
from ..machine.aliases import AnyPath
from .source import Source


def contents_of(source: Source, folder: AnyPath) -> dict[str, np.ndarray]:
    """The content images as the network saw them, uint8 (H, W, 3), by the image's name in the experiment; without those that
    are not to be found. folder: of images."""
    experiment, found = source.finished.experiment, {}
    for image, digest in _digests(source).items():
        path = next((path for path in _candidates(image, Path(folder)) if file_digest(path) == digest), None)
        if path is not None:
            pixels = preprocess(read_image(path), experiment["long_edge"], experiment["pixels"])
            found[image] = postprocess(pixels, denoise=0)
    return found


def unseen(source: Source, contents: Mapping[str, np.ndarray]) -> list[str]:
    """The names of the images that cells were computed from and ``contents_of`` has not found."""
    of_cells = {cell.image for name, cell in source.cells.items() if name in source.finished.records}
    images = source.finished.experiment["images"]
    return [image_name(image) for image in images if image in of_cells and image not in contents]


def _digests(source: Source) -> dict[str, str]:
    """Each content image -> the digest of its file. A cell that was stored elsewhere may name none."""
    found = {}
    for name, record in source.finished.records.items():
        digest = record["specification"].get("image_sha256")
        if name in source.cells and digest:
            found[source.cells[name].image] = digest
    return found


def _candidates(image: str, folder: Path) -> Iterator[Path]:
    """Files that may be an image: first the one of its name."""
    with contextlib.suppress(InputError):  # it may have another name by now
        yield find_image(image, folder)
    if folder.is_dir():
        yield from sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
