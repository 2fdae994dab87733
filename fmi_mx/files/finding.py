"""Which file an image's name means."""

from __future__ import annotations

import os
from pathlib import Path

import skimage

from ..errors import InputError, as_line, nearest, shown
from ..machine.aliases import AnyPath
from .readers import one_line

PACKAGED = Path(skimage.__file__).with_name("data")  # coffee, astronaut and others that scikit-image carries
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp")
LISTED = 20  # names that a message lists


def image_name(image: AnyPath) -> str:
    """The name that an image, given by name or by path, has in the names of cells: without its folder and without a suffix
    of ``IMAGE_SUFFIXES``, in any case."""
    path = Path(image)
    return path.stem if path.suffix.lower() in IMAGE_SUFFIXES else path.name


def find_image(name: str, folder: AnyPath) -> Path:
    """The file of an image.

    name: in this order, a path, with a folder or a suffix in it; the name of a file in folder, with its suffix or without
    (``IMAGE_SUFFIXES``, in any case; other dots belong to the name); or of one in ``PACKAGED``. Raises InputError, which
    names the images that are in folder, where there is no such file, and where there are two whose names differ in the
    suffix alone.
    """
    try:
        path = Path(one_line(str(name)))
    except InputError as error:
        raise InputError(f"image: its name {error}") from error
    if path.parent != Path(".") or path.suffix:
        if os.path.isfile(path):
            return path
        if os.path.exists(path) or path.parent != Path("."):
            raise InputError(f"image {as_line(name)}: {'is no regular file' if os.path.exists(path) else 'no such file'}")
    for place in (Path(folder), PACKAGED):
        if found := _named(name, place):
            return found
    there = sorted({image_name(file.name) for file in _images_in(Path(folder))})
    raise InputError(
        f"image {shown(name)} is not in {as_line(str(folder))} as {as_line(image_name(name), 100)} with one of "
        f"{', '.join(IMAGE_SUFFIXES)}; {_hint(name, there)}"
    )


def _named(name: str, folder: Path) -> Path | None:
    """The image of that name in a folder, or None. Raises InputError where two have it."""
    files = _images_in(folder)
    found = [file for file in files if file.name == name] or [
        file for file in files if image_name(file.name) == name or _lowered(file.name) == _lowered(name)
    ]
    if len(found) > 1:
        names = ", ".join(file.name for file in found)
        raise InputError(f"image {shown(name)} is there more than once, as {as_line(names)}; give the name with its suffix")
    return found[0] if found else None


def _lowered(name: str) -> str:
    """A name with its image suffix in lower case."""
    return image_name(name) + name[len(image_name(name)) :].lower()


def _images_in(folder: Path) -> list[Path]:
    """The image files of a folder, by their suffixes, in the order of their names; none where it cannot be read."""
    try:
        return sorted(file for file in folder.iterdir() if image_name(file.name) != file.name and os.path.isfile(file))
    except (OSError, ValueError):  # ValueError: a path that no file can have
        return []


def _hint(name: str, there: list[str]) -> str:
    """What to do about a name that none of the images in the folder has."""
    if not there:
        return "no images there; `fmi images fetch` gets the paper's, and `make demo` needs none"
    more = f" and {len(there) - LISTED} more" if there[LISTED:] else ""
    return f"images there: {as_line(', '.join(there[:LISTED]))}{more}{nearest(name, there)}"
