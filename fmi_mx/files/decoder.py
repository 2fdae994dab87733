"""Pixels of image files, by OpenCV."""

from __future__ import annotations

import mmap
import re
from types import ModuleType

import numpy as np

from ..errors import InputError, as_line
from ..machine.aliases import AnyPath
from .header import Header, check_whole
from .quiet import captured

_PNG = b"\x89PNG\r\n\x1a\n"
_ANIMATION = (b"acTL", b"fcTL", b"fdAT")  # kinds of a PNG's chunks
_DAMAGE = re.compile(rb"Corrupt JPEG data[^\n]*")  # as libjpeg says, and then goes on


def opencv() -> ModuleType:
    """OpenCV, imported at its first use: where its own libraries are missing, `fmi doctor` has to run all the same."""
    try:
        import cv2
    except ImportError as error:
        raise InputError(f"OpenCV cannot be imported ({error}); `fmi doctor` says what mends it") from error
    cv2.setLogLevel(0)  # what cannot be read is said here, in one line
    return cv2


def decoded(path: AnyPath, flags: int) -> tuple[np.ndarray | None, bytes]:
    """An image file as OpenCV decodes it. flags: ``cv2.IMREAD_...``.

    Returns (pixels, said): BGR as ``cv2.imdecode`` has them, or None where the file is gone, damaged or of no kind that
    OpenCV reads; and what the libraries below it wrote meanwhile. Raises MemoryError.
    """
    cv2 = opencv()
    with captured() as said:
        try:
            still = still_png(path)
            pixels = _decoded_once(cv2, path, flags) if still is None else None
            if pixels is None:  # by the way that needs them twice in memory
                data = np.memmap(path, np.uint8, "r") if still is None else np.frombuffer(still, np.uint8)
                pixels = cv2.imdecode(data, flags)
        except (OSError, ValueError):  # gone, empty, or a cut PNG
            pixels = None
        except cv2.error as error:
            if error.code == cv2.Error.StsNoMem:
                raise MemoryError from error
            pixels = None
    return pixels, bytes(said)


def _decoded_once(cv2: ModuleType, path: AnyPath, flags: int) -> np.ndarray | None:
    """Pixels in memory that NumPy owns, or None: before OpenCV 4.11, for a TIFF on its side, and for a path not in UTF-8."""
    try:
        str(path).encode()  # OpenCV would crash
        return cv2.imread(str(path), None, flags)
    except (TypeError, UnicodeEncodeError, cv2.error):
        return None


def still_png(path: AnyPath) -> bytes | None:
    """The bytes of an animated PNG without its animation, or None for any other file: OpenCV 4.11 gives some with four
    channels, and crashes on damaged ones. Raises ValueError for what is no chunk, and for one longer than the file, to
    which OpenCV gives up to 4 GB."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[:8] != _PNG:
            return None
        kept, place, animated = [(0, 8)], 8, False
        while kind := data[place + 4 : place + 8]:
            end = place + 12 + int.from_bytes(data[place : place + 4], "big")  # length, kind, data, checksum
            if end > len(data) or not kind.isalpha():
                raise ValueError("the PNG is cut off or damaged")
            if kind in _ANIMATION:
                animated = True
            else:
                kept.append((place, end))
            place = end if kind != b"IEND" else len(data)
        return b"".join(data[start:end] for start, end in kept) if animated else None


def whole_pixels(path: AnyPath, header: Header) -> np.ndarray:
    """All pixels of an image file, uint8 (H, W, 3) BGR, turned as EXIF says.

    header: the file's. Raises InputError where it is damaged, where OpenCV does not read its kind, and where pixels are
    transparent; and MemoryError.
    """
    cv2, name = opencv(), as_line(str(path))
    check_whole(path, header)
    if header.transparency:
        _check_opaque(_undamaged(path, name, cv2.IMREAD_UNCHANGED), name)
    return turned(_undamaged(path, name, cv2.IMREAD_COLOR), header.turn)


def turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Pixels (H, W, 3) turned and mirrored as EXIF's orientation, 1 to 8, says; themselves for 1."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    rows = -1 if orientation in (3, 4, 7, 8) else 1
    columns = -1 if orientation in (2, 3, 6, 7) else 1
    return np.ascontiguousarray(pixels[::rows, ::columns])


def _undamaged(path: AnyPath, name: str, flags: int) -> np.ndarray:
    """The pixels of a file, as ``decoded``. Raises InputError where there are none, and where libjpeg finds damage: OpenCV
    takes what it makes of it."""
    pixels, said = decoded(path, flags)
    damage = _DAMAGE.search(said)
    if pixels is None or damage:
        reason = f" ({as_line(damage[0].decode(errors='replace'), 100)})" if damage else ""
        raise InputError(f"image {name}: is damaged, or of a kind that OpenCV does not read{reason}; save it anew as PNG")
    return pixels


def _check_opaque(raw: np.ndarray, name: str) -> None:
    """Raises InputError for transparent pixels, and where there may be some in what OpenCV gives no fourth channel."""
    if raw.ndim < 3 or raw.shape[-1] < 4:
        raise InputError(f"image {name}: has transparency of a kind that is not read; flatten it onto a background first")
    if raw[..., 3].min() < np.iinfo(raw.dtype).max:
        raise InputError(f"image {name}: has transparent pixels, which have no colour; flatten it onto a background first")
