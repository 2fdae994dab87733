import hashlib

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage.restoration import denoise_tv_chambolle
from skimage.transform import resize

from fmi_mx import InputError
from fmi_mx.images import (
    MEAN,
    file_digest,
    find_image,
    fitted,
    png_bytes,
    postprocess,
    preprocess,
    preprocess_style,
    read_image,
    scaled_size,
)

RGB = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)


def saved(tmp_path, image, name="x.png", **options):
    path = tmp_path / name
    Image.fromarray(image).save(path, **options)
    return path


def test_colours_come_out_as_rgb(tmp_path):
    np.testing.assert_array_equal(read_image(saved(tmp_path, RGB)), RGB)


def test_grey_becomes_three_equal_channels(tmp_path):
    grey = read_image(saved(tmp_path, RGB[..., 0]))
    np.testing.assert_array_equal(grey, np.repeat(RGB[..., :1], 3, axis=2))


def test_16_bits_become_8(tmp_path):
    path = tmp_path / "x.png"
    cv2.imwrite(str(path), RGB[..., ::-1].astype(np.uint16) * 257)
    np.testing.assert_array_equal(read_image(path), RGB)


def test_an_opaque_alpha_is_dropped_and_a_transparent_one_refused(tmp_path):
    opaque = np.dstack([RGB, np.full((20, 30), 255, np.uint8)])
    np.testing.assert_array_equal(read_image(saved(tmp_path, opaque)), RGB)
    opaque[3, 4, 3] = 254
    with pytest.raises(InputError, match="transparent"):
        read_image(saved(tmp_path, opaque))


def test_grey_with_alpha(tmp_path):
    opaque = np.dstack([RGB[..., 0], np.full((20, 30), 255, np.uint8)])
    np.testing.assert_array_equal(read_image(saved(tmp_path, opaque)), np.repeat(RGB[..., :1], 3, axis=2))
    opaque[0, 0, 1] = 0
    with pytest.raises(InputError, match="transparent"):
        read_image(saved(tmp_path, opaque))


def test_exif_rotation_is_applied(tmp_path):
    smooth = cv2.resize(RGB, (300, 200), interpolation=cv2.INTER_CUBIC)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned clockwise by a quarter
    read = read_image(saved(tmp_path, smooth, "x.jpg", exif=exif, quality=95))
    assert read.shape == (300, 200, 3)
    assert np.abs(read.astype(float) - np.rot90(smooth, -1)).mean() < 6


def test_webp_is_read_but_not_with_exif(tmp_path):
    smooth = cv2.GaussianBlur(RGB, (0, 0), 3)
    plain = read_image(saved(tmp_path, smooth, "x.webp", lossless=True))
    np.testing.assert_array_equal(plain, smooth)
    exif = Image.Exif()
    exif[0x0112] = 6
    with pytest.raises(InputError, match="WebP with EXIF"):
        read_image(saved(tmp_path, smooth, "y.webp", exif=exif))


def test_floating_point_pixels_are_refused(tmp_path):
    path = tmp_path / "x.tiff"
    cv2.imwrite(str(path), RGB.astype(np.float32) / 255)
    with pytest.raises(InputError, match="float32"):
        read_image(path)


@pytest.mark.parametrize("data", [b"", b"this is text\n" * 100, b"P4\n99999999 99999999\n"])
def test_what_is_no_image_is_refused(tmp_path, data):
    path = tmp_path / "x.jpg"
    path.write_bytes(data)
    with pytest.raises(InputError, match="not an image"):
        read_image(path)


def test_one_pixel_is_refused(tmp_path):
    with pytest.raises(InputError, match="is 1x1 pixels; both sides must be at least 16"):
        read_image(saved(tmp_path, RGB[:1, :1]))


def test_find_image(tmp_path):
    path = saved(tmp_path, RGB, "golden_gate.png")
    assert find_image("golden_gate", tmp_path) == path
    assert find_image(str(path), "elsewhere") == path
    with pytest.raises(InputError, match="did you mean 'golden_gate'"):
        find_image("golden_gat", tmp_path)
    with pytest.raises(InputError, match="fmi images fetch"):
        find_image("golden_gate", tmp_path / "empty")
    with pytest.raises(InputError, match="is a directory"):
        find_image(str(tmp_path), tmp_path)


@pytest.mark.parametrize("shape, pixels, size", [
    ((734, 979), "authors", (383, 512)), ((734, 979), "paper", (384, 512)), ((768, 1024), "authors", (384, 512)),
    ((979, 734), "authors", (512, 383)), ((20, 30), "authors", (341, 512)),
])  # fmt: skip
def test_the_long_edge(shape, pixels, size):
    assert scaled_size(*shape, 512, pixels) == size


def test_the_authors_pixels():
    """Bilinear without smoothing, [0, 1] times 256, RGB minus the mean: against scikit-image, which they used."""
    small = preprocess(RGB, 17, "authors")
    wanted = resize(RGB / 255, (11, 17), order=1, anti_aliasing=False, mode="edge") * 256 - [123.68, 116.779, 103.939]
    assert small.dtype == np.float32
    assert small.shape == (1, 3, 11, 17)
    np.testing.assert_allclose(small[0].transpose(1, 2, 0), wanted, atol=1e-3)


def test_the_papers_pixels():
    """A shrunk image is the mean of the pixels that each new one covers, 0..255."""
    small = preprocess(RGB, 15, "paper")
    wanted = RGB.reshape(10, 2, 15, 2, 3).mean((1, 3)) - [123.68, 116.779, 103.939]
    np.testing.assert_allclose(small[0].transpose(1, 2, 0), wanted, atol=1e-3)


def test_a_style_image_takes_the_contents_size_or_keeps_its_shape():
    mean = [123.68, 116.779, 103.939]
    authors = preprocess_style(RGB, (13, 11), 15, "authors", "authors")
    wanted = resize(RGB / 255, (13, 11), order=1, anti_aliasing=False, mode="edge") * 255 - mean  # 255, not 256
    np.testing.assert_allclose(authors[0].transpose(1, 2, 0), wanted, atol=1e-3)
    paper = preprocess_style(RGB, (13, 11), 15, "paper", "paper")
    wanted = RGB.reshape(10, 2, 15, 2, 3).mean((1, 3)) - mean
    np.testing.assert_allclose(paper[0].transpose(1, 2, 0), wanted, atol=1e-3)


def test_an_image_too_narrow_to_scale_is_refused():
    with pytest.raises(InputError, match="3000x16 pixels has none left across at long_edge 100"):
        scaled_size(16, 3000, 100, "authors")


def test_postprocess_undoes_preprocess():
    np.testing.assert_array_equal(postprocess(preprocess(RGB, 30, "paper") + 0.01, denoise=0.0), RGB)


def test_postprocess_clips_truncates_and_denoises():
    image = np.zeros((1, 3, 20, 30), np.float32)
    image[0, :, 0, :3] = np.stack([[300, -300, 0.9]] * 3) - MEAN[:, None] * [0, 0, 1]
    plain = postprocess(image, denoise=0.0)
    assert plain[0, 0].tolist() == [255, 255, 255]
    assert plain[0, 1].tolist() == [0, 0, 0]
    assert plain[0, 2].tolist() == [0, 0, 0]
    smooth = denoise_tv_chambolle(plain, weight=0.2, channel_axis=-1) * 255
    np.testing.assert_allclose(postprocess(image, denoise=0.2), smooth, atol=0.501)


def test_png_and_digest(tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(png_bytes(RGB))
    np.testing.assert_array_equal(read_image(path), RGB)
    assert file_digest(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_what_is_fitted_is_averaged_over_areas_or_drawn_larger():
    picture = np.random.default_rng(4).integers(0, 256, (8, 12, 3)).astype(np.uint8)
    averages = picture.reshape(4, 2, 6, 2, 3).mean(axis=(1, 3))
    assert np.abs(fitted(picture, (4, 6)) - averages).max() <= 0.5
    assert fitted(picture, (4, 24)).shape == (4, 24, 3)
    assert (fitted(np.full((8, 12, 3), 7, np.uint8), (16, 24)) == 7).all()
