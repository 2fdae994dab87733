"""Small image files for tests, and bytes of PNG that no library writes."""

import io
import struct
import zlib

import cv2
import numpy as np
from PIL import Image

RGB = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
SMOOTH = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 256, (120, 160, 3)).astype(np.uint8), (0, 0), 4)


def saved(folder, image, name="x.png", **options):
    """The path of an image, array or Pillow's, saved in a folder."""
    path = folder / name
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(path, **options)
    return path


def encoded(image, kind, **options):
    """The bytes of the file of an image."""
    data = io.BytesIO()
    Image.fromarray(image).save(data, kind, **options)
    return data.getvalue()


def oriented(orientation):
    """EXIF with an orientation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def png(pixels, depth=8, colour=0, extra=(), size=None):
    """The bytes of a PNG, chunk by chunk. pixels: (H, ...), rows as they are stored. colour: PNG's type. extra: (type, data)
    of chunks in front of the data. size: (width, height) declared."""
    width, height = size or (pixels.shape[1], pixels.shape[0])
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)), *extra]
    chunks += [(b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in pixels))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
