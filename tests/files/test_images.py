import contextlib
import hashlib
import io
import os
import struct
import subprocess
import sys
import tracemalloc

import cv2
import numpy as np
import pytest
import tifffile
from pictures import RGB, SMOOTH, encoded, oriented, png, saved
from PIL import Image, ImageOps, TiffImagePlugin
from skimage.restoration import denoise_tv_chambolle
from skimage.transform import resize

from fmi_mx import InputError
from fmi_mx.files import images
from fmi_mx.files.decoder import still_png
from fmi_mx.files.header import read_header
from fmi_mx.files.images import (
    MEAN,
    decode,
    file_digest,
    fitted,
    png_bytes,
    postprocess,
    preprocess,
    preprocess_style,
    read_image,
    remark,
    scaled_size,
)

GREY = SMOOTH[..., 0]
RGBA = np.dstack([SMOOTH, np.full(SMOOTH.shape[:2], 255, np.uint8)])


def written(folder, data, name="x"):
    path = folder / name
    path.write_bytes(data)
    return path


def as_tiff(pixels, **options):
    """The bytes of a TIFF as tifffile writes it, which knows more kinds than Pillow."""
    data = io.BytesIO()
    tifffile.imwrite(data, pixels, **options)
    return data.getvalue()


def black(width, height):
    """The bytes of a PNG of one bit a pixel, all 0, as are the bytes that begin its rows."""
    return png(np.zeros((1, (1 + -(-width // 8)) * height - 1), np.uint8), 1, 0, size=(width, height))


def refused(path, message):
    """Asserts that an image is refused, in one line of a few hundred letters, and with this in it."""
    with pytest.raises(InputError) as error:
        read_image(path)
    assert message in str(error.value)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 500


def test_colours_come_out_as_rgb(tmp_path):
    np.testing.assert_array_equal(read_image(saved(tmp_path, RGB)), RGB)


def test_grey_becomes_three_equal_channels(tmp_path):
    grey = read_image(saved(tmp_path, RGB[..., 0]))
    np.testing.assert_array_equal(grey, np.repeat(RGB[..., :1], 3, axis=2))


@pytest.mark.parametrize("name", ["x.png", "x.tif"])
@pytest.mark.parametrize("pixels", [RGB, RGB[..., 0]], ids=["colours", "grey"])
def test_16_bits_become_8(tmp_path, name, pixels):
    path = tmp_path / name
    cv2.imwrite(str(path), pixels[..., ::-1].astype(np.uint16) * 257 if pixels.ndim == 3 else pixels.astype(np.uint16) * 257)
    np.testing.assert_array_equal(read_image(path), np.broadcast_to(pixels.reshape(20, 30, -1), RGB.shape))


def test_a_name_that_is_no_utf_8_makes_no_difference(tmp_path):
    path = written(tmp_path, encoded(SMOOTH, "PNG"), os.fsdecode(b"\xff.png"))
    np.testing.assert_array_equal(read_image(path), SMOOTH)


OPAQUE = {
    "RGBA": encoded(RGBA, "PNG"),
    "RGBA of 16 bits": png(RGBA.astype(">u2") * 257, 16, 6),
    "grey": encoded(RGBA[..., 2:], "PNG"),
    "palette, no pixel": png(np.minimum(GREY, 200), 8, 3, [(b"PLTE", bytes(768)), (b"tRNS", b"\xff" * 255 + b"\0")]),
    "a colour, no pixel": png(SMOOTH, 8, 2, [(b"tRNS", bytes(6))]),
    "TIFF": as_tiff(RGBA, photometric="rgb", extrasamples=["unassalpha"]),
    "WebP": encoded(RGBA, "WEBP", lossless=True),
}


@pytest.mark.parametrize("kind", OPAQUE)
def test_transparency_that_no_pixel_has_is_passed_over(tmp_path, kind):
    path = written(tmp_path, OPAQUE[kind])
    flags = cv2.IMREAD_COLOR
    np.testing.assert_array_equal(read_image(path), cv2.imread(str(path), flags)[..., ::-1])


HOLE = RGBA.copy()
HOLE[3, 4, 3] = 254
TRANSPARENT = {
    "RGBA": encoded(HOLE, "PNG"),
    "RGBA of 16 bits": png(HOLE.astype(">u2") * 257, 16, 6),
    "grey and alpha": encoded(HOLE[..., 2:], "PNG"),
    "grey and alpha of 16 bits": png(HOLE[..., 2:].astype(">u2") * 257, 16, 4),
    "palette": png(GREY, 8, 3, [(b"PLTE", bytes(768)), (b"tRNS", b"\xff" * int(GREY[0, 0]) + b"\0")]),
    "an index": encoded(GREY, "PNG", transparency=int(GREY[0, 0])),
    "a colour": encoded(SMOOTH, "PNG", transparency=tuple(SMOOTH[0, 0].tolist())),
    "a grey": png(GREY, 8, 0, [(b"tRNS", bytes([0, GREY[0, 0]]))]),
    "a grey of 16 bits": png(GREY.astype(">u2") * 257, 16, 0, [(b"tRNS", bytes([GREY[0, 0]] * 2))]),
    "a grey of 1 bit": png(np.packbits(GREY > 127, axis=1), 1, 0, [(b"tRNS", b"\0\1")], (160, 120)),
    "WebP": encoded(HOLE, "WEBP", lossless=True),
    "TIFF": as_tiff(HOLE, photometric="rgb", extrasamples=["unassalpha"]),
    "TIFF, multiplied": as_tiff(HOLE, photometric="rgb", extrasamples=["assocalpha"]),
    "TIFF, not named so": as_tiff(HOLE, photometric="rgb", extrasamples=["unspecified"]),
    "TIFF, grey": as_tiff(HOLE[..., 2:], photometric="minisblack", extrasamples=["unassalpha"]),
    "TIFF, palette": Image.fromarray(SMOOTH).convert("PA"),
}


@pytest.mark.parametrize("kind", TRANSPARENT)
def test_transparency_of_every_kind_is_refused(tmp_path, kind):
    image = TRANSPARENT[kind]
    path = written(tmp_path, image) if isinstance(image, bytes) else saved(tmp_path, image, "x.tif")
    refused(path, "flatten it onto a background first")


@pytest.mark.parametrize("orientation", [0, *range(1, 9), 9])
@pytest.mark.parametrize("name, options", [
    ("x.jpg", {"quality": 100, "subsampling": 0}), ("x.png", {}), ("x.tif", {}), ("x.webp", {"lossless": True}),
])  # fmt: skip
def test_exif_rotation_is_applied(tmp_path, name, options, orientation):
    path = saved(tmp_path, SMOOTH, name, exif=oriented(orientation), **options)
    wanted = np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB")).astype(int)
    read = read_image(path)
    assert read.shape == wanted.shape
    assert np.abs(read - wanted).max() <= (2 if name == "x.jpg" else 0)


def test_exif_that_cannot_be_read_is_passed_over(tmp_path):
    for number, exif in enumerate((b"Exif\0\0nothing", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", b"Exif\0\0" + bytes(60000))):
        for name, options in (("x.webp", {"lossless": True}), ("x.jpg", {"quality": 100, "subsampling": 0})):
            path = saved(tmp_path, SMOOTH, f"{number}{name}", exif=exif, **options)
            assert np.abs(read_image(path).astype(int) - SMOOTH).mean() < 1


KINDS = {
    "CMYK JPEG": (Image.fromarray(SMOOTH).convert("CMYK"), "x.jpg", "its pixels are inks (CMYK)"),
    "CMYK TIFF": (Image.fromarray(SMOOTH).convert("CMYK"), "x.tif", "its pixels are inks (CMYK)"),
    "LAB": (Image.fromarray(SMOOTH).convert("LAB"), "x.tif", "its pixels are CIELAB"),
    "float": (Image.fromarray(GREY).convert("F"), "x.tif", "its pixels are floating-point numbers"),
    "float RGB": (as_tiff(SMOOTH.astype(np.float32), photometric="rgb"), "x.tif", "of 8 or 16 bits"),
    "32 bits": (Image.fromarray(GREY).convert("I"), "x.tif", "its pixels are numbers of more than 16 bits or with a sign"),
    "signed": (as_tiff(GREY.astype(np.int8)), "x.tif", "with a sign"),
    "signed, 16 bits": (as_tiff(GREY.astype(np.int16)), "x.tif", "with a sign"),
    "GIF": (Image.fromarray(GREY), "x.gif", "PNG, JPEG, TIFF, BMP and WebP"),
    "PPM": (Image.fromarray(SMOOTH), "x.ppm", "PNG, JPEG, TIFF, BMP and WebP"),
    "empty": (b"", "x.jpg", "not an image"),
    "text": (b"this is text\n" * 100, "x.jpg", "not an image"),
    "one pixel": (Image.fromarray(RGB[:1, :1]), "x.png", "is 1x1 pixels; both sides must be at least 16"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_that_are_not_read_are_refused_by_name(tmp_path, kind):
    image, name, message = KINDS[kind]
    refused(written(tmp_path, image, name) if isinstance(image, bytes) else saved(tmp_path, image, name), message)


def test_what_is_no_file_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "loop.png").symlink_to("loop.png")
    for path, message in ((tmp_path / "pipe.png", "is no regular file"), ("/dev/zero", "is no regular file"),
                          (tmp_path, "is no regular file"), (tmp_path / "loop.png", "no such file"),
                          (tmp_path / "none.png", "no such file"), (tmp_path / ("x" * 5000), "no such file")):  # fmt: skip
        refused(path, message)


WHOLE = {
    "PNG": encoded(SMOOTH, "PNG"),
    "JPEG": encoded(SMOOTH, "JPEG", quality=95),
    "JPEG, progressive": encoded(SMOOTH, "JPEG", quality=95, progressive=True),
    "JPEG with a thumbnail": encoded(SMOOTH, "JPEG", exif=b"Exif\0\0" + encoded(GREY, "JPEG"), quality=95),
    "TIFF": encoded(SMOOTH, "TIFF"),
    "TIFF, LZW": encoded(SMOOTH, "TIFF", compression="tiff_lzw"),
    "TIFF, data last": as_tiff(SMOOTH, photometric="rgb", compression="zlib", rowsperstrip=10),
    "BMP": encoded(SMOOTH, "BMP"),
    "WebP": encoded(SMOOTH, "WEBP", lossless=True),
    "WebP, lossy": encoded(SMOOTH, "WEBP"),
    "TIFF, planes": as_tiff(SMOOTH.transpose(2, 0, 1) * np.uint16(257), photometric="rgb", planarconfig="separate"),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_a_file_that_is_cut_off_is_refused(tmp_path, kind, capfd, recwarn):
    """Wherever it is cut; and it says nothing but its one line."""
    data = WHOLE[kind]
    assert read_image(written(tmp_path, data)).shape == SMOOTH.shape
    for length in (*range(0, 64, 9), *np.linspace(64, len(data) - 1, 12, dtype=int), len(data) - 12):
        with pytest.raises(InputError):
            read_image(written(tmp_path, data[:length], "cut"))
    assert capfd.readouterr() == ("", "")
    assert not recwarn


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "JPEG, progressive", "TIFF, LZW", "TIFF, data last"])
def test_damage_in_the_middle_is_refused(tmp_path, kind, capfd):
    """In formats that can tell: a BMP cannot, nor can a TIFF that is not compressed."""
    data = WHOLE[kind]
    refused(written(tmp_path, data[: len(data) // 2] + bytes(200) + data[len(data) // 2 + 200 :]), "image")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("start, gone", [(b"\xff" * 4, 4), (bytes(12), 0)], ids=["too long", "no kind"])
def test_a_chunk_of_a_png_that_is_none_takes_neither_memory_nor_time(tmp_path, start, gone):
    data = WHOLE["PNG"]
    place = data.index(b"IDAT") - 4
    path = written(tmp_path, data[:place] + start + data[place + gone :])
    with pytest.raises(ValueError, match="is cut off or damaged"):
        still_png(path)
    assert decode(path) is None
    refused(path, "damaged")


def test_damage_that_only_pillow_finds_is_refused(tmp_path):
    """A WebP with bytes twice, which OpenCV takes for the most part."""
    data, taken = WHOLE["WebP, lossy"], 0
    for more in range(1, 40):
        path = written(tmp_path, data[: len(data) // 3 + more] + data[len(data) // 3 :])
        if decode(path) is not None:
            with contextlib.suppress(InputError):
                read_image(path)
                taken -= 1
            taken += 1
    assert taken > 5


def test_what_stands_behind_a_jpeg_is_not_its_end(tmp_path):
    """A JPEG that was cut off, and one with something appended that has an end marker, as phones make them."""
    data = WHOLE["JPEG"]
    assert read_image(written(tmp_path, data + b"\xff\xda\xff\xd8" + bytes(100))).shape == SMOOTH.shape
    refused(written(tmp_path, data[: len(data) // 2]), "is cut off before its end")


@pytest.mark.parametrize("data, message", [
    (png(np.zeros((0, 0)), 1, 0, size=(32000, 32000)), "is 32000x32000 pixels; at most 800 million in all"),
    (png(np.zeros((0, 0)), 8, 2, size=(40000, 30000)), "is 40000x30000 pixels; at most 800 million in all"),
    (png(np.zeros((0, 0)), 8, 2, size=(2**31 - 1, 2**31 - 1)), "pixels; at most 800 million in all"),
    (png(np.zeros((0, 0)), 8, 2, size=(1_000_001, 16)), "at most 800 million in all and 1000000 a side"),
    (png(np.zeros((0, 0)), 8, 2, size=(20000, 20000)), "is damaged"),
    (png(np.zeros((0, 0)), 8, 2, size=(0, 20)), "image"),
    (WHOLE["BMP"][:18] + b"\xff\xff\xff\x7f" + WHOLE["BMP"][22:], "pixels; at most 800 million in all"),
    (WHOLE["JPEG"].replace(b"\x08\x00\x78\x00\xa0", b"\x08\xff\xdc\xff\xdc"), "is 65500x65500 pixels; at most 800 million"),
    (WHOLE["JPEG"].replace(b"\x08\x00\x78\x00\xa0", b"\x08\x65\x90\x75\x30"), "is cut off before its end"),
], ids=["one bit", "over 2^30", "largest", "long", "too little data", "none", "BMP", "JPEG", "JPEG, allowed"])  # fmt: skip
def test_the_size_is_judged_by_the_header(tmp_path, data, message):
    assert len(data) < 100_000
    refused(written(tmp_path, data), message)


@pytest.mark.parametrize("width, height", [(1_000_000, 2), (2, 1_000_000)])
def test_the_longest_side_is_none_too_long_for_opencv(tmp_path, width, height, monkeypatch):
    path = written(tmp_path, black(width, height))
    monkeypatch.setattr(images, "SMALLEST", 1)
    assert read_image(path).shape == (height, width, 3)


def test_a_size_that_pillow_refuses_is_none_of_our_business(tmp_path, recwarn):
    header = read_header(written(tmp_path, png(np.zeros((0, 0)), 1, 0, size=(28_000, 28_000))))
    assert (header.width, header.height) == (28_000, 28_000)
    assert not recwarn
    assert 0 < Image.MAX_IMAGE_PIXELS < 28_000**2


def test_where_memory_is_short_it_is_said(tmp_path):
    path = written(tmp_path, black(12000, 12000))
    code = """if True:
        import resource, sys
        import cv2, fmi_mx.files.images
        now = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + 3 * 10**8,) * 2)
        try:
            fmi_mx.files.images.read_image(sys.argv[1])
        except fmi_mx.InputError as error:
            print(error)
    """
    said = subprocess.run([sys.executable, "-c", code, path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True)
    assert said.stdout.decode() == f"image {path}: takes more memory than there is; make it smaller first\n"


@pytest.mark.parametrize("error, message", [
    (PermissionError(13, "Permission denied"), "cannot be read (Permission denied)"),
    (MemoryError(), "takes more memory than there is"),
    (RuntimeError("odd"), "is damaged, or of a kind that is not read (RuntimeError: odd)"),
], ids=["permission", "memory", "any other"])  # fmt: skip
def test_whatever_pillow_raises_is_one_line(tmp_path, monkeypatch, error, message):
    def fails(*_, **__):
        raise error

    path = saved(tmp_path, RGB)
    monkeypatch.setattr("fmi_mx.files.header.Image.open", fails)
    refused(path, message)


def flat_images():
    return [Image.fromarray(np.full((64, 48, 3), level, np.uint8)) for level in (50, 150, 250)]


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_of_several_images_the_first_is_taken_and_it_is_said(tmp_path, kind, monkeypatch):
    if kind == "WEBP" and tuple(map(int, cv2.__version__.split(".")[:2])) < (4, 11):
        pytest.skip("this OpenCV reads no animated WebP")
    path, (first, *others) = tmp_path / "x", flat_images()
    first.save(path, kind, save_all=True, append_images=others, **({"lossless": True} if kind == "WEBP" else {}))
    monkeypatch.setattr(TiffImagePlugin.TiffImageFile, "n_frames", property(lambda _: pytest.fail("reads every page")))
    np.testing.assert_array_equal(read_image(path), first)
    assert remark(path) == f"image {path}: holds several images, of which the first is taken"


def test_of_two_pictures_of_a_phone_the_first_is_taken_and_it_is_said(tmp_path):
    """Two JPEG, one behind the other, and in the first a list of them (CIPA DC-007)."""
    first, second = (encoded(np.asarray(image), "JPEG", quality=100) for image in flat_images()[:2])
    entries = struct.pack(">IIIHH", 0, len(first), 0, 0, 0) + struct.pack(">IIIHH", 0, len(second), len(first), 0, 0)
    tags = ((0xB000, 7, 4, b"0100"), (0xB001, 4, 1, struct.pack(">I", 2)), (0xB002, 7, 32, struct.pack(">I", 50)))
    listed = b"MM\0*" + struct.pack(">IH", 8, 3) + b"".join(struct.pack(">HHI", *tag[:3]) + tag[3] for tag in tags)
    listed += bytes(4) + entries
    segment = b"\xff\xe2" + struct.pack(">H", 6 + len(listed)) + b"MPF\0" + listed
    path = written(tmp_path, first[:2] + segment + first[2:] + second)
    assert np.abs(read_image(path).astype(int) - 50).max() <= 1
    assert remark(path) == f"image {path}: holds several images, of which the first is taken"


ACTL, FCTL = (b"acTL", struct.pack(">II", 3, 0)), (b"fcTL", struct.pack(">IIIIIHHBB", 0, 160, 120, 0, 0, 1, 1, 0, 0))


@pytest.mark.parametrize("animation", [[ACTL], [ACTL, FCTL], [FCTL]], ids=["no frame", "one of three", "not said"])
@pytest.mark.parametrize("depth, colour", [(8, 2), (16, 2), (16, 0)])
def test_of_a_damaged_animation_the_still_image_is_taken(tmp_path, animation, depth, colour):
    """OpenCV 4.11 crashes on some, and gives four channels of others."""
    pixels = SMOOTH if colour else GREY
    stored = pixels if depth == 8 else pixels.astype(">u2") * np.uint16(257)
    path = written(tmp_path, png(stored, depth, colour, animation))
    np.testing.assert_array_equal(read_image(path), np.broadcast_to(pixels.reshape(120, 160, -1), SMOOTH.shape))
    assert still_png(path) == png(stored, depth, colour)


def test_what_stands_behind_a_png_is_not_searched(tmp_path):
    assert still_png(written(tmp_path, png(RGB) + png(RGB, extra=[ACTL])[8:])) is None


def test_there_is_nothing_to_remark_on_an_ordinary_image(tmp_path):
    assert remark(saved(tmp_path, RGB)) == ""


def test_a_picture_of_ours_that_is_gone_or_damaged_is_none(tmp_path, capfd):
    path = written(tmp_path, png_bytes(SMOOTH))
    np.testing.assert_array_equal(decode(path), SMOOTH)
    for data in (png_bytes(SMOOTH)[:-100], b"text", b""):
        assert decode(written(tmp_path, data)) is None
    assert decode(tmp_path / "none.png") is None
    assert capfd.readouterr() == ("", "")


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


@pytest.mark.parametrize("pixels", ["authors", "paper"])
def test_a_large_image_is_never_float_as_a_whole(monkeypatch, pixels):
    monkeypatch.setattr(images, "AT_ONCE", 1000)
    monkeypatch.setattr(images, "STRIP", 10_000)
    image = np.zeros((1000, 1000, 3), np.uint8)
    tracemalloc.start()
    preprocess(image, 96, pixels)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < image.size


@pytest.mark.parametrize("pixels", ["authors", "paper"])
@pytest.mark.parametrize("long_edge", [16, 37, 160, 300])
def test_a_large_image_is_resized_strip_by_strip(monkeypatch, pixels, long_edge):
    whole = preprocess(SMOOTH, long_edge, pixels)
    monkeypatch.setattr(images, "AT_ONCE", 1000)
    monkeypatch.setattr(images, "STRIP", 7 * SMOOTH.shape[1])
    np.testing.assert_allclose(preprocess(SMOOTH, long_edge, pixels), whole, atol=1e-3)


def test_a_style_image_takes_the_contents_size_or_keeps_its_shape():
    mean = [123.68, 116.779, 103.939]
    authors = preprocess_style(RGB, (13, 11), 15, "authors", "authors")
    wanted = resize(RGB / 255, (13, 11), order=1, anti_aliasing=False, mode="edge") * 255 - mean  # 255, not 256
    np.testing.assert_allclose(authors[0].transpose(1, 2, 0), wanted, atol=1e-3)
    paper = preprocess_style(RGB, (13, 11), 15, "paper", "paper")
    wanted = RGB.reshape(10, 2, 15, 2, 3).mean((1, 3)) - mean
    np.testing.assert_allclose(paper[0].transpose(1, 2, 0), wanted, atol=1e-3)


def test_an_image_too_narrow_to_scale_is_refused():
    with pytest.raises(InputError, match="3000x16 pixels has none left across at long_edge 100; take one of 188 or more"):
        scaled_size(16, 3000, 100, "authors")
    assert min(scaled_size(16, 3000, 188, "authors")) == 1


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
