import math

import numpy as np
import pytest

from fmi_mx.measure.intervals import (
    Bootstrap,
    Estimate,
    clopper_pearson,
    jackknife,
    permutation_p,
    slope,
    spearman,
    variance_components,
)


def bootstrap(resamples=500, confidence=0.95, seed=0):
    return Bootstrap(resamples, confidence, np.random.default_rng(seed))


def test_the_interval_of_a_constant_is_the_constant():
    assert bootstrap().estimate(np.mean, np.full(7, 5.0)) == Estimate(5, 5, 5)
    assert bootstrap().nested(np.mean, np.full((3, 4), 5.0)) == Estimate(5, 5, 5)


def test_the_interval_of_a_mean_is_the_normal_one_and_narrower_for_less_confidence():
    values = np.random.default_rng(1).normal(size=400)
    error = values.std() / 20
    for confidence, width in ((0.95, 1.960), (0.8, 1.282)):
        found = bootstrap(4000, confidence).estimate(np.mean, values)
        assert found.value == values.mean()
        assert found.low == pytest.approx(values.mean() - width * error, abs=0.2 * error)
        assert found.high == pytest.approx(values.mean() + width * error, abs=0.2 * error)


def test_the_interval_covers_the_truth_as_often_as_it_says():
    generator = np.random.default_rng(2)
    found = [bootstrap(200, 0.8, seed).estimate(np.mean, generator.normal(size=40)) for seed in range(200)]
    assert 0.7 < np.mean([one.low <= 0 <= one.high for one in found]) < 0.88


def test_groups_are_resampled_by_themselves():
    """Two equal groups: were both resampled alike, their difference would always be 0."""
    values = np.arange(10.0)
    found = bootstrap().estimate(lambda one, other: one.mean() - other.mean(), values, values)
    assert found.value == 0 and found.low < -1 and found.high > 1


def test_nested_resamples_the_groups_and_what_is_in_them():
    between = bootstrap().nested(np.mean, np.array([[0.0, 0.0], [1.0, 1.0]]))
    assert between == Estimate(0.5, 0, 1)
    within = bootstrap().nested(np.mean, np.array([[0.0, 1.0], [0.0, 1.0]]))
    assert within == Estimate(0.5, 0, 1)


def test_the_jackknife_of_a_mean_is_students_interval():
    """Values 1, 2, 3, 6: mean 3, standard error sqrt(14 / 3 / 4), and Student's t of 3 degrees at 97.5 % is 3.1824."""
    values = np.array([1.0, 2.0, 3.0, 6.0])
    found = jackknife(np.mean, 0.95, values)
    half = 3.18245 * np.sqrt(14 / 12)
    assert found == pytest.approx((3, 3 - half, 3 + half), rel=1e-5)
    apart = jackknife(lambda one, other: one.mean() - other.mean(), 0.95, values, values)
    assert apart == pytest.approx((0, -half * np.sqrt(2), half * np.sqrt(2)), rel=1e-5)


@pytest.mark.parametrize("successes, trials", [(0, 8), (3, 8), (8, 8), (17, 40)])
def test_the_exact_interval_of_a_share_is_where_the_binomial_tails_are(successes, trials):
    def at_least(k, p):
        return sum(math.comb(trials, i) * p**i * (1 - p) ** (trials - i) for i in range(k, trials + 1))

    share, low, high = clopper_pearson(successes / trials, trials, 0.9)
    assert share == successes / trials
    assert low == 0 if not successes else at_least(successes, low) == pytest.approx(0.05)
    assert high == 1 if successes == trials else 1 - at_least(successes + 1, high) == pytest.approx(0.05)


def test_p_counts_the_measured_among_the_shuffled():
    assert permutation_p(2, [0, 1, 2, 3]) == (1 + 2) / 5
    assert permutation_p(9, np.zeros(99)) == 1 / 100


def test_trends_by_hand():
    """Places 0, 1 and 5 have the mean 2; of values 1, 2 and 9 the slope is (-2 - 2 + 27) / (4 + 1 + 9). The ranks 1, 2, 3
    against 1, 2.5, 2.5 have the covariance 0.5, the variances 2/3 and 0.5."""
    assert slope([0, 1, 5], [1.0, 2.0, 9.0]) == pytest.approx(23 / 14)
    assert spearman([0, 1, 5], [1.0, 2.0, 9.0]) == pytest.approx(1)
    assert spearman([0, 1, 5], [9.0, 2.0, 1.0]) == pytest.approx(-1)
    assert spearman([0, 1, 5], [1.0, 2.0, 2.0]) == pytest.approx(0.5 / np.sqrt(2 / 3 * 0.5))
    assert spearman([0, 1], [1.0, 1.0]) == 0


# Cells' means 2, 6, 12, 20; filters' 4, 16; images' 7, 13; of all 10. Mean squares: filters 2 * 2 * (36 + 36) = 288, images
# 2 * 2 * (9 + 9) = 72, both 2 * (1 + 1 + 1 + 1) = 8, seeds (8 * 1) / 4 = 2.
TABLE = np.array([[[1.0, 3.0], [5.0, 7.0]], [[11.0, 13.0], [19.0, 21.0]]])[..., None]
COMPONENTS = {"filter": (288 - 8) / 4, "image": (72 - 8) / 4, "both": (8 - 2) / 2, "seed": 2}


def test_variance_components_by_hand():
    assert variance_components(TABLE) == pytest.approx(COMPONENTS)


def test_the_dimensions_of_a_descriptor_add_up():
    both = np.concatenate([TABLE, 3 * TABLE + 7], axis=3)
    assert variance_components(both) == pytest.approx({name: 10 * value for name, value in COMPONENTS.items()})


def test_variance_components_are_those_that_the_numbers_were_made_with():
    generator = np.random.default_rng(3)
    shape = (12, 6, 4, 200)
    parts = {
        "filter": ((12, 1, 1, 200), 3),
        "image": ((1, 6, 1, 200), 2),
        "both": ((12, 6, 1, 200), 1),
        "seed": (shape, 0.5),
    }
    points = sum(generator.normal(0, deviation, size) for size, deviation in parts.values())
    found = variance_components(points)
    for name, (_, deviation) in parts.items():
        assert found[name] / 200 == pytest.approx(deviation**2, rel=0.2)
