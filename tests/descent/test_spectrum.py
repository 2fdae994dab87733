import numpy as np
import pytest
from scipy.fft import dctn, idctn

from fmi_mx.descent.spectrum import COLOURS, NoCurvature, Spectrum, backward, band_numbers, forward


def transform(image):
    """Colours turned, then SciPy's cosine transform: (3, B, H, W)."""
    return dctn(np.einsum("kc,bchw->kbhw", COLOURS, image), axes=(2, 3), norm="ortho")


def back(coefficients):
    return np.einsum("kc,kbhw->bchw", COLOURS, idctn(coefficients, axes=(2, 3), norm="ortho"))


def test_the_colours_are_orthonormal():
    np.testing.assert_allclose(COLOURS @ COLOURS.T, np.eye(3), atol=1e-7)


def cosines(size):
    """The orthonormal discrete cosine transform (DCT-II) of ``size`` values, as a matrix (frequency, place)."""
    frequency, place = np.arange(size)[:, None], np.arange(size)[None]
    matrix = np.sqrt(2 / size) * np.cos(np.pi * frequency * (2 * place + 1) / (2 * size))
    matrix[0] /= np.sqrt(2)
    return matrix


def test_the_coefficients_are_the_cosine_transform_of_each_colour():
    image = np.random.default_rng(1).normal(size=(2, 3, 7, 10)).astype(np.float32)
    wanted = np.einsum("kc,fh,bchw,gw->bkfg", COLOURS, cosines(7), image, cosines(10))
    found = forward(image)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    np.testing.assert_allclose(backward(found), image, atol=1e-5)


def test_along_is_the_image_times_the_inverse_hessian_times_the_image():
    noise, change, image = np.random.default_rng(2).normal(size=(3, 2, 3, 7, 10)).astype(np.float32)
    spectrum = Spectrum(noise, noise + 0.1 * change, 0.05)
    assert spectrum.along(image) == pytest.approx((image * spectrum(image)).sum(), rel=1e-5)


def test_bands_are_rings_of_one_spatial_frequency():
    bands = band_numbers(40, 60)
    assert bands[0, 0] == 0
    assert bands.max() == bands[39, 59] == len(np.unique(bands)) - 1
    assert bands[20, 0] == bands[0, 30]  # a quarter of a cycle a pixel, down and across


@pytest.mark.parametrize("batch", [1, 2])
def test_it_inverts_a_curvature_that_is_the_same_within_each_band(batch):
    generator, shape = np.random.default_rng(7), (batch, 3, 24, 36)
    curvature = generator.uniform(1, 100, (3, 30))[:, band_numbers(24, 36)][:, None]
    bend = lambda image: back(transform(image) * curvature)  # noqa: E731
    noise, image = generator.normal(size=(2, *shape))
    spectrum = Spectrum(noise, bend(noise), damping=1e-9)
    np.testing.assert_allclose(spectrum(bend(image)), image, rtol=1e-3, atol=2e-3)


def test_damping_is_a_share_of_the_largest_curvature():
    generator = np.random.default_rng(8)
    noise, image = generator.normal(size=(2, 1, 3, 20, 20))
    spectrum = Spectrum(noise, 8 * noise, damping=0.25)  # curvature 8 everywhere
    np.testing.assert_allclose(spectrum(image), image / 10, rtol=1e-4, atol=1e-5)


def test_a_band_without_curvature_is_damped_and_not_turned_round():
    generator = np.random.default_rng(9)
    noise, image = generator.normal(size=(2, 1, 3, 20, 20))
    signs = np.where(band_numbers(20, 20) % 2, -1.0, 1.0)
    found = Spectrum(noise, back(transform(noise) * signs), damping=0.1)(image)
    assert np.isfinite(found).all()
    wanted = back(transform(image) / np.where(signs > 0, 1.1, 0.1))
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("curvature", [-1.0, 0.0])
def test_where_no_band_curves_upwards_there_is_none(curvature):
    noise = np.random.default_rng(9).normal(size=(1, 3, 20, 20))
    with pytest.raises(NoCurvature):
        Spectrum(noise, curvature * noise, damping=0.1)
