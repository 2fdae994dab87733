import cv2
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from fmi_mx.files.finding import PACKAGED
from fmi_mx.files.images import fitted, read_image
from fmi_mx.measure.colourfulness import colourfulness
from fmi_mx.measure.intricacy import intricacy, periodic, structure, surrogate

SIZE = 96, 128
Y, X = np.mgrid[: SIZE[0], : SIZE[1]]


def grey(values):
    return np.repeat(np.rint(np.clip(values, 0, 255)).astype(np.uint8)[..., None], 3, axis=2)


def white_noise(seed):
    return np.random.default_rng(seed).integers(0, 256, (*SIZE, 3), np.uint8)


def smooth_noise(seed):
    smooth = gaussian_filter(np.random.default_rng(seed).normal(size=SIZE), 2, mode="wrap")
    return grey(128 + 40 * smooth / smooth.std())


def cut_noise(seed):
    """A part of a larger smooth noise, whose opposite edges do not meet."""
    smooth = gaussian_filter(np.random.default_rng(seed).normal(size=(192, 256)), 4)[: SIZE[0], : SIZE[1]]
    return grey(128 + 40 * smooth / smooth.std())


def circles(seed):
    """Closed shapes of many sizes."""
    picture, generator = np.full((*SIZE, 3), 200, np.uint8), np.random.default_rng(seed)
    for _ in range(25):
        centre = int(generator.integers(SIZE[1])), int(generator.integers(SIZE[0]))
        cv2.circle(picture, centre, int(generator.integers(4, 14)), (int(generator.integers(256)),) * 3, 2)
    return picture


def photograph(name):
    return fitted(read_image(PACKAGED / f"{name}.png"), SIZE)


def found(picture, seed=0):
    return intricacy(picture, 5, np.random.default_rng(seed))


@pytest.mark.parametrize("picture", [
    white_noise(0), white_noise(1), grey(128 + 30 * np.random.default_rng(2).normal(size=SIZE)), smooth_noise(3),
    grey(128 + 60 * np.sin(2 * np.pi * X / 8)), grey(128 + 60 * np.sin(2 * np.pi * (X / 8 + Y / 16))),
    grey(128 + 60 * np.sin(2 * np.pi * Y / 16)), np.full((*SIZE, 3), 90, np.uint8), cut_noise(4), cut_noise(5),
], ids=["white", "white 2", "normal", "smooth", "wave", "slanted wave", "long wave", "flat", "cut", "cut 2"])  # fmt: skip
def test_noise_and_waves_have_none(picture):
    assert abs(found(picture)) < 0.025


@pytest.mark.parametrize("picture", [circles(0), circles(1), photograph("astronaut"), photograph("coffee")])
def test_closed_shapes_and_photographs_have_much(picture):
    assert found(picture) > 0.12


def test_it_is_nought_on_average_for_what_is_its_own_surrogate():
    """Channels of one power spectrum: each is as like the others as they are to one another."""
    generator = np.random.default_rng(0)
    values = [found(grey(128 + 30 * surrogate(generator.normal(size=SIZE), generator)), seed) for seed in range(12)]
    assert abs(np.mean(values)) < 0.004


def test_contrast_and_hue_count_nothing():
    picture = photograph("coffee")
    paler = np.rint(0.5 * picture + 60).astype(np.uint8)
    assert found(paler) == pytest.approx(found(picture), rel=0.1)
    channel = np.random.default_rng(1).normal(size=SIZE)
    np.testing.assert_allclose(structure(7 * channel + 3), structure(channel))


def test_a_surrogate_has_the_power_spectrum_and_no_phases_of_its_channel():
    channel = circles(0)[..., 0].astype(float)
    other = surrogate(channel, np.random.default_rng(0))
    one, two = np.fft.fft2(channel), np.fft.fft2(other)
    np.testing.assert_allclose(np.abs(two), np.abs(one), atol=1e-6 * np.abs(one).max())
    assert [surrogate(channel, np.random.default_rng(seed)).mean() for seed in range(9)] == pytest.approx(
        [channel.mean()] * 9
    )
    turned = np.angle(two / one).ravel()
    assert abs(np.exp(1j * turned).mean()) < 0.05


def test_the_channels_of_a_surrogate_keep_their_correlations():
    """Their cross spectra are the picture's, which is to say that their phases are turned alike."""
    channels = photograph("coffee").transpose(2, 0, 1).astype(float)
    one, two = np.fft.fft2(channels), np.fft.fft2(surrogate(channels, np.random.default_rng(0)))
    for a, b in ((0, 1), (0, 2), (1, 2)):
        np.testing.assert_allclose(two[a] * two[b].conj(), one[a] * one[b].conj(), atol=1e-6 * np.abs(one).max() ** 2)


def test_the_periodic_component_has_no_jump_at_the_edges_and_leaves_alone_what_has_none():
    wave = np.sin(2 * np.pi * X / 16) + np.cos(2 * np.pi * Y / 12)
    ramp = X / 10.0
    assert np.abs(periodic(ramp)[:, 0] - periodic(ramp)[:, -1]).max() < 0.1 * np.abs(ramp[:, 0] - ramp[:, -1]).max()
    assert np.abs(periodic(wave) - wave).max() < 0.4  # neighbours at the edges differ as neighbours do
    assert periodic(ramp).mean() == pytest.approx(ramp.mean())


def test_colourfulness_by_hand():
    """Half red, half green: rg is 255 and -255 (mean 0, variance 255^2), yb is 127.5 everywhere (variance 0)."""
    picture = np.zeros((*SIZE, 3), np.uint8)
    picture[:48, :, 0] = picture[48:, :, 1] = 255
    assert colourfulness(picture) == pytest.approx(255 + 0.3 * 127.5)
    assert colourfulness(np.full((*SIZE, 3), (10, 10, 40), np.uint8)) == pytest.approx(0.3 * 30)


def test_grey_has_no_colour_and_where_pixels_are_does_not_matter():
    assert colourfulness(circles(0)) == 0
    picture = photograph("astronaut")
    scrambled = np.random.default_rng(0).permutation(picture.reshape(-1, 3)).reshape(picture.shape)
    assert colourfulness(scrambled) == pytest.approx(colourfulness(picture))
