"""What the header of an image file says, by Pillow: read before a pixel is, which a few bytes can declare billions of."""

from __future__ import annotations

import contextlib
import mmap
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from ..errors import InputError, as_line
from ..machine.aliases import AnyPath
from .quiet import captured

TOO_LARGE = "takes more memory than there is; make it smaller first"
FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP")
_GREY = ("1", "L", "LA", "La", "I;16", "I;16B", "I;16L")
_COLOUR = ("P", "PA", "RGB", "RGBX", "RGBA", "RGBa", "YCbCr")
_WITH_ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")
_REFUSED = {
    "CMYK": "inks (CMYK), whose colours depend on the press",
    "LAB": "CIELAB",
    "F": "floating-point numbers",
    "I": "numbers of more than 16 bits or with a sign",
}
_ORIENTATION, _EXTRA_SAMPLES, _SAMPLE_FORMAT = 274, 338, 339  # tags of TIFF and EXIF
_JPEG_MARKER = re.compile(rb"\xff([\x02-\xcf\xd9-\xfe])", re.DOTALL)  # but those that stand among the data


class Header(NamedTuple):
    """format: one of ``FORMATS``, or MPO. width, height: pixels as stored. grey: it has one channel of colour. transparency:
    it has some, or channels that may be. profile: ICC. turn: EXIF's orientation, 1 to 8, where OpenCV does not apply it.
    several: it holds more than one image."""

    format: str
    width: int
    height: int
    grey: bool
    transparency: bool
    profile: bytes | None
    turn: int
    several: bool


def read_header(path: AnyPath) -> Header:
    """The ``Header`` of an image file. Raises InputError for what is no regular file, cannot be opened, has no header of
    ``FORMATS``, and has pixels that are no grey, palette or RGB of 8 or 16 bits."""
    name = as_line(str(path))
    if not os.path.isfile(path):  # a pipe or /dev/zero would be read for ever
        raise InputError(f"image {name}: {'is no regular file' if os.path.exists(path) else 'no such file'}")
    with _opened(path, name) as image:
        header, mode = _header(image), _mode(image)
    if mode not in (*_GREY, *_COLOUR):
        raise InputError(
            f"image {name}: its pixels are {_REFUSED.get(mode, mode)}; grey, palette and RGB of 8 or 16 bits are read, "
            "so convert it first"
        )
    return header


def check_whole(path: AnyPath, header: Header) -> None:
    """Raises InputError for a JPEG without an end, or with fewer bytes than its size needs, and for a TIFF or WebP that
    Pillow does not read through: OpenCV takes what there is of them. The other formats it refuses itself."""
    name, size, cut = as_line(str(path)), os.path.getsize(path), False
    if header.format in ("JPEG", "MPO"):
        most = 8 * 64 * size  # pixels: a block of 64 has a bit at least
        cut = header.width * header.height > most or not _has_end(path)
    elif header.format in ("TIFF", "WEBP"):
        with _opened(path, name) as image:
            image.load()
            cut = isinstance(image, TiffImageFile) and any(end > size for end in _ends(image.tag_v2))
    if cut:
        raise InputError(f"image {name}: is cut off before its end")


@contextlib.contextmanager
def _opened(path: AnyPath, name: str) -> Iterator[Image.Image]:
    """A file as Pillow opens it: quietly, and whatever its size. Raises InputError for whatever goes wrong in the block."""
    try:
        with captured(), warnings.catch_warnings(), _without_a_limit():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=FORMATS) as image:
                yield image
    except Image.UnidentifiedImageError as error:
        raise InputError(
            f"image {name}: not an image that is read (PNG, JPEG, TIFF, BMP and WebP of 8 or 16 bits are), or damaged"
        ) from error
    except MemoryError as error:
        raise InputError(f"image {name}: {TOO_LARGE}") from error
    except Exception as error:  # Pillow raises whatever a damaged file leads it to
        if said := getattr(error, "strerror", None):
            raise InputError(f"image {name}: cannot be read ({said})") from error
        reason = as_line(f"{type(error).__name__}: {error}", 100)
        raise InputError(
            f"image {name}: is damaged, or of a kind that is not read ({reason}); save it anew as PNG"
        ) from error


@contextlib.contextmanager
def _without_a_limit() -> Iterator[None]:
    """Pillow's limit of pixels, which is the process's only one, is lifted: ours is that of ``check_size``. Within
    ``captured``, one thread at a time."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _header(image: Image.Image) -> Header:
    """The ``Header`` of an image that Pillow has opened."""
    tags = image.tag_v2 if isinstance(image, TiffImageFile) else None
    assert image.format is not None  # as of any that a file was opened for
    return Header(
        format=image.format,
        width=image.width,
        height=image.height,
        grey=_mode(image) in _GREY,
        transparency=image.mode in _WITH_ALPHA or "transparency" in image.info or _EXTRA_SAMPLES in (tags or ()),
        profile=image.info.get("icc_profile"),
        turn=_turn(image.info.get("exif")) if image.format == "WEBP" else 1,
        several=bool(tags.next) if tags else getattr(image, "n_frames", 1) > 1,
    )


def _mode(image: Image.Image) -> str:
    """Pillow's name for the kind of pixels; its I means 16 bits of grey in a PNG, and 32 or a sign in a TIFF."""
    if image.format == "PNG" and image.mode == "I":
        return "I;16"
    if isinstance(image, TiffImageFile) and set(image.tag_v2.get(_SAMPLE_FORMAT, (1,))) != {1}:
        return image.mode if image.mode == "F" else "I"
    return image.mode


def _turn(exif: bytes | None) -> int:
    """The orientation in EXIF's bytes, or 1 where there are none or they cannot be read, as viewers take it."""
    found = Image.Exif()
    with contextlib.suppress(Exception):  # Pillow raises whatever damaged bytes lead it to
        found.load(exif or b"")
    turn: Any = found.get(_ORIENTATION)
    return turn if turn in range(2, 9) else 1


def _ends(tags: Mapping[int, Any]) -> list[int]:
    """Where the strips or tiles of a TIFF end in the file, from its tags: Pillow does not miss all that OpenCV reads."""
    starts, lengths = (tags.get(strip, tags.get(tile, ())) for strip, tile in ((273, 324), (279, 325)))
    return [start + length for start, length in zip(starts, lengths)]


def _has_end(path: AnyPath) -> bool:
    """Whether a JPEG has its end marker, behind its last scan: those of thumbnails, within segments, are passed over."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        place = 2
        while found := _JPEG_MARKER.search(data, place):
            if found[1] == b"\xd9":
                return True
            place = found.end() + int.from_bytes(data[found.end() : found.end() + 2], "big")
    return False
