"""What the atlas says of the claims: on made-up points by plain NumPy, and end to end on the small network."""

import json
import shutil
from itertools import combinations

import numpy as np
import pytest
from conftest import ROOT

from fmi_mx import InputError, cli
from fmi_mx.claims.atlas.cells import Inversions, read_atlas, read_layer
from fmi_mx.claims.atlas.control import _noise
from fmi_mx.claims.atlas.sample import fairness, percentiles
from fmi_mx.claims.atlas.settings import load_settings
from fmi_mx.claims.atlas.textures import centred, closeness, distinct, nearest_other
from fmi_mx.measure.intervals import Bootstrap

SETTINGS = ROOT / "experiments" / "atlas_claims.yaml"


@pytest.fixture
def settings():
    return load_settings(SETTINGS, {"resamples": 200})


@pytest.fixture
def bootstrap(settings):
    return Bootstrap(settings.resamples, settings.confidence, np.random.default_rng(3))


def points(filters=9, images=3, apart=1.0):
    generator = np.random.default_rng(7)
    return generator.normal(size=(filters, 1, 5)) + apart * generator.normal(size=(filters, images, 5))


def close_of(given):
    """Of pictures that are all textures."""
    return closeness(given, np.zeros(given.shape[:2], bool))


def between(one, other):
    return float(np.sqrt(((one - other) ** 2).sum()))


def test_a_filter_is_found_where_its_two_inversions_are_each_others_nearest():
    """Counted one by one."""
    given = points()
    n, images = given.shape[:2]
    found, nearer, own = np.zeros(n), np.zeros(n), np.zeros(n)
    pairs = list(combinations(range(images), 2))
    for first, second in pairs:
        for l in range(n):
            mine = between(given[l, first], given[l, second])
            there = [between(given[l, first], given[k, second]) for k in range(n) if k != l]
            back = [between(given[k, first], given[l, second]) for k in range(n) if k != l]
            found[l] += mine < min(there + back)
            nearer[l] += sum(one <= mine for one in there + back) / (2 * (n - 1))
            own[l] += mine
    ours = close_of(given)
    assert 0 < found.mean() < len(pairs)
    np.testing.assert_allclose(ours.found, found / len(pairs))
    np.testing.assert_allclose(ours.nearer, nearer / len(pairs))
    np.testing.assert_allclose(ours.own, own / len(pairs))
    assert ours.apart[2, 5] == pytest.approx(np.mean([
        (between(given[2, i], given[5, j]) + between(given[5, i], given[2, j])) / 2 for i, j in pairs
    ]))  # fmt: skip


def test_pictures_that_are_all_alike_are_found_by_nobody():
    """As grey ones are."""
    ours = close_of(np.zeros((6, 2, 5)))
    assert (ours.found.sum(), ours.chance()) == (0, 0)
    np.testing.assert_allclose(ours.nearer, 1)


def test_a_filter_that_leaves_the_same_picture_from_both_images_is_not_found():
    """As the same grey."""
    given = points(images=2, apart=0.1)
    assert close_of(given).found[4] == 1
    given[4, 1] = given[4, 0]
    assert close_of(given).found[4] == 0
    assert close_of(given).nearer[4] == 1


def test_a_filter_with_a_stuck_or_silent_picture_is_not_found_and_has_no_texture():
    """Though two pale pictures of a stuck filter may be like each other."""
    given, lost = points(images=2, apart=0.1), np.zeros((9, 2), bool)
    lost[4, 1] = True
    ours, without = closeness(given, lost), close_of(given)
    assert (without.found[4], ours.found[4], ours.nearer[4]) == (1, 0, 1)
    others = np.arange(9) != 4
    np.testing.assert_array_equal(ours.found[others], without.found[others])
    np.testing.assert_array_equal(ours.nearer[others], without.nearer[others])
    assert ours.chance() == pytest.approx(without.chance() * (len(without.mutual[0]) - 1) / len(without.mutual[0]))


def test_centred_points_are_without_what_an_image_adds():
    """What keeps a filter's pictures apart, as a photograph does that shows through all of an image's."""
    given = points(images=2, apart=0.1)
    seen = given + np.array([[0.0], [40.0]])
    none, lost = np.zeros((9, 2), bool), np.zeros((9, 2), bool)
    lost[8, 1] = True
    assert close_of(seen).found.mean() < 0.5
    np.testing.assert_array_equal(close_of(centred(seen, none)).found, close_of(centred(given, none)).found)
    means = [[sum(given[l, image, k] for l in range(n)) / n for k in range(5)] for image, n in ((0, 9), (1, 8))]
    np.testing.assert_allclose(centred(given, lost), given - np.array(means), atol=1e-12)


def test_a_lost_picture_that_is_the_nearest_is_passed_over():
    """Filter 0's from image 1 is grey and lies on filter 4's from image 0, which finds its own all the same."""
    given, lost = points(images=2, apart=0.1), np.zeros((9, 2), bool)
    given[0, 1] = given[4, 0] + 1e-3
    lost[0, 1] = True
    assert (close_of(given).found[4], closeness(given, lost).found[4]) == (0, 1)


def test_points_are_standardised_without_what_is_no_texture():
    """Grey pictures, far from all else, would leave the others little to differ in."""
    generator, lost = np.random.default_rng(0), np.zeros((6, 2), bool)
    lost[5] = True
    described = {"colour": generator.normal(size=(6, 2, 9)), "texture": generator.normal(size=(6, 2, 48))}
    for values in described.values():
        values[5] = -90.0
    zeros = np.zeros((6, 2))
    found = Inversions(np.arange(6), described, zeros, zeros, lost & False, lost, lost & False).points()[:5]
    for start, (part, values) in zip((0, 9), described.items()):
        length, kept = values.shape[2], values[:5].reshape(10, -1)
        wanted = (values[:5] - kept.mean(axis=0)) / kept.std(axis=0) / np.sqrt(length)
        np.testing.assert_allclose(found[..., start : start + length], wanted, err_msg=part)


def test_levels_leave_out_pictures_that_are_no_texture():
    numbers, none = np.array([[1.0, 3.0], [5.0, 100.0], [70.0, 80.0]]), np.zeros((3, 2), bool)
    stuck, silent = none.copy(), none.copy()
    stuck[1, 1], stuck[2, 0], silent[2, 1] = True, True, True
    one = Inversions(np.arange(3), {}, 10 * numbers, numbers, none, silent, stuck)
    np.testing.assert_array_equal(one.means("intricacy"), [2, 5])
    np.testing.assert_array_equal(one.means("colourfulness"), [20, 50])
    np.testing.assert_array_equal(one.lost(), stuck | silent)


def test_chance_is_what_shuffled_labels_give():
    ours = close_of(points(apart=0.3))
    shuffled = ours.shuffled(20000, np.random.default_rng(1)) / len(ours.own)
    assert ours.found.mean() > 3 * ours.chance()
    assert shuffled.mean() == pytest.approx(ours.chance(), rel=0.05)


def test_near_duplicates_are_no_farther_apart_than_the_median_filter_is_from_itself(settings, bootstrap):
    """Three filters of one texture, and five of their own."""
    generator = np.random.default_rng(2)
    base = 30 * np.eye(8)[:, None]
    base[:3] = base[0]
    close = close_of(base + generator.normal(size=(8, 2, 8)))
    ours = distinct(close, settings, bootstrap)
    assert ours.threshold.value == pytest.approx(np.median(close.own))
    near = [(i, j) for i, j in combinations(range(8), 2) if close.apart[i, j] <= np.median(close.own)]
    assert ours.pairs == len(near) > 0
    assert ours.duplicated.value == len({i for pair in near for i in pair}) / 8
    assert {i for pair in near for i in pair} <= {0, 1, 2}
    wide = distinct(close, load_settings(SETTINGS, {"resamples": 200, "duplicates": 1.0}), bootstrap)
    assert [group.tolist() for group in wide.groups] == [[0, 1, 2]]
    assert wide.textures.value == 6
    place, far = nearest_other(close)
    assert set(place[:3]) <= {0, 1, 2}
    assert far[3] == min(close.apart[3, k] for k in range(8) if k != 3)


def test_places_of_equal_values_are_the_same():
    np.testing.assert_allclose(percentiles(np.array([3.0, 1, 1, 2])), [0.875, 0.25, 0.25, 0.625])


def test_the_papers_filters_have_a_place_among_all(settings):
    """The first five the largest of their layer: far out; and the middle ones: not."""
    numbers = {"relu1_2": np.arange(40), "relu2_2": np.arange(40)}
    high = {layer: np.where(one < 5, 100.0, one) for layer, one in numbers.items()}
    found = fairness(high, numbers, settings, np.random.default_rng(1))
    assert found.place.value == pytest.approx((40 - 2.5) / 40)
    assert found.p < 0.05
    assert (found.shown, found.rest) == (100, pytest.approx(np.arange(5, 40).mean()))
    middle = {layer: (one + 18.0) % 40 for layer, one in numbers.items()}
    assert fairness(middle, numbers, settings, np.random.default_rng(1)).p > 0.3
    assert fairness({"relu1_2": np.zeros(3)}, {"relu1_2": np.arange(3)}, settings, np.random.default_rng(1)) is None


@pytest.mark.parametrize("overrides, message", [
    ({"random_filters": 1}, "at least two"), ({"shown_layers": ["pool1"]}, "is no ReLU"),
    ({"confidence": 0.999, "resamples": 500}, "1000 are enough"),
    ({"seeed": 1}, "did you mean 'seed'"),
    ({"preset": "fast"}, "the atlas has been computed"), ({"confidence": 1}, "confidence: must be a number"),
])  # fmt: skip
def test_settings_that_cannot_be(overrides, message):
    with pytest.raises(InputError, match=message):
        load_settings(SETTINGS, overrides)


SMALL = ["images=[astronaut,ihc]", "layers=[relu1_2,relu2_2,relu4_2]", "filters=0-7", "long_edge=48", "start=60",
         "stop.passes=6", "precision=float32"]  # fmt: skip
FILES = ["--weights", str(ROOT / "model" / "small.params"), "--device", "cpu"]


@pytest.fixture(scope="module")
def atlas(tmp_path_factory):
    """A run of a part of the atlas, by the small network."""
    folder = tmp_path_factory.mktemp("atlas") / "run"
    settings = [part for one in SMALL for part in ("--set", one)]
    command = ["run", str(ROOT / "experiments" / "atlas.yaml"), *settings, *FILES, "--jobs", "1", "--out", str(folder)]
    assert cli.main(command) == 0
    return folder


def say(folder, out, *options):
    few = ["--set", "resamples=100", "--set", "random_filters=4", "--jobs", "1", "--device", "cpu"]
    return cli.main(["claims", "--atlas", str(folder), "--out", str(out), *few, *options])


def found_centred_of(inversions):
    points, lost = inversions.points(), inversions.silent | inversions.stuck
    means = np.array([points[~lost[:, image], image].mean(axis=0) for image in range(points.shape[1])])
    return pytest.approx(closeness(points - means, lost).found.mean())


def test_what_the_atlas_says_is_written_and_resumes(atlas, tmp_path, capsys):
    assert say(atlas, tmp_path) == 0
    capsys.readouterr()
    found = json.loads((tmp_path / "atlas_claims.json").read_text(encoding="utf-8"))
    assert (found["cells"], found["images"], list(found["layers"])) == (
        48,
        ["astronaut", "ihc"],
        ["relu1_2", "relu2_2", "relu4_2"],
    )
    records = [json.loads(path.read_text(encoding="utf-8")) for path in (atlas / "cells").glob("*.json")]
    for layer, one in found["layers"].items():
        mine = [record for record in records if record["specification"]["layer"] == layer]
        measures = [record["measures"]["colourfulness"] for record in mine]
        assert one["colourfulness"]["value"] == pytest.approx(np.mean(measures))
        assert one["silent_at_start"]["value"] == np.mean([record["silent_at_start"] for record in mine])
        stuck = [r["loss_last"] > 0.999 * r["loss_first"] and not r["silent"] for r in mine]
        assert one["stuck"]["value"] == pytest.approx(np.mean(stuck))
        assert len(found["sample"]["filters"][layer]) == 4
        every = read_atlas(atlas).layers[layer]
        of_random = {path.stem: json.loads(path.read_text(encoding="utf-8"))
                     for path in (tmp_path / "atlas_random" / layer / "cells").glob("*.json")}  # fmt: skip
        sample = found["sample"]["filters"][layer]
        random = read_layer(tmp_path / "atlas_random" / layer, of_random, layer, sample, found["images"])
        random = random._replace(stuck=np.zeros_like(random.stuck))
        assert one["found, centred"]["value"] == found_centred_of(every)
        centred_sample = {"trained": found_centred_of(every.of(sample)), "random weights": found_centred_of(random)}
        assert {name: of["value"] for name, of in one["found of the sample, centred"].items()} == centred_sample
    claims = [row["claim"] for row in found["rows"]]
    assert (claims.count(1), claims.count(2)) == (4, 2)  # all its layers are of the paper
    assert len(found["least"]) == 20
    for name in ("atlas_claims.md", "atlas_claims.png", "atlas_least.png"):
        assert (tmp_path / name).stat().st_size > 1000
    text = (tmp_path / "atlas_claims.md").read_text(encoding="utf-8")
    assert "**The network is a small one and not the paper's VGG-19.**" in text
    before = {
        name: (tmp_path / name).read_bytes()
        for name in ("atlas_claims.json", "atlas_claims.md", "atlas_claims.png", "atlas_least.png")
    }
    assert say(atlas, tmp_path) == 0
    assert "stored already" in capsys.readouterr().err
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


def test_a_stuck_picture_is_a_texture_through_random_weights(atlas):
    read = read_atlas(atlas)
    records = {name: {**one, "loss_last": one["loss_first"], "silent": False} for name, one in read.run.records.items()}
    for trained in (True, False):
        found = read_layer(atlas, records, "relu2_2", range(8), read.images, trained)
        assert found.stuck.all() == found.lost().all() == trained
        assert found.stuck.any() == trained


def test_without_controls_nothing_holds(atlas, tmp_path):
    assert say(atlas, tmp_path, "--set", "random_filters=0") == 2  # as it is set already
    few = ["--set", "resamples=100", "--set", "random_filters=0", "--out", str(tmp_path)]
    assert cli.main(["claims", "--atlas", str(atlas), *few]) == 0
    rows = json.loads((tmp_path / "atlas_claims.json").read_text(encoding="utf-8"))["rows"]
    assert {row["verdict"] for row in rows} <= {"undecided", "does not hold"}
    assert not (tmp_path / "atlas_random").exists()


def changed(atlas, copy, change):
    """A copy of a run with another plan."""
    shutil.copytree(atlas, copy)
    for name in ("plan.json", "run.json"):
        content = json.loads((copy / name).read_text(encoding="utf-8"))
        content["experiment"].update(change)
        content.get("images", {}).update({image: "0" for image in change.get("images", ()) if image == "cat"})
        (copy / name).write_text(json.dumps(content), encoding="utf-8")
    return copy


def test_the_scheduler_computes_the_random_weights(atlas, tmp_path, monkeypatch):
    asked = []

    def compute_all(*given):
        asked.append(given[4])
        raise InputError("asked")

    monkeypatch.setattr("fmi_mx.claims.atlas.control.compute_all", compute_all)
    options = ["--set", "random_filters=4", "--scheduler", "tcp://one:1", "--out", str(tmp_path)]
    assert cli.main(["claims", "--atlas", str(atlas), *options]) == 2
    assert asked == ["tcp://one:1"]


def test_each_layer_has_white_noise_of_its_own(atlas, settings):
    read = read_atlas(atlas)
    noise = _noise(settings, read, read.layers)
    assert not np.isclose(noise["relu1_2"][:, 0], noise["relu2_2"][:, 0]).all(axis=1).any()
    assert {layer: points.shape[:2] for layer, points in noise.items()} == dict.fromkeys(read.layers, (8, 2))


def test_a_run_with_other_names_than_its_cells_is_refused(atlas, tmp_path, capsys):
    copy = changed(atlas, tmp_path / "copy", {})
    (copy / "plan.json").unlink()
    content = json.loads((copy / "run.json").read_text(encoding="utf-8"))
    content.update(cells=["x"], specifications={"x": "0"})
    (copy / "run.json").write_text(json.dumps(content), encoding="utf-8")
    assert say(copy, tmp_path / "out") == 2
    assert "has no two filters of a layer" in capsys.readouterr().err


def test_of_one_image_it_says_what_needs_no_other(atlas, tmp_path):
    one = changed(atlas, tmp_path / "one", {"images": ["ihc"]})
    assert say(one, tmp_path / "out") == 0
    found = json.loads((tmp_path / "out" / "atlas_claims.json").read_text(encoding="utf-8"))
    assert {row["claim"] for row in found["rows"]} == {2}
    assert found["least"] == []
    assert set(found["fairness"]["all layers"]) == {"colourfulness", "intricacy", "silent at the start"}
    records = [json.loads(path.read_text(encoding="utf-8")) for path in (one / "cells").glob("ihc.relu2_2.*.json")]
    assert found["layers"]["relu2_2"]["intricacy"]["value"] == pytest.approx(
        np.mean([record["measures"]["intricacy"] for record in records])
    )
    text = (tmp_path / "out" / "atlas_claims.md").read_text(encoding="utf-8")
    assert "24 filters of 3 layers, each inverted from ihc alone at long edge 48" in text
    assert "Near duplicates" not in text
    assert (tmp_path / "out" / "atlas_claims.png").stat().st_size > 1000
    assert not (tmp_path / "out" / "atlas_least.png").exists()


def test_of_an_atlas_under_way_it_takes_the_filters_that_have_every_image(atlas, tmp_path):
    """One of relu2_2 lacks an image, and all but one of relu4_2; no run of this plan has finished."""
    copy = changed(atlas, tmp_path / "copy", {})
    (copy / "run.json").unlink()
    for name in ["relu2_2.f003", *(f"relu4_2.f00{l}" for l in range(7))]:
        (copy / "cells" / f"ihc.{name}.json").unlink()
    assert say(copy, tmp_path / "out") == 0
    found = json.loads((tmp_path / "out" / "atlas_claims.json").read_text(encoding="utf-8"))
    assert {layer: one["filters"] for layer, one in found["layers"].items()} == {"relu1_2": 8, "relu2_2": 7}
    assert found["lacking"]["relu4_2"] == {"failed": 0, "missing": 7}
    text = (tmp_path / "out" / "atlas_claims.md").read_text(encoding="utf-8")
    assert (
        "Of 48 cells some are not there, and their filters are left out: relu2_2 1 (0 failed, 1 missing), relu4_2 7" in text
    )


def test_a_report_that_cannot_be_written_is_refused_before_anything_is_computed(atlas, tmp_path, capsys):
    (tmp_path / "atlas_least.png").mkdir()
    assert say(atlas, tmp_path) == 2
    assert "atlas_least.png cannot be written; give another folder with --out" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["atlas_least.png"]


@pytest.mark.parametrize("change, message", [
    ({"keep": "image"}, "holds no atlas"), ({"method": "gatys"}, "holds no"),
    ({"images": ["astronaut", "cat"]}, "has no two filters of a layer from astronaut and from cat"),
])  # fmt: skip
def test_a_run_that_is_no_atlas_is_refused(atlas, tmp_path, capsys, change, message):
    copy = changed(atlas, tmp_path / "copy", change)
    assert say(copy, tmp_path / "out") == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_other_images_than_the_atlas_was_made_from_are_refused(atlas, tmp_path, capsys):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "astronaut.jpg").write_bytes((ROOT / "figures" / "readme" / "sweep.jpg").read_bytes())
    assert say(atlas, tmp_path / "out", "--images", str(tmp_path / "images")) == 2
    assert "astronaut.jpg is another image than" in capsys.readouterr().err
