"""Images on their way in (file -> mean-subtracted float) and out (float -> clipped, denoised PNG)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np

from ..errors import InputError, as_line, shown
from ..machine.aliases import AnyPath
from .decoder import decoded, opencv, whole_pixels
from .header import TOO_LARGE, read_header
from .profiles import conversion

MEAN: np.ndarray = np.array([123.68, 116.779, 103.939], dtype=np.float32)  # RGB, of the images that VGG-19 was trained on
SMALLEST = 16  # pixels: one position of the deepest convolutions
LARGEST = 4096  # pixels: relu1_1's code of such a square has 2^30 numbers, half of what MXNet's 32-bit sizes hold
MOST = 800_000_000  # pixels of an image file: a museum's scan has 713 million
LONGEST = 1_000_000  # pixels of its side, as libpng has it
AT_ONCE, STRIP = 2**26, 2**22  # pixels: of an image larger than the first no more than a strip is worked on at a time
PIXELS = ("authors", "paper")
STYLE_SIZES = ("authors", "paper")


def read_image(path: AnyPath) -> np.ndarray:
    """An image file as RGB, uint8 (H, W, 3), as its owner sees it.

    Grey becomes three equal channels and 16 bits become 8. EXIF's rotation is applied, and colours of an embedded profile
    are converted to sRGB, see ``conversion``. Of several images (an animation, pages) it is the first. Raises InputError for
    what ``read_header`` and ``check_size`` refuse, damaged files, and transparent pixels: they have no colour to invert.
    """
    header, name = read_header(path), as_line(str(path))
    check_size(name, header.height, header.width)
    try:
        pixels = whole_pixels(path, header)
    except MemoryError as error:
        raise InputError(f"image {name}: {TOO_LARGE}") from error
    cv2, found = opencv(), conversion(header.profile, header.grey)
    for rows in _strips(pixels):
        rgb = cv2.cvtColor(pixels[rows], cv2.COLOR_BGR2RGB)
        pixels[rows] = found.convert(rgb) if found else rgb  # in place: it may have gigabytes
    return pixels


def remark(path: AnyPath) -> str:
    """What the owner of an image should know of how ``read_image`` takes it, as one line, or an empty string.

    Raises InputError as ``read_header``.
    """
    header, said = read_header(path), []
    if header.several:
        said.append("holds several images, of which the first is taken")
    if found := conversion(header.profile, header.grey):
        said.append(f"its colours are converted from {shown(found.name)} to sRGB")
    return f"image {as_line(str(path))}: {'; '.join(said)}" if said else ""


def decode(path: AnyPath) -> np.ndarray | None:
    """A picture that this program wrote, uint8 (H, W, 3) RGB, or None where it is gone or damaged."""
    cv2 = opencv()
    pixels, _ = decoded(path, cv2.IMREAD_COLOR)
    return None if pixels is None else cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def check_size(image: str, height: int, width: int) -> None:
    """Raises InputError for an image, named by its path, of fewer pixels a side or of more in all than are allowed."""
    size = f"image {image}: is {width}x{height} pixels"
    if min(height, width) < SMALLEST:
        raise InputError(f"{size}; both sides must be at least {SMALLEST}")
    if height * width > MOST or max(height, width) > LONGEST:
        raise InputError(f"{size}; at most {MOST // 10**6} million in all and {LONGEST} a side are read, so make it smaller")


def _strips(image: np.ndarray) -> list[slice]:
    """Slices of an image's rows, of STRIP pixels each or a single row: what is made of one is small beside the image."""
    rows = max(1, STRIP // image.shape[1])
    return [slice(start, start + rows) for start in range(0, image.shape[0], rows)]


def file_digest(path: AnyPath) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(2**20), b""):
            digest.update(block)
    return digest.hexdigest()


def scaled_size(height: int, width: int, long_edge: int, pixels: str) -> tuple[int, int]:
    """(height, width) with the longer side at long_edge: truncated as the authors do (which may leave one less), or rounded
    (``paper``). Raises InputError where no pixel is left of the shorter side."""
    factor = float(long_edge) / max(height, width)
    to_whole: Callable[[float], int] = int if pixels == "authors" else round
    size = to_whole(height * factor), to_whole(width * factor)
    if min(size) < 1:
        least = -(-max(height, width) // min(height, width))
        raise InputError(
            f"an image of {width}x{height} pixels has none left across at long_edge {long_edge}; take one of {least} or more"
        )
    return size


def preprocess(image: np.ndarray, long_edge: int, pixels: str) -> np.ndarray:
    """A content image as the network takes it.

    image: uint8 (H, W, 3) RGB. long_edge: pixels of the longer side of the result. pixels: ``authors`` (size truncated,
    bilinear without smoothing, [0, 1] times 256, as their code does) or ``paper`` (which says nothing of it: size rounded,
    smoothed when made smaller, 0..255). Returns float32 (1, 3, M, N), RGB minus the mean.
    """
    height, width = image.shape[:2]
    scaled = _resize(image, scaled_size(height, width, long_edge, pixels), smooth=pixels == "paper")
    return _as_input(scaled * np.float32(256 / 255) if pixels == "authors" else scaled)


def preprocess_style(
    image: np.ndarray, content_size: tuple[int, int], long_edge: int, pixels: str, style_size: str
) -> np.ndarray:
    """A style image as the network takes it: 0..255, which the authors scale to 255 where they scale contents to 256.

    image: uint8 (H, W, 3) RGB. content_size: (M, N) of the content image. style_size: ``authors`` (made exactly the
    content's size, whatever its shape) or ``paper`` (which lets I^c and I^s differ: its own shape, with long_edge).
    pixels: smoothed as for ``preprocess``. Returns float32 (1, 3, P, Q), RGB minus the mean.
    """
    height, width = image.shape[:2]
    size = content_size if style_size == "authors" else scaled_size(height, width, long_edge, pixels)
    return _as_input(_resize(image, size, smooth=pixels == "paper"))


def _resize(image: np.ndarray, size: tuple[int, int], smooth: bool) -> np.ndarray:
    """float32 (M, N, 3) of the size asked for; smooth: average what is made smaller, else bilinear alone.

    A large image is never float32 as a whole: its width is resized strip by strip, and then the height of the result.
    """
    cv2 = opencv()
    height, width = size
    shrinks = height * width < image.shape[0] * image.shape[1]
    interpolation = cv2.INTER_AREA if smooth and shrinks else cv2.INTER_LINEAR
    if image.shape[0] * image.shape[1] > AT_ONCE:
        thin: np.ndarray = np.empty((image.shape[0], width, 3), np.float32)
        for rows in _strips(image):
            strip: np.ndarray = image[rows].astype(np.float32)
            thin[rows] = cv2.resize(strip, (width, len(strip)), interpolation=interpolation)
        image = thin
    return cv2.resize(image.astype(np.float32, copy=False), (width, height), interpolation=interpolation)


def _as_input(image: np.ndarray) -> np.ndarray:
    """(M, N, 3) in 0..255 -> (1, 3, M, N) minus the mean."""
    return np.ascontiguousarray((image - MEAN).transpose(2, 0, 1)[None])


def postprocess(image: np.ndarray, denoise: float) -> np.ndarray:
    """A picture of a result: mean added, clipped, and denoised as the authors do (Chambolle's total variation).

    image: float32 (1, 3, M, N), RGB minus the mean. denoise: weight of the denoising, 0 for none. Returns uint8 (M, N, 3).
    """
    picture: np.ndarray = clipped(image).astype(np.uint8)
    if not denoise:
        return picture
    from skimage.restoration import denoise_tv_chambolle  # here, as it takes a second to import

    smooth = denoise_tv_chambolle(picture, weight=denoise, channel_axis=-1)
    return np.rint(np.clip(smooth, 0, 1) * 255).astype(np.uint8)


def clipped(image: np.ndarray) -> np.ndarray:
    """A result with the mean added, within 0..255: (1, 3, M, N) minus the mean -> (M, N, 3)."""
    return np.clip(image[0].transpose(1, 2, 0) + MEAN, 0, 255)


def lab(picture: np.ndarray) -> np.ndarray:
    """A picture, (M, N, 3) RGB in 0..255, in CIELAB: float64 (M, N, 3), L from 0 to 100."""
    cv2 = opencv()
    return cv2.cvtColor(picture.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2LAB).astype(np.float64)


def fitted(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A picture, uint8 (H, W, 3), brought to size (M, N): averaged over areas where it is made smaller."""
    cv2 = opencv()
    smaller = size[0] <= picture.shape[0] and size[1] <= picture.shape[1]
    return cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)


def png_bytes(picture: np.ndarray) -> bytes:
    """The PNG file of a picture, uint8 (M, N, 3) RGB."""
    cv2 = opencv()
    return cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes()
