import numpy as np
import pytest

from fmi_mx.gallery.nearest import between_images, nearest, points_of
from fmi_mx.measure.descriptors import positions

PARTS = ("colour", "texture")


def described(images, filters, lacking=()):
    generator = np.random.default_rng(5)
    found = [[{"colour": generator.normal(size=9), "texture": generator.normal(size=48)} for _ in range(filters)]
             for _ in range(images)]  # fmt: skip
    for image, l in lacking:
        found[image][l] = None
    return found


def placed(pictures):
    return points_of(pictures, np.ones((len(pictures), len(pictures[0])), bool))


def test_points_are_positions_over_all_textures_that_are_there():
    all_of_them, textures = described(2, 4, [(1, 2)]), np.ones((2, 4), bool)
    textures[0, 3] = False
    points = points_of(all_of_them, textures)
    kept = np.array([1, 1, 1, 0, 1, 1, 1], bool)
    expected = positions([one for column in all_of_them for one in column if one], PARTS, kept)
    assert points.shape == (2, 4, 57)
    assert np.array_equal(points[0], expected[:4])
    assert np.array_equal(points[1, [0, 1, 3]], expected[4:])
    assert np.isnan(points[1, 2]).all()
    assert placed([[None, None]]).shape == (1, 2, 1)


def test_between_images_is_the_mean_distance_of_a_filters_pictures():
    points = placed(described(3, 4, [(0, 1), (0, 2), (1, 2)]))
    expected = [np.linalg.norm(points[i, 0] - points[j, 0]) for i, j in ((0, 1), (0, 2), (1, 2))]
    found = between_images(points)
    assert found[0] == pytest.approx(np.mean(expected))
    assert found[1] == pytest.approx(np.linalg.norm(points[1, 1] - points[2, 1]))
    assert np.isnan(found[2])
    assert np.isnan(between_images(points[:1])).all()


def test_nearest_is_by_the_mean_over_images_and_never_oneself():
    points = placed(described(2, 20, [(1, 3), (0, 4), (1, 4)]))
    distances = np.linalg.norm(points[:, :, None] - points[:, None], axis=-1)
    expected = distances.mean(axis=0)
    expected[3], expected[:, 3] = distances[0, 3], distances[0, :, 3]
    found = nearest(points, slice(2, 7))
    for own, row in zip(range(2, 7), found):
        others = [one for one in np.argsort(expected[own]) if one not in (own, 4)][:8]
        assert row == ([] if own == 4 else others)
