import cv2
import numpy as np
import pytest
from conftest import WIDTH
from scipy.ndimage import gaussian_filter

from fmi_mx import InputError, encode, layer_code, vgg19
from fmi_mx.files.images import MEAN
from fmi_mx.machine.mxnet import mx
from fmi_mx.measure.descriptors import DESCRIBED, channel_statistics, describe, positions
from fmi_mx.network.executors import to_device

SIZE = 96, 128


def stripes(angle, wavelength, shift=0.0, colours=((200, 60, 60), (60, 60, 200)), contrast=1.0):
    """A sine wave between two colours, uint8 (96, 128, 3); shift in pixels."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    along = x * np.cos(np.radians(angle)) + y * np.sin(np.radians(angle)) + shift
    share = 0.5 + contrast / 2 * np.sin(2 * np.pi * along / wavelength)[..., None]
    return np.rint(share * np.array(colours[0]) + (1 - share) * np.array(colours[1])).astype(np.uint8)


def blobs(seed, sigma=3):
    noise = np.random.default_rng(seed).normal(0, 1, (*SIZE, 3))
    smooth = gaussian_filter(noise, (sigma, sigma, 0), mode="wrap")
    return np.rint(np.clip(128 + 40 * smooth / smooth.std(), 0, 255)).astype(np.uint8)


def hues_turned(picture):
    """The picture with a and b of CIELAB turned by 90 degrees about grey, L kept."""
    lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    lab[..., 1:] = np.stack([-lab[..., 2], lab[..., 1]], axis=2) * 0.5
    return np.rint(np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), 0, 1) * 255).astype(np.uint8)


def scrambled(picture, seed=0):
    """The same pixels at other places."""
    return np.random.default_rng(seed).permutation(picture.reshape(-1, 3)).reshape(picture.shape)


GREYS = ((90, 90, 90), (170, 170, 170))
MADE = [
    stripes(0, 8), stripes(90, 8), stripes(45, 8), stripes(0, 20), stripes(0, 4), stripes(0, 8, colours=GREYS),
    stripes(90, 20, colours=GREYS), blobs(1), blobs(2, 6), scrambled(blobs(3)),
]  # fmt: skip


def distances(query, parts):
    """Of a picture to each of those made."""
    points = positions([describe(picture) for picture in (query, *MADE)], parts)
    return np.linalg.norm(points[1:] - points[0], axis=1)


@pytest.mark.parametrize("parts", [("colour", "texture"), ("texture",)])
@pytest.mark.parametrize("index, shifted", [
    (0, stripes(0, 8, 3)), (1, stripes(90, 8, 2)), (2, stripes(45, 8, 5)), (3, stripes(0, 20, 7)),
    (6, stripes(90, 20, 9, colours=GREYS)), (7, np.roll(blobs(1), (30, 50), axis=(0, 1))),
])  # fmt: skip
def test_a_shifted_texture_is_near_itself_and_far_from_others(index, shifted, parts):
    found = distances(shifted, parts)
    others = np.delete(found, [index, 5] if index == 0 else index)  # the fifth is the first in grey: the same texture
    assert found[index] < 0.2 * others.min()


def test_another_draw_of_a_random_texture_is_nearest_to_it():
    assert distances(blobs(11), ("colour", "texture")).argmin() == 7
    assert distances(blobs(12, 6), ("texture",)).argmin() == 8


def change(one, two, part):
    """How far two pictures are apart in a part, on the scale of the made textures."""
    points = positions([describe(picture) for picture in (one, two, *MADE)], (part,))
    return np.linalg.norm(points[0] - points[1])


@pytest.mark.parametrize("picture", [blobs(1), stripes(30, 10, colours=((190, 140, 130), (80, 60, 90)))])
def test_a_change_of_hue_is_seen_by_the_colour_and_not_by_the_texture(picture):
    turned = hues_turned(picture)
    assert change(picture, turned, "colour") > 0.5
    assert change(picture, turned, "texture") < 0.05


@pytest.mark.parametrize("other", [scrambled(blobs(1)), np.rot90(blobs(1), 2), blobs(1)[::-1]])
def test_the_colour_does_not_see_where_pixels_are(other):
    assert change(blobs(1), other, "colour") < 1e-6


def test_the_texture_sees_where_pixels_are_orientation_wavelength_and_contrast():
    assert change(blobs(1), scrambled(blobs(1)), "texture") > 0.7
    assert change(stripes(0, 8), stripes(30, 8), "texture") > 0.5
    assert change(stripes(0, 8), stripes(0, 14), "texture") > 0.5
    assert change(stripes(0, 8), stripes(0, 8, contrast=0.3), "texture") > 0.2


def test_the_energies_are_largest_at_the_wavelength_and_orientation_of_the_stripes():
    for scale, wavelength in enumerate((3.0, 5.4, 9.7, 17.5)):
        for turn in range(6):
            energies, irregular = describe(stripes(30 * turn, wavelength, colours=GREYS))["texture"].reshape(2, 4, 6)
            assert np.unravel_index(energies.argmax(), (4, 6)) == (scale, turn)
            assert irregular[scale, turn] < 0.2  # the same amplitude in every phase


def test_the_colour_by_hand():
    picture = np.zeros((*SIZE, 3), np.uint8)
    picture[:48] = 255  # half white (L 100), half black (L 0), so a mean of 50 and a deviation of 50
    found = describe(picture)["colour"]
    np.testing.assert_allclose(found, [50, 0, 0, np.log(51), 0, 0, 0, 0, 0], atol=1e-2)
    red, green = describe(np.full((*SIZE, 3), (255, 0, 0), np.uint8)), describe(np.full((*SIZE, 3), (0, 255, 0), np.uint8))
    np.testing.assert_allclose(red["colour"][:3], [53.24, 80.09, 67.20], atol=0.1)  # sRGB's red in CIELAB
    np.testing.assert_allclose(green["colour"][:3], [87.73, -86.18, 83.18], atol=0.1)


def test_what_is_returned():
    for picture in (blobs(1), np.zeros((*SIZE, 3), np.uint8), np.full((40, 33, 3), 255, np.uint8)):
        found = describe(picture)
        assert {part: values.shape for part, values in found.items()} == {"colour": (9,), "texture": (48,)}
        assert all(values.dtype == np.float64 and np.isfinite(values).all() for values in found.values())


def test_positions_by_hand():
    """Three pictures: values 0, 2, 4 have the mean 2 and the deviation sqrt(8/3); a constant says nothing."""
    given = [{"a": np.array([0.0, 7.0]), "b": np.array([4.0])}, {"a": np.array([2.0, 7.0]), "b": np.array([0.0])},
             {"a": np.array([4.0, 7.0]), "b": np.array([2.0])}]  # fmt: skip
    step = 2 / np.sqrt(8 / 3)
    expected = [[-step / np.sqrt(2), 0, step], [0, 0, -step], [step / np.sqrt(2), 0, 0]]
    np.testing.assert_allclose(positions(given, ("a", "b")), expected)
    np.testing.assert_allclose(positions(given, ("b",)), np.array(expected)[:, 2:])


def test_positions_of_some_are_standardised_over_these():
    """Values 0, 2, 4 have the mean 2 and the deviation sqrt(8/3); 100 is no part of it. What is the same in them counts
    nothing, though it differs elsewhere."""
    given = [{"a": np.array([value, 1.0 + (value > 50)])} for value in (0.0, 100.0, 2.0, 4.0)]
    found = positions(given, ("a",), np.array([True, False, True, True]))
    np.testing.assert_allclose(found[:, 0], (np.array([0, 100, 2, 4]) - 2) / np.sqrt(8 / 3) / np.sqrt(2))
    np.testing.assert_array_equal(found[:, 1], 0)
    np.testing.assert_array_equal(positions(given, ("a",), np.zeros(4, bool)), positions(given, ("a",)))


def test_no_unit_and_no_length_of_a_part_counts():
    generator = np.random.default_rng(0)
    given = [{"a": generator.normal(size=3), "b": generator.normal(size=500)} for _ in range(20)]
    scaled = [{"a": 1000 * one["a"] + 5, "b": one["b"]} for one in given]
    np.testing.assert_allclose(positions(given, ("a", "b")), positions(scaled, ("a", "b")), atol=1e-9)
    points = positions(given, ("a", "b"))
    assert (points[:, :3] ** 2).sum() == pytest.approx((points[:, 3:] ** 2).sum())


def test_channel_statistics_are_those_of_the_codes(arrays):
    weights = to_device(arrays, mx.cpu())
    pictures = [blobs(1)[:32, :48], stripes(0, 8)[:32, :48]]
    for picture, found in zip(pictures, channel_statistics(pictures, weights)):
        assert list(found) == list(DESCRIBED)
        image = mx.nd.array((picture - MEAN).transpose(2, 0, 1)[None])
        for layer in DESCRIBED:
            code = encode(layer_code(vgg19(width=WIDTH), layer), weights, image).asnumpy()[0].astype(np.float64)
            expected = np.concatenate([code.mean(axis=(1, 2)), code.std(axis=(1, 2))])
            np.testing.assert_allclose(found[layer], expected, rtol=1e-3, atol=1e-4 * expected.max())
    with pytest.raises(InputError, match="too small for relu5_2"):
        channel_statistics([blobs(1)[:15]], weights)
