"""Claim 2: the trend of a measure over the layers, and its verdict."""

import numpy as np
import pytest

from fmi_mx.claims.trends import trend_row
from fmi_mx.measure.intervals import Bootstrap


def trend(values, random, places=None):
    places = range(len(values)) if places is None else places
    bootstrap = Bootstrap(200, 0.95, np.random.default_rng(0))
    return trend_row("here", "colourfulness", places, values, random, 0.95, bootstrap)


def normal(seed, size):
    return np.random.default_rng(seed).normal(0, 1, size)


def test_it_holds_where_layers_rise_more_than_through_random_weights():
    rising, level = list(np.arange(5)[:, None] + normal(0, (5, 16))), list(normal(1, (5, 16)))
    row = trend(rising, level)
    assert row.verdict == "holds" and row.measured.value == pytest.approx(1, abs=0.2)
    assert row.beside["Spearman's correlation"].value == pytest.approx(1) and row.beside["steps of 4 that rise"] == 4
    assert abs(row.controls["random weights"]) < 0.3
    assert trend(rising, rising).because == ("random weights",)
    falling = trend([-one for one in rising], level)
    assert (falling.verdict, falling.because) == ("does not hold", ("no trend",))
    assert trend([level[0], *rising[:0:-1]], level).beside["steps of 4 that rise"] == 1


def test_the_margin_to_random_weights_is_the_difference_of_the_slopes():
    values, random = [normal(seed, 9) for seed in (1, 2, 3)], [normal(seed, 5) for seed in (4, 5, 6)]
    slopes = [np.polyfit([0, 3, 4], [one.mean() for one in layers], 1)[0] for layers in (values, random)]
    row = trend(values, random, [0, 3, 4])
    assert row.margins["random weights"].value == pytest.approx(slopes[0] - slopes[1])
    assert row.controls["random weights"] == pytest.approx(slopes[1])


def test_each_layer_counts_alike_however_many_textures_it_has():
    few = [np.full(16, 10.0), np.full(16, 20.0), np.full(2, 60.0)]
    assert trend(few, few).measured.value == pytest.approx(25)


def test_it_is_the_slope_over_the_places_and_undecided_where_no_random_weights_were_computed():
    values = [level + normal(level, 20) for level in (1, 4, 9)]
    row = trend(values, [], [1, 4, 15])
    assert row.measured.value == pytest.approx(np.polyfit([1, 4, 15], [one.mean() for one in values], 1)[0])
    assert (row.verdict, row.because) == ("undecided", ("random weights not computed",))
