import struct
import zlib

import numpy as np
import pytest
from pictures import SMOOTH, png, saved
from PIL import Image, ImageCms

from fmi_mx.files.finding import find_image
from fmi_mx.files.images import read_image, remark
from fmi_mx.files.profiles import conversion

WIDE = [[0.6097, 0.2053, 0.1492], [0.3111, 0.6257, 0.0632], [0.0195, 0.0609, 0.7446]]  # XYZ of Adobe RGB's red, green, blue
SRGB = [[0.4361, 0.3851, 0.1431], [0.2225, 0.7169, 0.0606], [0.0139, 0.0971, 0.7141]]


def profile(primaries=(), gamma=2.2, space=b"RGB ", name=b"of a test"):
    """An ICC profile, version 2: of an RGB screen by its primaries (XYZ, D50) and gamma, or of grey."""
    curve = b"curv" + bytes(4) + struct.pack(">IHxx", 1, round(gamma * 256))
    tags = {}
    if name:
        tags[b"desc"] = b"desc" + bytes(4) + struct.pack(">I", len(name) + 1) + name + bytes(1 + 4 + 4 + 2 + 1 + 67)
    tags[b"wtpt"] = _xyz([0.9642, 1, 0.8249])
    if space == b"GRAY":
        tags[b"kTRC"] = curve
    for letter, xyz in zip("rgb", np.transpose(primaries)):
        tags[f"{letter}XYZ".encode()], tags[f"{letter}TRC".encode()] = _xyz(xyz), curve
    table, data = struct.pack(">I", len(tags)), b""
    for tag, value in tags.items():
        value += bytes(-len(value) % 4)
        table += tag + struct.pack(">II", 128 + 4 + 12 * len(tags) + len(data), len(value))
        data += value
    start = b"lcms\x02\x40\0\0mntr" + space + b"XYZ " + bytes(12) + b"acsp" + bytes(28) + _xyz([0.9642, 1, 0.8249])[8:]
    return struct.pack(">I", 128 + len(table) + len(data)) + start.ljust(124, b"\0") + table + data


def _xyz(values):
    return b"XYZ " + bytes(4) + struct.pack(">iii", *(round(value * 65536) for value in values))


def in_srgb(pixels, primaries, gamma):
    """What profile(primaries, gamma) means by pixels, in sRGB, by its definition (IEC 61966-2-1): uint8."""
    linear = np.clip((pixels / 255.0) ** gamma @ np.transpose(np.linalg.solve(SRGB, primaries)), 0, 1)
    return np.rint(255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)).astype(np.uint8)


@pytest.mark.parametrize("name, options", [
    ("x.png", {}), ("x.tif", {}), ("x.webp", {"lossless": True}), ("x.jpg", {"quality": 100, "subsampling": 0}),
])  # fmt: skip
def test_colours_of_a_profile_become_srgb(tmp_path, name, options):
    path = saved(tmp_path, SMOOTH, name, icc_profile=profile(WIDE, 1.8), **options)
    wanted = in_srgb(SMOOTH, WIDE, 1.8).astype(int)
    assert np.abs(wanted - SMOOTH).mean() > 10
    assert np.abs(read_image(path) - wanted).mean() < 1
    assert remark(path) == f"image {path}: its colours are converted from 'of a test' to sRGB"


def test_a_palette_and_16_bits_are_converted_too(tmp_path):
    few = Image.fromarray(SMOOTH).quantize(50)
    path = saved(tmp_path, few, icc_profile=profile(WIDE, 1.8))
    assert np.abs(read_image(path).astype(int) - in_srgb(np.asarray(few.convert("RGB")), WIDE, 1.8)).mean() < 1
    path = tmp_path / "16.png"
    path.write_bytes(encoded_16(SMOOTH, profile(WIDE, 1.8)))
    assert np.abs(read_image(path).astype(int) - in_srgb(SMOOTH, WIDE, 1.8)).mean() < 1


def encoded_16(pixels, icc):
    """PNG of 16 bits a channel with a profile."""
    return png(pixels.astype(">u2") * 257, 16, 2, [(b"iCCP", b"x\0\0" + zlib.compress(icc))])


def test_a_profile_of_grey_is_applied_to_grey_and_one_of_colours_too(tmp_path):
    grey = SMOOTH[..., 0]
    wanted = in_srgb(np.repeat(grey[..., None], 3, axis=2), SRGB, 1.2).astype(int)
    for icc in (profile(space=b"GRAY", gamma=1.2), profile(SRGB, gamma=1.2)):
        assert np.abs(read_image(saved(tmp_path, grey, icc_profile=icc)) - wanted).max() <= 1


def test_srgb_by_whatever_name_leaves_pixels_alone(tmp_path):
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    hewlett_packards = Image.open(find_image("chelsea", tmp_path)).info["icc_profile"]
    for icc in (own, hewlett_packards):
        path = saved(tmp_path, SMOOTH, icc_profile=icc)
        np.testing.assert_array_equal(read_image(path), SMOOTH)
        assert remark(path) == ""


@pytest.mark.parametrize("icc", [
    b"", b"no profile", profile(WIDE)[:300], profile(WIDE)[:128] + bytes(200), profile(space=b"GRAY"),
    profile(WIDE, space=b"CMYK"), profile(WIDE, space=b"xyz\xff"), profile(WIDE).replace(b"curv", b"cave"),
], ids=["empty", "text", "cut", "zeros", "grey", "inks", "unknown", "no curve"])  # fmt: skip
def test_a_profile_that_cannot_be_read_or_is_of_another_kind_is_passed_over(tmp_path, icc):
    assert conversion(icc, grey=False) is None
    assert conversion(None, grey=False) is None
    path = saved(tmp_path, SMOOTH, icc_profile=icc)
    np.testing.assert_array_equal(read_image(path), SMOOTH)


def test_a_profile_that_libpng_dislikes_is_read_in_silence(capfd, tmp_path):
    assert read_image(find_image("astronaut", tmp_path)).shape == (512, 512, 3)
    assert capfd.readouterr() == ("", "")


def test_a_remark_shows_no_control_characters(tmp_path):
    path = saved(tmp_path, SMOOTH, icc_profile=profile(WIDE, name=b"red \x1b[31m\n" + b"x" * 1000))
    assert remark(path).isprintable()
    assert len(remark(path)) < 500


def test_a_profile_without_a_name_is_converted(tmp_path):
    assert "converted from 'a profile without a name' to sRGB" in remark(
        saved(tmp_path, SMOOTH, icc_profile=profile(WIDE, name=b""))
    )


def test_a_large_image_is_converted_strip_by_strip(tmp_path, monkeypatch):
    path = saved(tmp_path, SMOOTH, "x.png", icc_profile=profile(WIDE, 1.8))
    whole = read_image(path)
    monkeypatch.setattr("fmi_mx.files.images.STRIP", 7 * SMOOTH.shape[1])
    np.testing.assert_array_equal(read_image(path), whole)
