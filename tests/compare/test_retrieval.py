import numpy as np
import pytest

from fmi_mx.compare.retrieval import percentile, rank, spread, summary


def test_ranks_by_hand():
    distances = [3.0, 1.0, 2.0, 5.0, 4.0]
    assert [rank(distances, own, range(5)) for own in range(5)] == [3, 1, 2, 5, 4]
    assert rank(distances, 0, [0, 3, 4]) == 1
    assert rank(distances, 4, [0, 3, 4]) == 2
    assert rank(distances, 3, [3]) == 1


def test_what_tells_nothing_apart_comes_last():
    assert rank([2.0, 2.0, 2.0], 0, range(3)) == 3
    assert rank([1.0, 2.0, 2.0, 3.0], 1, range(4)) == 3


def test_a_summary_by_hand():
    assert summary([1, 1, 4, 2]) == {"cells": 4, "first": 2, "mean_rank": 2.0}


def test_a_percentile_by_hand():
    assert [percentile(value, [1.0, 2.0, 3.0, 4.0]) for value in (0, 2.5, 9)] == [0, 50, 100]
    assert percentile(2.0, [1.0, 2.0, 2.0, 4.0]) == 50  # one of four is smaller, two are equal


def test_a_spread_by_hand():
    """Draws at 0, 2 and 7 of a line. To the mean of the other two (4.5, 3.5, 1): 4.5, 1.5, 6. To the nearest: 2, 2, 5.
    Another at 1: to the same means 3.5, 2.5, 0, in the mean 2; to the nearest of 2 7, 0 7 and 0 2: 1, 1, 1. One at 10: 5.5,
    6.5, 9, in the mean 7; 3, 3, 8, in the mean 14/3."""
    found = spread(np.array([[0.0], [2.0], [7.0]]), np.array([[1.0], [10.0]]))
    assert found["to_mean"] == {"draws": [4.5, 1.5, 6.0], "others": [2.0, 7.0], "percentiles": [pytest.approx(100 / 3), 100]}
    assert found["to_nearest"]["draws"] == [2.0, 2.0, 5.0]
    assert found["to_nearest"]["others"] == pytest.approx([1.0, 14 / 3])
    assert found["to_nearest"]["percentiles"] == [0, pytest.approx(200 / 3)]


def test_draws_of_one_kind_lie_anywhere_in_the_spread_and_others_outside():
    generator = np.random.default_rng(0)
    same, other = [], []
    for _ in range(200):
        draws = generator.normal(size=(9, 5))
        found = spread(draws, np.array([generator.normal(size=5), generator.normal(size=5) + 6]))
        same.append([found[key]["percentiles"][0] for key in found])
        other.append([found[key]["percentiles"][1] for key in found])
    np.testing.assert_allclose(np.mean(same, axis=0), 50, atol=6)
    np.testing.assert_allclose(np.mean(other, axis=0), 100, atol=2)
