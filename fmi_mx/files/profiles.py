"""Colours of an image with an embedded ICC profile, as sRGB, in which VGG-19 was trained."""

from __future__ import annotations

import io
from typing import Callable, NamedTuple

import numpy as np
from PIL import Image, ImageCms

SAME = 2  # levels: a profile that moves no colour further is sRGB's, and the pixels stay what they are
_INTENT = ImageCms.Intent.PERCEPTUAL  # as browsers do; profiles of cameras and screens have no other
_MODES = {"RGB": "RGB", "GRAY": "L"}  # a profile's colour space -> what Pillow calls pixels of it


class Conversion(NamedTuple):
    """name: of the profile, as it says itself. convert: uint8 (H, W, 3) RGB -> the same in sRGB."""

    name: str
    convert: Callable[[np.ndarray], np.ndarray]


def conversion(profile: bytes | None, grey: bool) -> Conversion | None:
    """The ``Conversion`` to sRGB of an image with a profile, or None where its pixels stay what they are.

    grey: whether the image has one channel. They stay where there is no profile, where it is sRGB's, and where it cannot be
    read or is of another kind than the pixels (grey for colours, inks): viewers pass over such a profile.
    """
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile or b""))
        mode = _MODES[source.profile.xcolor_space.strip()]
        if mode == "L" and not grey:
            return None
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB", _INTENT)
        name = source.profile.profile_description or "a profile without a name"
    except (KeyError, OSError, ValueError, ImageCms.PyCMSError):
        return None

    def convert(pixels: np.ndarray) -> np.ndarray:
        image = Image.fromarray(pixels[..., 0] if mode == "L" else pixels)
        return np.asarray(ImageCms.applyTransform(image, transform))

    probe = _probe(mode)
    moved = np.abs(convert(probe).astype(int) - probe).max()
    return Conversion(name, convert) if moved > SAME else None


def _probe(mode: str) -> np.ndarray:
    """Colours, or greys, all over the range: uint8 (1, N, 3)."""
    levels: np.ndarray = np.arange(0, 256, 15, dtype=np.uint8)
    if mode == "L":
        return np.repeat(levels[None, :, None], 3, axis=2)
    return np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
