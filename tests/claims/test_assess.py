"""Each claim on numbers made up to bear it out or not, and the whole of it with the small network."""

import json
import re
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import ROOT

from fmi_mx import InputError, encode, layer_code, vgg19
from fmi_mx.claims import assess as claims_assess
from fmi_mx.claims import layers as claim_layers
from fmi_mx.claims import runs as claims_runs
from fmi_mx.claims import textures as claim_textures
from fmi_mx.claims import transfers as claim_transfers
from fmi_mx.claims.runs import white_noise
from fmi_mx.claims.settings import load_settings
from fmi_mx.claims.style import crops_of, crops_row, distances, frobenius, moved, moved_row, nearest_other, own_style_row
from fmi_mx.claims.textureless import filters_of_textures, is_textureless, means_of_textures, points_of_textures
from fmi_mx.claims.textures import hits, missed, nearest, points_of, retrieval_row, shuffled_shares
from fmi_mx.claims.verdicts import judged
from fmi_mx.cli import main
from fmi_mx.experiment.cell import Cell
from fmi_mx.files.finding import PACKAGED
from fmi_mx.files.images import MEAN, clipped, decode, postprocess, preprocess, preprocess_style, read_image
from fmi_mx.machine import instructions
from fmi_mx.machine.mxnet import mx
from fmi_mx.measure.colourfulness import colourfulness
from fmi_mx.measure.descriptors import positions
from fmi_mx.measure.energy_vectors import energy_vectors, gram_matrices, total_variation
from fmi_mx.measure.intervals import Bootstrap, Estimate, variance_components
from fmi_mx.weights.canonical import load_weights, read_weights, weights_digest
from fmi_mx.weights.random import he_normal

CLAIMS = ROOT / "experiments" / "claims.yaml"
SMALL = ROOT / "model" / "small.params"
SETTINGS = load_settings(CLAIMS, {"resamples": 200})


def generator(seed=0):
    return np.random.default_rng(seed)


def bootstrap():
    return Bootstrap(200, 0.95, generator(9))


def textures(of_filter, of_image=0.0, of_both=0.0, seed=0, filters=16):
    """Points (filters, 2, 2, 20) with these standard deviations between filters, images and both together, and 1 else."""
    draw = generator(seed).normal
    parts = draw(0, of_filter, (filters, 1, 1, 20)), draw(0, of_image, (1, 2, 1, 20)), draw(0, of_both, (filters, 2, 1, 20))
    return sum(parts) + draw(0, 1, (filters, 2, 2, 20))


def found_of(points):
    """The nearest of pictures that are all textures."""
    return nearest(points, np.zeros(points.shape[:3], bool))


# When a claim holds.


@pytest.mark.parametrize("margins, p, verdict, because", [
    ({"a": (0.1, 0.3), "b": (0.2, 0.9)}, None, "holds", ()),
    ({"a": (0.1, 0.3), "b": (0.2, 0.9)}, 0.05, "holds", ()),
    ({"a": (0.1, 0.3), "b": (0.2, 0.9)}, 0.06, "undecided", ("shuffled labels",)),
    ({"a": (-0.1, 0.3), "b": (0.2, 0.9)}, 0.01, "undecided", ("a",)),
    ({"a": (0.0, 0.0)}, None, "undecided", ("a",)),
    ({"a": (-0.1, 0.3), "b": (-0.9, -0.2)}, 0.5, "does not hold", ("b",)),
    ({"a": (0.1, 0.3), "random weights": (-0.9, -0.2)}, 0.01, "undecided", ("random weights",)),
    ({"a": (np.nan, np.nan)}, None, "undecided", ("a",)),
    ({"a": (0.1, 0.3)}, np.nan, "undecided", ("shuffled labels",)),
])  # fmt: skip
def test_the_rule(margins, p, verdict, because):
    margins = {name: Estimate(0.0, *ends) for name, ends in margins.items()}
    row = judged(1, "somewhere", "something", Estimate(0, 0, 0), {}, margins, 0.95, p=p)
    assert (row.verdict, row.because) == (verdict, because)


# Claim 1.


def test_a_filter_is_sought_among_pictures_of_another_image_and_another_seed():
    """Two filters, two images, two seeds. Of filter 0 the picture of image 1 and seed 1 is at 4; nearer to the one of image
    0 and seed 0 are the other filter's, but of the same image or the same seed."""
    points = np.array([[[0, 90], [91, 4]], [[1, 2], [3, 50]]], float)[..., None]
    assert found_of(points)[0, 0, 0] == np.ravel_multi_index((0, 1, 1), (2, 2, 2))
    assert hits(found_of(points))[0, 0, 0]
    points[1, 1, 1] = 3.9
    assert found_of(points)[0, 0, 0] == np.ravel_multi_index((1, 1, 1), (2, 2, 2))
    assert not hits(found_of(points))[0, 0, 0]


def test_filters_that_differ_are_found_and_equal_ones_are_not():
    assert hits(found_of(textures(10))).all()
    assert hits(found_of(textures(10, of_image=3))).mean() > 0.9
    assert hits(found_of(textures(3, of_image=30))).mean() < 0.3
    assert not hits(found_of(np.zeros((16, 2, 2, 20)))).any()


def test_filters_that_leave_the_same_grey_are_not_found():
    points = textures(10)
    points[3] = 7.0
    assert not hits(found_of(points))[3].any()
    assert hits(found_of(np.delete(points, 3, axis=0))).all()
    assert missed(found_of(points)) == [3] and missed(found_of(textures(10))) == []


def test_a_picture_that_is_no_texture_neither_finds_nor_is_found():
    """Of filter 3 one is grey, though not the same grey as another: it and the one that should find it are missed. It lies
    on a picture of filter 5, which finds its own all the same."""
    points, textureless = textures(10), np.zeros((16, 2, 2), bool)
    points[3, 1, 0] = points[5, 0, 1] + 1e-3
    assert not hits(found_of(points))[5, 0, 1]
    textureless[3, 1, 0] = True
    found = hits(nearest(points, textureless))
    assert (found[3] == [[True, False], [False, True]]).all()
    assert found[np.arange(16) != 3].all()
    assert not hits(nearest(points, np.ones((16, 2, 2), bool))).any()


def test_pictures_that_are_no_texture_do_not_make_the_others_alike():
    """Four textures whose wavelengths differ little, and a fifth filter whose pictures are black, far from them."""

    def picture(filter_, seed):
        if filter_ == 4:
            return np.zeros((32, 48, 3), np.uint8)
        noise = generator(10 * filter_ + seed).normal(0, 3, (32, 48))
        wave = 128 + 50 * np.sin(np.arange(48) / (1 + 0.1 * filter_)) + noise
        return np.repeat(wave[..., None], 3, axis=2).clip(0, 255).astype(np.uint8)

    pictures = [[[picture(l, 2 * image + seed) for seed in (0, 1)] for image in (0, 1)] for l in range(5)]
    black = np.zeros((5, 2, 2), bool)
    black[4] = True
    np.testing.assert_allclose(points_of(pictures, black)[:4], points_of(pictures[:4]))
    assert np.isfinite(points_of(pictures, black)).all()
    np.testing.assert_array_equal(points_of(pictures, black | True), points_of(pictures))


def test_claim_4_counts_the_filters_of_which_every_picture_is_a_texture():
    without = np.zeros((5, 2, 2), bool)
    without[3, 1, 0] = True
    np.testing.assert_array_equal(filters_of_textures(without), [True, True, True, False, True])
    points = textures(1, filters=5)
    np.testing.assert_array_equal(points_of_textures(points, without), np.delete(points, 3, axis=0))
    without[:2, 0, 1] = True
    assert filters_of_textures(without).sum() == 2
    np.testing.assert_array_equal(points_of_textures(points, without), points)


def test_without_filters_and_with_shuffled_labels_it_is_chance():
    shares = [hits(found_of(textures(0, seed=seed))).mean() for seed in range(40)]
    assert np.mean(shares) == pytest.approx(1 / 16, abs=0.02)
    shuffled = shuffled_shares(found_of(textures(10)), 300, generator())
    assert np.mean(shuffled) == pytest.approx(1 / 16, abs=0.015)
    assert 0 < shuffled.max() < 0.5


def retrieval(points, random, noise=None):
    noise = textures(0, seed=5) if noise is None else noise
    return retrieval_row("relu1_2", *map(found_of, (points, random, noise)), SETTINGS, bootstrap(), generator())


def test_claim_1_holds_only_above_chance_and_above_random_weights():
    row = retrieval(textures(10), textures(0.3, seed=1))
    assert row.measured == Estimate(1, 1, 1) and row.verdict == "holds" and row.p == 1 / 201
    assert row.controls["chance"] == 1 / 16 and row.controls["white noise"] < 0.25
    assert retrieval(textures(10), textures(10, seed=1)).because == ("random weights",)
    assert retrieval(textures(10), textures(10, seed=1)).verdict == "undecided"
    assert retrieval(textures(0.8), textures(10, seed=1)).because == ("random weights",)
    assert retrieval(textures(10), textures(10, seed=1)).beside == {"filters of 16 found in most of their pictures": 16}
    nothing = retrieval(textures(0, seed=3), textures(0, seed=1))
    assert nothing.verdict == "undecided" and "chance" in nothing.because and nothing.p > 0.05


def test_pictures_become_points_in_the_order_filter_image_seed():
    pictures = [[[np.full((16, 16, 3), 100 * f + 10 * i + s, np.uint8) for s in (0, 1)] for i in (0, 1)] for f in (0, 1)]
    lightness = points_of(pictures)[..., 0]
    assert lightness.shape == (2, 2, 2)
    assert (np.diff(lightness.ravel()) > 0).all()


# Claim 2.


def test_a_measure_of_a_filter_is_the_mean_over_its_pictures_that_are_textures():
    values, without = np.array([[1.0, 3.0], [5.0, 100.0], [70.0, 80.0]]), np.array([[0, 0], [0, 1], [1, 1]], bool)
    np.testing.assert_array_equal(means_of_textures(values, without), [2, 5])
    np.testing.assert_array_equal(means_of_textures(values, np.ones((3, 2), bool)), [2, 52.5, 75])


def test_through_random_weights_a_stuck_picture_is_a_texture():
    for silent, fall, trained, random in ((False, 0.5, 0, 0), (False, 0.9999, 1, 0), (True, 0.5, 1, 1)):
        record = {"silent": silent, "passes": 9, "loss_first": 1.0, "loss_last": fall}
        assert (is_textureless(record, True), is_textureless(record, False)) == (trained, random)


def test_which_pictures_are_textures_and_how_descents_came_down_are_of_the_records():
    """Of each network a filter with two images, a seed each: one picture as it should be, one stuck, and so on."""

    def record(fall, silent=False):
        facts = {"passes": 9, "stopped": "change", "energy_share": 0.5, "energy_share_content": 0.1}
        return {"silent": silent, "loss_first": 1.0, "loss_last": fall, **facts}

    records = {"relu1_2": [[[record(0.5)], [record(0.9999)]], [[record(0.9999, True)], [record(0.2)]]]}
    trained, random = claims_runs._textureless((records, records))
    np.testing.assert_array_equal(trained["relu1_2"][..., 0], [[False, True], [True, False]])
    np.testing.assert_array_equal(random["relu1_2"][..., 0], [[False, False], [True, False]])
    found = claims_runs._descents(records)["relu1_2"]
    assert (found["cells"], found["silent"], found["stuck"]) == (4, 1, 1)


# Claim 3.


@pytest.fixture(scope="module")
def small():
    return load_weights(SMALL)


def images(count):
    return [generator(seed).uniform(-100, 100, (1, 3, 32, 48)).astype(np.float32) for seed in range(count)]


def code_of(image, weights, layer):
    return encode(layer_code(vgg19(width=1 / 8), layer), weights, mx.nd.array(image)).asnumpy()[0].astype(np.float64)


def test_energy_vectors_and_gram_matrices_are_those_of_the_codes(small):
    layers = ("relu1_1", "relu3_1")
    energies, grams = (of(images(2), small, layers, "avg") for of in (energy_vectors, gram_matrices))
    for image, energy, matrix in zip(images(2), energies, grams):
        assert list(energy) == list(matrix) == list(layers)
        for layer in layers:
            code = code_of(image, small, layer)
            np.testing.assert_allclose(energy[layer], code.sum(axis=(1, 2)) / code.sum(), rtol=1e-4, atol=1e-9)
            flat = code.reshape(len(code), -1)
            whole = flat @ flat.T / flat.shape[1]
            expected = whole[np.triu_indices(len(code))]
            off = np.triu_indices(len(code))[0] != np.triu_indices(len(code))[1]
            np.testing.assert_allclose(matrix[layer][~off], expected[~off], rtol=1e-3, atol=1e-4 * expected.max())
            np.testing.assert_allclose(matrix[layer][off], 2**0.5 * expected[off], rtol=1e-3, atol=1e-4 * expected.max())
            assert (matrix[layer].astype(float) ** 2).sum() == pytest.approx((whole**2).sum(), rel=1e-3)


def test_a_dead_code_has_no_energy_anywhere(small):
    dead = {name: mx.nd.zeros_like(array) for name, array in small.items()}
    assert (energy_vectors(images(1), dead, ["relu1_1"], "avg")[0]["relu1_1"] == 0).all()


def test_random_weights_keep_the_size_of_activations():
    arrays = he_normal(1 / 8, generator())
    assert {name: array.shape for name, array in arrays.items()} == {
        name: a.shape for name, a in load_weights(SMALL).items()
    }
    assert arrays["conv3_2_weight"].std() == pytest.approx(np.sqrt(2 / (32 * 9)), rel=0.05)
    assert all((array == 0).all() for name, array in arrays.items() if name.endswith("_bias"))
    assert all(array.dtype == np.float32 for array in arrays.values())
    again, other = he_normal(1 / 8, generator()), he_normal(1 / 8, generator(1))
    np.testing.assert_array_equal(arrays["conv1_1_weight"], again["conv1_1_weight"])
    assert (arrays["conv1_1_weight"] != other["conv1_1_weight"]).all()


def test_crops_do_not_overlap():
    pixels = np.arange(3 * 11 * 16).reshape(1, 3, 11, 16)
    crops = crops_of(pixels, 3)
    assert [crop.shape for crop in crops] == [(1, 3, 3, 5)] * 9
    assert len(np.unique(list(crops))) == 9 * 3 * 3 * 5
    np.testing.assert_array_equal(crops[1], pixels[:, :, :3, 5:10])
    np.testing.assert_array_equal(crops[3], pixels[:, :, 3:6, :5])


def test_distances_are_those_of_positions():
    given = [{"a": generator(i).normal(size=4), "b": 100 * generator(i + 20).normal(size=7)} for i in range(6)]
    points = positions(given, ("a", "b"))
    expected = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.testing.assert_allclose(distances(given), expected, atol=1e-6)
    np.testing.assert_array_equal(nearest_other(distances(given)), (expected + 1e9 * np.eye(6)).argmin(axis=1))


def test_distances_of_gram_matrices_are_frobenius_layers_alike():
    given = [{"a": generator(i).normal(size=4), "b": 100 * generator(i + 20).normal(size=7)} for i in range(6)]
    expected = np.zeros((6, 6))
    for layer in "ab":
        squares = np.array([[((one[layer] - other[layer]) ** 2).sum() for other in given] for one in given])
        expected += squares / squares.mean()
    np.testing.assert_allclose(frobenius(given), np.sqrt(expected), atol=1e-6)
    assert (frobenius([{"a": np.ones(3)}] * 3) == 0).all()


def crops(spread, seed=0):
    """Distances of nine crops of six images, whose descriptors lie about the image's own with a standard deviation of 1."""
    own = generator(seed).normal(0, spread, (6, 1, 20)) + generator(seed + 100).normal(size=(6, 9, 20))
    return distances([{"part": one} for one in own.reshape(54, 20)])


def test_claim_3_of_crops_holds_above_chance_and_random_weights():
    beside = {"Gram matrices": crops(10, 2), "colour": crops(0, 3)}
    row = crops_row(
        {"energies": crops(10), "random weights": crops(0.3, 1), **beside}, 6, SETTINGS, bootstrap(), generator()
    )
    assert row.measured == Estimate(1, 1, 1) and row.verdict == "holds"
    assert row.controls["chance"] == 8 / 53
    assert row.beside["Gram matrices"] == 1 and row.beside["colour"] < 0.5
    assert row.beside["energies less Gram matrices"] == Estimate(0, 0, 0) and row.beside["energies less colour"].low > 0.4
    same = crops_row({"energies": crops(10), "random weights": crops(10), **beside}, 6, SETTINGS, bootstrap(), generator())
    assert same.because == ("random weights",)
    none = crops_row({"energies": crops(0), "random weights": crops(0, 1), **beside}, 6, SETTINGS, bootstrap(), generator())
    assert none.verdict == "undecided" and none.p > 0.05


def test_the_way_to_a_style():
    content, style, other = np.array([1.0, 0, 0]), np.array([0, 1.0, 0]), np.array([0, 0, 1.0])
    assert total_variation(content, style) == 1 and total_variation(style, style) == 0
    np.testing.assert_allclose(moved(style, content, [style, other]), [1, 0])
    np.testing.assert_allclose(moved(content, content, [style, other]), [0, 0])
    np.testing.assert_allclose(moved((content + style) / 2, content, [style, other]), [0.5, 0])
    np.testing.assert_allclose(moved(style, content, [content, style]), [0, 1])


def test_claim_3_of_pmci_holds_where_outputs_go_to_their_own_style():
    own, others = 0.7 + 0.05 * generator().normal(size=(4, 2)), 0.1 + 0.05 * generator(1).normal(size=(4, 2))
    random = np.stack([0.3 + 0.05 * generator(2).normal(size=(4, 2)), others], axis=2)
    row = moved_row("PMCI", np.stack([own, others], axis=2), random, SETTINGS)
    assert row.verdict == "holds" and row.measured.value == pytest.approx(own.mean())
    assert row.controls["the other styles"] == pytest.approx(others.mean())
    assert row.controls["random weights"] == pytest.approx(random[..., 0].mean())
    half = 3.182446 * own.mean(axis=1).std(ddof=1) / 2  # Student's t of three degrees of freedom
    assert row.measured == pytest.approx((own.mean(), own.mean() - half, own.mean() + half))
    half = 3.182446 * (own - random[..., 0]).mean(axis=1).std(ddof=1) / 2
    assert row.margins["random weights"].high - row.margins["random weights"].low == pytest.approx(2 * half)
    anywhere = moved_row("PMCI", np.stack([own, own], axis=2), random, SETTINGS)
    assert anywhere.because == ("the other styles",)
    one_style_stays = np.array([[[0.9, 0]] * 2] * 3 + [[[-0.5, 0]] * 2])
    row = moved_row("PMCI", one_style_stays, 0 * one_style_stays, SETTINGS)
    assert row.because == ("no move", "the other styles", "random weights")  # four styles decide nothing; eight cells would
    as_well = moved_row("PMCI", np.stack([own, others], axis=2), np.stack([own, others], axis=2), SETTINGS)
    assert as_well.verdict == "undecided" and as_well.because == ("random weights",)


def test_claim_3_of_nearest_styles():
    right, one_style = np.array([[0, 0], [1, 1], [2, 2], [3, 3]]), np.zeros((4, 2), int)
    few = own_style_row("PMCI", right, one_style, SETTINGS, generator())
    assert few.measured == pytest.approx((1, 0.025**0.25, 1))  # four of four styles
    assert few.margins["chance"] == pytest.approx((0.75, 0.025**0.25 - 0.25, 0.75))
    assert few.controls == {"chance": 0.25, "random weights": 0.25} and few.because == ("random weights",)
    none = own_style_row("PMCI", right, (right + 1) % 4, SETTINGS, generator())
    low = 1 - 2**0.5 * (1 - 0.025**0.25)  # Newcombe's, of four of four and none of four
    assert none.verdict == "holds" and none.margins["random weights"] == pytest.approx((1, low, 1))
    assert own_style_row("PMCI", right, right, SETTINGS, generator()).because == ("random weights",)
    first = own_style_row("PMCI", one_style, right, SETTINGS, generator())
    assert first.measured.value == 0.25 and first.verdict == "undecided" and first.p == 1
    some = own_style_row("PMCI", np.array([[0, 1], [1, 1], [2, 2], [3, 3]]), one_style, SETTINGS, generator())
    assert some.measured == pytest.approx((7 / 8, 0.2838, 0.9999), abs=1e-4)  # three and a half of four styles


def test_shuffled_styles_that_do_as_well_count_whatever_sums_are_rounded_to():
    """Seven of twenty outputs; a shuffle of the labels finds as many in one of twenty tries."""
    found = np.array([[0, 3, 3, 0, 1], [2, 2, 1, 1, 0], [2, 3, 0, 0, 2], [0, 3, 3, 0, 3]])
    row = own_style_row("PMCI", found, found, load_settings(CLAIMS, {"resamples": 400}), generator())
    labels, shuffle = np.broadcast_to(np.arange(4)[:, None], found.shape), generator()
    as_many = sum((found == shuffle.permuted(labels, axis=0)).sum() >= (found == labels).sum() for _ in range(400))
    assert row.p == (1 + as_many) / 401


def test_pmci_is_judged_at_layers_outside_its_loss(monkeypatch):
    """Every output has its own style's energies at the layers of the loss, and elsewhere those of style a, as those through
    random weights have everywhere."""
    energies = {"a": np.array([0, 1.0, 0]), "b": np.array([0, 0, 1.0])}
    cells = [Cell(f"{image}.{style}", "pmci", image, style=style) for style in "ab" for image in ("x", "y")]
    outputs = {"trained": dict.fromkeys(cells, "own"), "random weights": dict.fromkeys(cells, "a")}

    def vectors(_, cell, output, weights, layers):
        assert weights == {"own": "of VGG-19", "a": "random"}[output]
        own = output == "own"
        output = {layer: energies[cell.style if own and layer.endswith("_1") else "a"] for layer in layers}
        return output, dict.fromkeys(layers, np.array([1.0, 0, 0])), dict.fromkeys(layers, energies[cell.style])

    monkeypatch.setattr(claim_transfers, "_vectors", vectors)
    settings = load_settings(CLAIMS, {"images": ["x", "y"], "styles": ["a", "b"], "layers": ["relu1_2", "relu3_2"]})
    network = SimpleNamespace(weights="of VGG-19")
    transfer = SimpleNamespace(content_layer="relu3_2")
    pictures = SimpleNamespace(outputs=outputs, transfer=transfer, network=network, random_weights="random")
    rows, ways = claim_transfers.transfer_rows(settings, pictures, generator())
    assert [row.where.partition(" (")[0] for row in rows] == [
        "PMCI, layers of its loss", "PMCI, relu1_2", "PMCI, layers that are not in its loss"]  # fmt: skip
    assert [row.measured.value for row in rows] == [1, 0.5, 0.5]
    assert [row.controls["random weights"] for row in rows] == [0.5, 0.5, 0.5]
    assert rows[0].controls["the other styles"] == 0 and ways["trained"]["relu1_2"] == {
        "x.a": [1, 0], "y.a": [1, 0], "x.b": [0, 1], "y.b": [0, 1]}  # fmt: skip
    assert ways["random weights"]["relu1_1"] == ways["trained"]["relu1_2"]


# Claim 4.


def dependence_rows(points, random):
    """Of pictures that are all textures."""
    return claim_textures.dependence_rows("relu1_2", (points, random), (np.zeros((16, 2, 2), bool),) * 2, SETTINGS)


def test_claim_4_holds_where_images_add_little():
    alone, altogether = dependence_rows(textures(10), textures(2, 5, 5, seed=1))
    assert alone.verdict == altogether.verdict == "holds"
    assert altogether.measured.value < 0.01 < 0.5 < altogether.controls["random weights"]
    alone, altogether = dependence_rows(textures(10, 0, 8), textures(2, 9, 9, seed=1))
    assert altogether.verdict == "does not hold" and altogether.because == ("the limit",)
    assert altogether.measured.value == pytest.approx(0.64 / 1.64, abs=0.1) and alone.measured.value < 0.1
    alone, _ = dependence_rows(textures(1, 10), textures(10, seed=1))
    assert alone.verdict == "does not hold" and alone.because == ("the limit",)
    alone, _ = dependence_rows(textures(10), textures(10))
    assert alone.verdict == "undecided" and alone.because == ("random weights",)


@pytest.mark.parametrize("ours, random, holding, failing", [
    (3, 16, ("holds", ()), ("does not hold", ("the limit",))),
    (2, 16, *(("undecided", ("too few filters of textures",)),) * 2),
    (16, 3, ("holds", ()), ("does not hold", ("the limit",))),
    (16, 2, ("undecided", ("too few filters of textures through random weights",)), ("does not hold", ("the limit",))),
])  # fmt: skip
def test_claim_4_is_undecided_where_too_few_filters_are_textures(ours, random, holding, failing):
    """Of the first that are textures all pictures hold or fail; of two silent ones of each other filter nothing follows."""
    without = [np.repeat(np.arange(16) >= count, 4).reshape(16, 2, 2) for count in (ours, random)]
    for points, expected in ((textures(10), holding), (textures(1, 100), failing)):
        kept = list(map(points_of_textures, (points, textures(2, 50, 50, seed=1)), without))
        row, _ = claim_textures.dependence_rows("relu1_2", kept, without, SETTINGS)
        assert (row.verdict, row.because) == expected
        assert row.beside == {"filters of 16 of which every picture is a texture": ours}


def test_pictures_that_are_no_texture_are_in_neither_the_shares_nor_the_components():
    """Of five filters the last is black in one picture through the network, and the first two through random weights."""
    draw = generator().integers

    def pictures():
        return [[[draw(0, 50 + 40 * l, (24, 32, 3), np.uint8) for _ in (0, 1)] for _ in (0, 1)] for l in range(5)]

    inversions, black = [{"relu1_2": pictures()} for _ in (0, 1)], [np.zeros((5, 2, 2), bool) for _ in (0, 1)]
    for one, lost, places in zip(inversions, black, ([4], [0, 1])):
        for place in places:
            one["relu1_2"][place][1][0] = np.zeros((24, 32, 3), np.uint8)
            lost[place, 1, 0] = True
    settings = load_settings(CLAIMS, {"layers": ["relu1_2", "relu3_2"], "filters": "0-4", "resamples": 100})
    settings = replace(settings, layers=("relu1_2",))
    given = SimpleNamespace(inversions=claims_runs.Both(*inversions), textureless=[{"relu1_2": lost} for lost in black],
                            transfer=SimpleNamespace(denoise=0))  # fmt: skip
    rows, components, _ = claims_assess._textures(settings, given, bootstrap(), generator())
    expected = [variance_components(np.delete(points_of(one["relu1_2"], lost), places, axis=0))
                for one, lost, places in zip(inversions, black, ([4], [0, 1]))]  # fmt: skip
    assert components == {"trained": {"relu1_2": expected[0]}, "random weights": {"relu1_2": expected[1]}}
    shares = [max(one["image"], 0) / (max(one["image"], 0) + one["filter"]) for one in expected]
    alone = next(row for row in rows if row.measure == "share of image in the variance")
    assert (alone.measured.value, alone.controls["random weights"]) == pytest.approx(tuple(shares))
    assert list(alone.beside.values()) == [4]


def test_where_filters_do_not_differ_all_is_the_images():
    alone, _ = dependence_rows(np.zeros((16, 2, 2, 20)), textures(1))
    assert alone.measured == Estimate(1, 1, 1) and alone.verdict == "does not hold"


def test_the_interval_of_a_share_covers_the_truth_as_often_as_it_says():
    """Image 0.25, filter 1 of the variance, so a share of filter x image and image of (0.25 + 0.25) / 1.5 in expectation;
    images, which are not resampled, are the same two in each table."""
    of_image, covered = np.array([0.0, 2**0.5 / 2]).reshape(1, 2, 1, 1), []
    for seed in range(100):
        points = textures(1, 0, 0.5, seed=seed) + of_image
        _, altogether = dependence_rows(points, points)
        covered.append(altogether.measured.low <= 0.5 / 1.5 <= altogether.measured.high)
    assert 0.88 <= np.mean(covered) <= 1


def test_white_noise_is_finished_as_it_is_asked_for():
    def noise(finish):
        return white_noise(generator(), {"relu1_2": [[[np.zeros((24, 32, 3))]]]}, finish)[0][0][0]

    plain, denoised = noise(clipped), noise(partial(postprocess, denoise=0.2))
    assert plain.shape == (24, 32, 3) and plain.std() == pytest.approx(255 / 12**0.5, rel=0.02)
    assert (plain != np.rint(plain)).mean() > 0.9 and denoised.dtype == np.uint8
    assert denoised.std() < 0.5 * plain.std()


# All of it.

TINY = """
preset: tiny
start: 60.0
optimiser: {name: lbfgs, history: 10, first_step: 10.0, stretch: 1.5, box: null, probes: [3], probe: 10.0, damping: 0.05}
stop: {passes: 6, change: 0.01, every: 5}
"""


def command(folder, *overrides):
    (folder / "tiny.yaml").write_text(TINY, encoding="utf-8")
    values = {"descent": folder / "tiny.yaml", "images": "[astronaut, coffee]", "styles": "[ihc, rocket]", "filters": "0-2",
              "layers": "[relu1_2, relu3_2]", "long_edge": 48, "crops.long_edge": 64, "crops.grid": 2, "surrogates": 3,
              "resamples": 100}  # fmt: skip
    values.update(override.split("=") for override in overrides)
    return ["claims", "--weights", str(SMALL), "--images", str(folder), "--device", "cpu", "--out", str(folder / "out"),
            *(word for key, value in values.items() for word in ("--set", f"{key}={value}"))]  # fmt: skip


def test_the_command_writes_a_report_and_resumes(tmp_path, capsys):
    assert main(command(tmp_path)) == 0, capsys.readouterr().err
    printed = capsys.readouterr()
    out = tmp_path / "out"
    report = json.loads((out / "claims.json").read_text(encoding="utf-8"))
    assert [row["claim"] for row in report["rows"]] == [1] * 2 + [2] * 3 + [3] * 5 + [4] * 4
    assert {row["verdict"] for row in report["rows"]} <= {"holds", "does not hold", "undecided"}
    assert report["width"] == 1 / 8 and report["settings"]["filters"] == [0, 1, 2]
    assert all(np.isfinite(list(row["measured"].values())).all() for row in report["rows"])
    for number in (1, 2, 3, 4):
        verdicts = [row["verdict"] for row in report["rows"] if row["claim"] == number]
        tally = next(line for line in printed.out.splitlines() if line.startswith(f"{number}. "))
        counts = sorted(f"{verdict} {verdicts.count(verdict)}" for verdict in set(verdicts))
        assert sorted(tally.split(" rows: ")[1].rstrip(".").split(", ")) == counts
    assert "Every filter extracts a specific texture." in printed.out
    assert printed.out.splitlines()[-3:] == [str(out / f"claims.{suffix}") for suffix in ("md", "json", "png")]
    page = (out / "claims.md").read_text(encoding="utf-8")
    assert page.count("\n| ") == (1 + 14) + (1 + 6) + (1 + 8) + (1 + 16) and "not the paper's VGG-19" in page
    assert f"relu1_2: {', '.join(map(str, report['missed']['relu1_2'])) or 'none'};" in page
    assert (out / "claims.png").stat().st_size > 20_000
    assert sum(1 for _ in out.glob("claims/*/cells/*.png")) == 2 * 2 * 12 + 2 * 6 + 2 * 6
    check_whence(report, out / "claims")
    before = (out / "claims.json").read_bytes()
    assert main(command(tmp_path)) == 0
    assert capsys.readouterr().err.count("stored already") == 2 * 2 * 12 + 2 * 6 + 2 * 6
    assert (out / "claims.json").read_bytes() == before


def lost(runs, weights, seeds, images, layer):
    """Which pictures are silent or, through the network, stuck, by their records: bool (filters, images, seeds)."""

    def one(cell):
        record = json.loads(cell.with_suffix(".json").read_text(encoding="utf-8"))
        stuck = record["loss_last"] > 0.999 * record["loss_first"]
        return record["silent"] or (weights == "trained" and stuck)

    names = [[[runs / f"{weights}.{seed}" / "cells" / f"{image}.{layer}.f{l:03d}.png" for seed in seeds] for image in images]
             for l in (0, 1, 2)]  # fmt: skip
    return np.array([[[one(cell) for cell in of_image] for of_image in of_filter] for of_filter in names])


def mean(values, without):
    """Over filters of the means of their pictures that are textures; of all where none is."""
    kept = [[one for one, out in zip(of_filter, outs.ravel()) if not out] for of_filter, outs in zip(values, without)]
    return np.mean([np.mean(of_filter) for of_filter in kept if of_filter] or values)


def check_whence(report, runs):
    """That the report's numbers are those of the pictures that they are said to be of."""
    layer, digests = "relu3_2", {}
    for name, label in (("trained", "trained"), ("random", "random weights")):
        pictures = [[[decode(runs / f"{name}.seed{seed}" / "cells" / f"{image}.{layer}.f{l:03d}.png") for seed in (0, 1)]
                     for image in ("astronaut", "coffee")] for l in (0, 1, 2)]  # fmt: skip
        without = lost(runs, name, ("seed0", "seed1"), ("astronaut", "coffee"), layer)
        measured = [[colourfulness(picture) for of_image in of_filter for picture in of_image] for of_filter in pictures]
        assert report["levels"]["colourfulness"][label][1]["value"] == pytest.approx(mean(measured, without))
        points = points_of(pictures, without)
        kept = ~without.any(axis=(1, 2))
        kept |= kept.sum() < 3
        assert report["components"][label][layer] == pytest.approx(variance_components(points[kept]))
        share = hits(nearest(points, without)).mean()
        row = report["rows"][1]
        assert (row["measured"]["value"] if name == "trained" else row["controls"][label]) == pytest.approx(share)
        record = json.loads((runs / f"{name}.seed1" / "cells" / f"coffee.{layer}.f001.json").read_text(encoding="utf-8"))
        digests[name] = record["specification"]["weights_sha256"]
    assert digests["random"] == weights_digest(read_weights(runs / "random.params")) != digests["trained"]
    assert digests["trained"] == weights_digest(read_weights(SMALL))
    check_descents(report, runs, layer)
    check_dependence(report, layer)
    check_crops(report, runs)
    check_surrogate(runs)
    check_way(report, runs)


def check_descents(report, runs, layer):
    """That what is said of descents is of the records of each network's."""
    for name, label in (("trained", "trained"), ("random", "random weights")):
        cells = [cell for seed in (0, 1) for cell in (runs / f"{name}.seed{seed}" / "cells").glob(f"*.{layer}.*.json")]
        records = [json.loads(cell.read_text(encoding="utf-8")) for cell in cells]
        found = report["descents"][label][layer]
        assert found["cells"] == len(records) == 12
        assert found["passes"] == np.median([record["passes"] for record in records])
        assert found["energy share"] == pytest.approx(np.median([record["energy_share"] for record in records]))


def check_dependence(report, layer):
    """That claim 4's shares are of the components, and each of the weights that it is said to be of."""
    rows = [row for row in report["rows"] if row["claim"] == 4 and row["where"] == layer]
    for row, parts in zip(rows, (["image"], ["image", "both"])):
        shares = {}
        for label, layers in report["components"].items():
            whole = {part: max(value, 0) for part, value in layers[layer].items()}
            of_images = sum(whole[part] for part in parts)
            shares[label] = of_images / (of_images + whole["filter"]) if whole["filter"] else 1
        assert row["measured"]["value"] == pytest.approx(shares["trained"])
        assert row["controls"]["random weights"] == pytest.approx(shares["random weights"])


def check_crops(report, runs):
    """That the crops are told apart by the trained network's energies and, as a control, by the random one's."""
    settings = report["settings"]["crops"]
    shown = [preprocess(read_image(PACKAGED / name), settings["long_edge"], settings["pixels"]) for name in
             ("astronaut.png", "coffee.png", "ihc.png", "rocket.jpg")]  # fmt: skip
    crops = [crop for pixels in shown for crop in crops_of(pixels, settings["grid"])]
    row = next(row for row in report["rows"] if row["where"] == "crops")
    layers, label = report["settings"]["style_layers"], np.repeat(range(4), 4)
    for weights, found in ((SMALL, row["measured"]["value"]), (runs / "random.params", row["controls"]["random weights"])):
        near = nearest_other(distances(energy_vectors(crops, load_weights(weights), layers, "avg")))
        assert found == pytest.approx((label[near] == label).mean())


def check_surrogate(runs):
    """That it has the first image's colours and power spectrum, but for what was clipped, and nothing of what it shows."""
    picture, content = decode(runs / "surrogate.png"), seen("astronaut", 0)
    assert picture.shape == content.shape
    np.testing.assert_allclose(picture.mean(axis=(0, 1)), content.mean(axis=(0, 1)), atol=6)
    np.testing.assert_allclose(picture.std(axis=(0, 1)), content.std(axis=(0, 1)), rtol=0.3)
    assert abs(np.corrcoef(picture.ravel(), content.ravel())[0, 1]) < 0.5


def content(image):
    return preprocess(read_image(PACKAGED / f"{image}.png"), 48, "authors")


def seen(image, denoise):
    return postprocess(content(image), denoise)


def test_each_measure_of_claim_2_is_of_the_pictures_that_it_is_said_to_be_of(tmp_path, monkeypatch):
    """Measured by their mean in place of intricacy, which would tell them apart less well and not repeatably."""
    monkeypatch.setattr(claim_layers, "intricacy", lambda picture, *_: float(np.mean(picture)))
    assert main(command(tmp_path)) == 0
    report, runs = json.loads((tmp_path / "out" / "claims.json").read_text(encoding="utf-8")), tmp_path / "out" / "claims"
    found = {name: report["levels"][name] for name in ("intricacy", "intricacy without a photograph")}
    for name, seeds, images in zip(found, (("seed0", "seed1"), ("surrogate",)), (("astronaut", "coffee"), ("surrogate",))):
        for weights, label in (("trained", "trained"), ("random", "random weights")):
            for layer, level in zip(("relu1_2", "relu3_2"), found[name][label]):
                stored = [[np.load(runs / f"{weights}.{seed}" / "cells" / f"{image}.{layer}.f{l:03d}.npz")["image"]
                           for image in images for seed in seeds] for l in (0, 1, 2)]  # fmt: skip
                whole = [[np.clip(one + MEAN.reshape(1, 3, 1, 1), 0, 255).mean() for one in of] for of in stored]
                without = lost(runs, weights, seeds, images, layer)
                assert level["value"] == pytest.approx(mean(whole, without), rel=1e-5)
        row = next(row for row in report["rows"] if row["measure"] == f"{name}, slope a layer")
        values = [[one["value"] for one in found[name][label]] for label in ("trained", "random weights")]
        assert row["measured"]["value"] == pytest.approx(values[0][1] - values[0][0])  # of two layers the slope is the step
        assert row["controls"]["random weights"] == pytest.approx(values[1][1] - values[1][0])
        assert found[name]["white noise"]["value"] == pytest.approx(127, abs=1)
    means = {image: clipped(content(image)).mean() for image in ("astronaut", "coffee")}
    assert found["intricacy"]["content images"] == pytest.approx(means)
    surrogate = {"surrogate": decode(runs / "surrogate.png").mean()}
    assert found["intricacy without a photograph"]["content images"] == pytest.approx(surrogate)


def check_way(report, runs):
    """That the way of a PMCI output is from its content to its style, by the network's energies, and which is nearest."""
    seen, unseen = ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"], ["relu1_2", "relu3_2"]
    networks = {"trained": ("trained.pmci", SMALL), "random weights": ("random.pmci", runs / "random.params")}
    right = {name: [] for name in networks}
    for image in ("astronaut", "coffee"):
        start = content(image)
        shown = [preprocess_style(read_image(PACKAGED / name), start.shape[2:], 48, "authors", "authors")
                 for name in ("ihc.png", "rocket.jpg")]  # fmt: skip
        for own, style in enumerate(("ihc", "rocket")):
            for name, (run, weights) in networks.items():
                output = np.load(runs / run / "cells" / f"{image}.{style}.pmci.npz")["image"]
                pixels = [output, start, shown[own], shown[1 - own]]
                vectors = energy_vectors(pixels, load_weights(weights), [*seen, *unseen], "avg")
                for layer in (*seen, *unseen):
                    expected = moved(vectors[0][layer], vectors[1][layer], [one[layer] for one in vectors[2:]])
                    gone = report["pmci"][name][layer][f"{image}.{style}.pmci"]
                    np.testing.assert_allclose(gone, expected, rtol=1e-4, atol=1e-5)
                far = [sum(total_variation(vectors[0][layer], one[layer]) for layer in unseen) for one in vectors[2:]]
                right[name].append(far[0] < far[1])
    row = next(row for row in report["rows"] if row["where"] == "PMCI, layers that are not in its loss")
    assert row["measured"]["value"] == np.mean(right["trained"])
    assert row["controls"]["random weights"] == np.mean(right["random weights"])


@pytest.mark.parametrize("override, message", [
    ("layer=[relu1_2]", "claims.yaml: unknown key 'layer' to set (did you mean 'layers'?)"),
    ("preset=fast", "unknown key 'preset' to set; that of the inversions is the key 'descent'"),
    ("filters=0-1", "filters: must be at least 3 of them, to be compared"),
    ("layers=[relu3_2, relu1_2]", "layers: must go from the lowest to the highest, as the trends are over them"),
    ("confidence=0.995", "resamples: 100 decide nothing at confidence 0.995; 200 are enough"),
    ("styles=[ihc, coffee]", "images and styles both have an image of the name 'coffee'; it must be in one of the two"),
    ("images=[astronaut, pictures/coffee.png] styles=[ihc, coffee]", "both have an image of the name 'coffee'; it must"),
    ("seeds=[0]", "seeds: must be at least 2 of them, to be compared"),
    ("crops.gird=3", "unknown key 'crops.gird' to set (did you mean 'grid'?)"),
    ("layers=[relu1_2, relu9_2]", "layers: layer 'relu9_2' is not in VGG-19"),
    ("descent=fsat", "preset fsat: no such file"),
    ("filters=0-9", "filter 8 is not in relu1_2"),
    ("styles=[ihc, mona_lisa]", "image 'mona_lisa' is not in"),
    ("crops.long_edge=31", "crops of astronaut: an image of 15x15 pixels is too small for relu5_1"),
])  # fmt: skip
def test_what_is_wrong_is_one_line_and_nothing_is_computed(override, message, tmp_path, capsys):
    assert main(command(tmp_path, *re.split(r"(?<=\]) ", override))) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("fmi: error:") and printed.count("\n") == 1
    assert message in printed
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("place", ["out", "out/claims.png"])
def test_a_report_that_cannot_be_written_is_refused_before_anything_is_computed(place, tmp_path, capsys):
    if place == "out":
        (tmp_path / "out").write_text("mine", encoding="utf-8")
    else:
        (tmp_path / place).mkdir(parents=True)
    assert main(command(tmp_path)) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("fmi: error:") and printed.count("\n") == 1
    assert "cannot be written; give another folder with --out" in printed
    assert not (tmp_path / "out" / "claims").exists()


def test_a_precision_that_the_processor_lacks_is_said_to_be_another(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(instructions, "bfloat16", list)
    monkeypatch.setattr(claims_runs, "compute_all", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(command(tmp_path, "descent=fast"))
    assert capsys.readouterr().err.startswith("bfloat16: not on this device, so float32 it is\n")


def test_a_surrogate_that_would_be_too_small_is_refused_at_first(tmp_path, capsys):
    small = ["long_edge=20", "images=[coffee, astronaut]", "layers=[relu1_2, relu2_2]", "style_layers=[relu1_1, relu2_1]"]
    assert main(command(tmp_path, *small)) == 2
    expected = "fmi: error: image coffee at long_edge 20: is 20x13 pixels; both sides must be at least 16\n"
    assert capsys.readouterr().err == expected
    assert not (tmp_path / "out").exists()


def test_a_file_with_an_unknown_or_missing_key_is_refused(tmp_path):
    given = CLAIMS.read_text(encoding="utf-8")
    (tmp_path / "more.yaml").write_text(given + "\nresample: 3\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"more.yaml: unknown key 'resample' \(did you mean 'resamples'\?\)"):
        load_settings(tmp_path / "more.yaml", {})
    (tmp_path / "less.yaml").write_text(given.replace("confidence:", "# confidence:"), encoding="utf-8")
    with pytest.raises(InputError, match="less.yaml: key 'confidence' is missing"):
        load_settings(tmp_path / "less.yaml", {})
