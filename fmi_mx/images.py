"""Images on their way in (file -> mean-subtracted float) and out (float -> clipped, denoised PNG)."""

import hashlib
from itertools import product
from pathlib import Path

import numpy as np
import skimage

from .errors import InputError, nearest

MEAN = np.array([123.68, 116.779, 103.939], dtype=np.float32)  # RGB, of the images that VGG-19 was trained on
SMALLEST = 16  # pixels: one position of the deepest convolutions
LARGEST = 4096  # pixels: relu1_1's code of such a square has 2^30 numbers, half of what MXNet's 32-bit sizes hold
PIXELS = ("authors", "paper")
STYLE_SIZES = ("authors", "paper")
PACKAGED = Path(skimage.__file__).with_name("data")  # coffee, astronaut and others that scikit-image carries


def find_image(name, folder):
    """The file of an image.

    name: a path, or a name to be found as NAME.jpg or NAME.png in folder, or else in ``PACKAGED``. Returns a Path. Raises
    InputError when there is no such file, and names the images that are in folder.
    """
    path = Path(name)
    if path.suffix or path.parent != Path("."):
        if not path.is_file():
            raise InputError(f"image {name}: {'is a directory' if path.is_dir() else 'no such file'}")
        return path
    for place, suffix in product((Path(folder), PACKAGED), (".jpg", ".png")):
        path = place / f"{name}{suffix}"
        if path.is_file():
            return path
    there = sorted({p.stem for suffix in ("jpg", "png") for p in Path(folder).glob(f"*.{suffix}")})
    hint = f"images there: {', '.join(there)}{nearest(name, there)}" if there else "no images there; `fmi images fetch`"
    raise InputError(f"image {name!r} is not in {folder} as {name}.jpg or {name}.png; {hint}")


def read_image(path):
    """An image file as RGB, uint8 (H, W, 3).

    Grey becomes three equal channels, 16 bits become 8, EXIF rotation is applied. Raises InputError for what OpenCV cannot
    read, for transparent pixels (they have no colour to invert), for floating-point pixels, for WebP with EXIF (whose
    rotation OpenCV does not see), and below 16 pixels a side.
    """
    raw = decode(path, as_it_is=True)
    if raw is None:
        raise InputError(f"image {path}: not an image that OpenCV can read (PNG, JPEG, TIFF, BMP and WebP are)")
    if raw.dtype not in (np.uint8, np.uint16):
        raise InputError(f"image {path}: pixels are {raw.dtype}; 8 or 16 bits are allowed, so convert it first")
    if raw.ndim == 3 and raw.shape[2] == 4 and raw[..., 3].min() < np.iinfo(raw.dtype).max:
        raise InputError(f"image {path}: has transparent pixels, which have no colour; flatten it onto a background first")
    start = Path(path).read_bytes()
    if start[:4] == b"RIFF" and b"EXIF" in start:
        raise InputError(f"image {path}: is WebP with EXIF, whose rotation cannot be read; save it as PNG first")
    height, width = raw.shape[:2]
    check_size(path, height, width)
    return decode(path)


def check_size(image, height, width):
    """Raises InputError for an image, named by its path, with a side below 16 pixels."""
    if min(height, width) < SMALLEST:
        raise InputError(f"image {image}: is {width}x{height} pixels; both sides must be at least {SMALLEST}")


def decode(path, as_it_is=False):
    """An image file as OpenCV decodes it, or None: RGB, uint8 (H, W, 3), turned as its EXIF says; or as_it_is, with the
    channels, bits and rotation that it has."""
    cv2 = _opencv()
    try:
        data = np.fromfile(path, dtype=np.uint8)
        if as_it_is:
            return cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
        return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    except (FileNotFoundError, cv2.error):  # gone; or empty, or of a size beyond OpenCV's limits
        return None


def _opencv():
    """OpenCV, imported at its first use: where its own libraries are missing, `fmi doctor` has to run all the same."""
    try:
        import cv2
    except ImportError as error:
        raise InputError(f"OpenCV cannot be imported ({error}); `fmi doctor` says what mends it") from error
    cv2.setLogLevel(0)  # what cannot be read is said here, in one line
    return cv2


def file_digest(path):
    """SHA-256 of a file's bytes, hexadecimal."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def scaled_size(height, width, long_edge, pixels):
    """(height, width) with the longer side at long_edge: truncated as the authors do (which may leave one less), or rounded
    (``paper``). Raises InputError where no pixel is left of the shorter side."""
    factor = float(long_edge) / max(height, width)
    to_whole = int if pixels == "authors" else round
    size = to_whole(height * factor), to_whole(width * factor)
    if min(size) < 1:
        raise InputError(f"an image of {width}x{height} pixels has none left across at long_edge {long_edge}")
    return size


def preprocess(image, long_edge, pixels):
    """A content image as the network takes it.

    image: uint8 (H, W, 3) RGB. long_edge: pixels of the longer side of the result. pixels: ``authors`` (size truncated,
    bilinear without smoothing, [0, 1] times 256, as their code does) or ``paper`` (which says nothing of it: size rounded,
    smoothed when made smaller, 0..255). Returns float32 (1, 3, M, N), RGB minus the mean.
    """
    scaled = _resize(image, scaled_size(*image.shape[:2], long_edge, pixels), smooth=pixels == "paper")
    return _as_input(scaled * np.float32(256 / 255) if pixels == "authors" else scaled)


def preprocess_style(image, content_size, long_edge, pixels, style_size):
    """A style image as the network takes it: 0..255, which the authors scale to 255 where they scale contents to 256.

    image: uint8 (H, W, 3) RGB. content_size: (M, N) of the content image. style_size: ``authors`` (made exactly the
    content's size, whatever its shape) or ``paper`` (which lets I^c and I^s differ: its own shape, with long_edge).
    pixels: smoothed as for ``preprocess``. Returns float32 (1, 3, P, Q), RGB minus the mean.
    """
    size = content_size if style_size == "authors" else scaled_size(*image.shape[:2], long_edge, pixels)
    return _as_input(_resize(image, size, smooth=pixels == "paper"))


def _resize(image, size, smooth):
    """float32 (M, N, 3) of the size asked for; smooth: average what is made smaller, else bilinear alone."""
    cv2 = _opencv()
    height, width = size
    shrinks = height * width < image.shape[0] * image.shape[1]
    interpolation = cv2.INTER_AREA if smooth and shrinks else cv2.INTER_LINEAR
    return cv2.resize(image.astype(np.float32), (width, height), interpolation=interpolation)


def _as_input(image):
    """(M, N, 3) in 0..255 -> (1, 3, M, N) minus the mean."""
    return np.ascontiguousarray((image - MEAN).transpose(2, 0, 1)[None])


def postprocess(image, denoise):
    """A picture of a result: mean added, clipped, and denoised as the authors do (Chambolle's total variation).

    image: float32 (1, 3, M, N), RGB minus the mean. denoise: weight of the denoising, 0 for none. Returns uint8 (M, N, 3).
    """
    picture = clipped(image).astype(np.uint8)
    if not denoise:
        return picture
    from skimage.restoration import denoise_tv_chambolle  # here, as it takes a second to import

    smooth = denoise_tv_chambolle(picture, weight=denoise, channel_axis=-1)
    return np.rint(np.clip(smooth, 0, 1) * 255).astype(np.uint8)


def clipped(image):
    """A result with the mean added, within 0..255: (1, 3, M, N) minus the mean -> (M, N, 3)."""
    return np.clip(image[0].transpose(1, 2, 0) + MEAN, 0, 255)


def lab(picture):
    """A picture, (M, N, 3) RGB in 0..255, in CIELAB: float64 (M, N, 3), L from 0 to 100."""
    cv2 = _opencv()
    return cv2.cvtColor(picture.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2LAB).astype(np.float64)


def fitted(picture, size):
    """A picture, uint8 (H, W, 3), brought to size (M, N): averaged over areas where it is made smaller."""
    cv2 = _opencv()
    smaller = size[0] <= picture.shape[0] and size[1] <= picture.shape[1]
    return cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)


def png_bytes(picture):
    """The PNG file of a picture, uint8 (M, N, 3) RGB, as bytes."""
    cv2 = _opencv()
    return cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes()
