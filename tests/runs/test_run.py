import errno
import hashlib
import json
import re
import subprocess
import sys
import time

import cv2
import numpy as np
import oracles
import pytest

from fmi_mx import InputError, cells, load_experiment, run
from fmi_mx.files import store
from fmi_mx.files.images import clipped, postprocess, preprocess, read_image
from fmi_mx.machine import instructions
from fmi_mx.machine.mxnet import mx
from fmi_mx.machine.processor import machine
from fmi_mx.measure.colourfulness import colourfulness
from fmi_mx.measure.descriptors import describe
from fmi_mx.measure.intricacy import intricacy
from fmi_mx.network.vgg19 import LAYERS
from fmi_mx.runs import compute as module
from fmi_mx.runs.compute import cell_seed, initial_image
from fmi_mx.runs.finished import read_run
from fmi_mx.runs.materials import gather
from fmi_mx.runs.plan import plan_of, specify

SMALL = {"long_edge": 32, "layers": ["relu1_1", "relu2_1"], "filters": "0-2", "stop.passes": 6}


def small(fig3, **overrides):
    return load_experiment(fig3, **{**SMALL, **overrides})


@pytest.fixture
def compute(weights_file, images_folder, tmp_path):
    """Runs an experiment into a folder of tmp_path; returns (folder, names of the cells that were computed)."""

    def compute(experiment, name="run", images=images_folder):
        computed = []

        def on_cell(cell, _, stored):
            if not stored:
                computed.append(cell.name)

        run(experiment, tmp_path / name, weights_file, images, "cpu", on_cell)
        return tmp_path / name, computed

    return compute


def contents(folder):
    """Files of a run, what a stopwatch said left out."""
    found = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        data = path.read_bytes()
        if path.suffix == ".json" and path.name != "run.json":
            data = {key: value for key, value in json.loads(data).items() if key != "seconds"}
        found[str(path.relative_to(folder))] = data
    return found


def relu2_1(image, arrays):
    return oracles.code(image, arrays, list(LAYERS)[:7])


def test_every_cell_is_stored_whole(fig3, compute):
    folder, computed = compute(small(fig3))
    names = [cell.name for cell in cells(small(fig3))]
    assert computed == names
    assert json.loads((folder / "run.json").read_text(encoding="utf-8"))["cells"] == names
    for name in names:
        record = store.read_record(folder, name)
        image = store.read_array(folder, name, "image")
        loss = store.read_array(folder, name, "loss")
        assert image.dtype == np.float32
        assert image.shape in {(1, 3, 24, 32), (1, 3, 32, 24)}
        assert len(loss) == record["passes"] == 6
        assert (record["loss_first"], record["loss_last"]) == (loss[0], loss[-1])
        assert record["stopped"] == "passes"
        assert record["seconds"] > 0
        np.testing.assert_array_equal(read_image(folder / "cells" / f"{name}.png"), postprocess(image, 0.2))


def test_the_loss_the_energy_and_its_share_are_numpys(fig3, compute, arrays, images_folder):
    folder, _ = compute(small(fig3))
    name = "golden_gate.relu2_1.f001"
    record = store.read_record(folder, name)
    content = preprocess(read_image(images_folder / "golden_gate.png"), 32, "authors")
    target = oracles.isolate(relu2_1(content, arrays), 1)
    start = initial_image(small(fig3), cells(small(fig3))[4], content.shape)
    assert record["specification"]["name"] == name == cells(small(fig3))[4].name
    np.testing.assert_allclose(record["loss_first"], oracles.inversion_loss(relu2_1(start, arrays), target)[0], rtol=1e-4)
    np.testing.assert_allclose(record["target_energy"], target.sum(), rtol=1e-4)
    for key, image in (("energy_share_content", content), ("energy_share", store.read_array(folder, name, "image"))):
        code = relu2_1(image, arrays)
        np.testing.assert_allclose(record[key], code[0, 1].sum() / code.sum(), rtol=1e-3)
    assert record["energy_share"] > record["energy_share_content"]


def with_a_silent_filter(arrays, tmp_path, bias):
    """The weights, in a file, with filter 1 of relu2_1 so low that noise leaves it silent."""
    quiet = {**arrays, "conv2_1_bias": arrays["conv2_1_bias"].copy()}
    quiet["conv2_1_bias"][1] = bias
    np.savez(tmp_path / "quiet.npz", **quiet)
    return quiet, tmp_path / "quiet.npz"


@pytest.mark.parametrize(
    "feature_map, bias, silent",
    [("rectified", -3, True), ("linear", -3, False), ("linear", -1e6, True), ("linear_if_silent", -3, False)],
)
def test_a_record_says_what_its_filter_answers(fig3, arrays, images_folder, tmp_path, feature_map, bias, silent):
    """Filter 1 is silent in the initial image; by Eq. (1) as printed it stays so, by the linear feature map it wakes where
    it can. By NumPy, of the stored image."""
    quiet, weights = with_a_silent_filter(arrays, tmp_path, bias)
    chosen = {"images": "golden_gate", "layers": "relu2_1", "filters": "0-1", "feature_map": feature_map, "stop.passes": 20}
    experiment = small(fig3, **chosen, **{"optimiser.name": "lbfgs"})
    other, found = run(experiment, tmp_path / "run", weights, images_folder, "cpu")
    content = preprocess(read_image(images_folder / "golden_gate.png"), 32, "authors")
    last = store.read_array(tmp_path / "run", "golden_gate.relu2_1.f001", "image")
    target = oracles.isolate(relu2_1(content, quiet), 1)
    begun = initial_image(experiment, cells(experiment)[1], content.shape)
    start, there = relu2_1(begun, quiet), relu2_1(last, quiet)
    assert (start[0, 1] == 0).all()
    assert (there[0, 1] == 0).all() == silent
    assert (other["silent_at_start"], other["silent"]) == (False, False)
    assert (found["silent_at_start"], found["silent"]) == (True, silent)
    share = there[0, 1].sum() / there.sum()
    np.testing.assert_allclose(found["energy_share"], share, rtol=1e-3)
    assert found["share_rose"] == (found["energy_share"] > found["energy_share_content"])
    np.testing.assert_allclose(found["loss_printed"], oracles.inversion_loss(there, target)[0], rtol=1e-4)
    wanted = oracles.inversion_loss(start, target)
    if feature_map != "rectified":
        wanted = oracles.linear_inversion_loss(oracles.code(begun, quiet, list(LAYERS)[:6]), target, 1)
    np.testing.assert_allclose(found["loss_first"], wanted[0], rtol=1e-4)


@pytest.mark.parametrize("feature_map", ["rectified", "linear", "linear_if_silent"])
def test_only_linear_itself_changes_a_filter_that_is_not_silent(
    fig3, arrays, weights_file, images_folder, tmp_path, feature_map
):
    """Filter 1 fires at some positions of the initial image and not at others. By NumPy."""
    chosen = {"images": "golden_gate", "layers": "relu2_1", "filters": 1, "start": 60, "stop.passes": 1}
    experiment = small(fig3, feature_map=feature_map, **chosen)
    (found,) = run(experiment, tmp_path / "run", weights_file, images_folder, "cpu")
    content = preprocess(read_image(images_folder / "golden_gate.png"), 32, "authors")
    begun = initial_image(experiment, cells(experiment)[0], content.shape)
    before, target = oracles.code(begun, arrays, list(LAYERS)[:6]), oracles.isolate(relu2_1(content, arrays), 1)
    assert 0 < (before[:, 1] > 0).mean() < 1
    assert not found["silent_at_start"]
    linear, printed = oracles.linear_inversion_loss(before, target, 1), oracles.inversion_loss(np.maximum(before, 0), target)
    assert linear[0] > 1.001 * printed[0]
    np.testing.assert_allclose(found["loss_first"], (linear if feature_map == "linear" else printed)[0], rtol=1e-4)


@pytest.mark.parametrize("feature_map, again", [("rectified", False), ("linear_if_silent", True)])
def test_a_filter_that_falls_silent_is_inverted_again_by_the_linear_feature_map(
    fig3, compute, monkeypatch, feature_map, again
):
    """Here an answer says so that is not true; what counts is what is done about it."""
    chosen = {"images": "golden_gate", "layers": "relu2_1", "filters": 1}
    linear, (name,) = compute(small(fig3, feature_map="linear", **chosen), "linear")
    answers = [True, False]
    original = module.answer
    monkeypatch.setattr(module, "answer", lambda *given: {**original(*given), "silent": answers.pop(0)})
    folder, _ = compute(small(fig3, feature_map=feature_map, **chosen), "run")
    record = store.read_record(folder, name)
    assert (record["silent"], record.get("fell_silent", False)) == (not again, again)
    same = np.array_equal(store.read_array(folder, name, "image"), store.read_array(linear, name, "image"))
    assert same == again


def test_the_authors_target_is_the_predecessors_last_code(fig3, compute, arrays):
    folder, _ = compute(small(fig3, target="authors"))
    name, before = "golden_gate.relu2_1.f002", "golden_gate.relu2_1.f001"
    record = store.read_record(folder, name)
    assert record["specification"]["predecessor"]["name"] == before
    evaluated = store.read_array(folder, before, "evaluated")
    target = oracles.isolate(relu2_1(evaluated, arrays), 2)
    np.testing.assert_allclose(record["target_energy"], target.sum(), rtol=1e-4)
    # evaluated is where the last loss was computed, one update before the image
    assert np.abs(evaluated - store.read_array(folder, before, "image")).max() > 0.1
    first = oracles.isolate(relu2_1(store.read_array(folder, "golden_gate.relu2_1.f000", "evaluated"), arrays), 1)
    np.testing.assert_allclose(
        oracles.inversion_loss(relu2_1(evaluated, arrays), first), store.read_record(folder, before)["loss_last"], rtol=1e-3
    )


def test_a_picture_without_its_image_has_what_is_measured_of_it(fig3, compute):
    whole, _ = compute(small(fig3, images="golden_gate"), "whole")
    experiment = small(fig3, images="golden_gate", keep="picture")
    folder, names = compute(experiment, "picture")
    for cell, name in zip(cells(experiment), names):
        image = store.read_array(whole, name, "image")
        picture = read_image(folder / "cells" / f"{name}.png")
        assert (folder / "cells" / f"{name}.png").read_bytes() == (whole / "cells" / f"{name}.png").read_bytes()
        with np.load(folder / "cells" / f"{name}.npz") as found:
            assert set(found) == {"loss", "colour", "texture"}
            for part, wanted in describe(picture).items():
                np.testing.assert_array_equal(found[part], wanted)
        generator = np.random.default_rng(cell_seed(experiment, cell, "surrogates"))
        wanted = {"colourfulness": colourfulness(picture), "intricacy": intricacy(clipped(image), 3, generator)}
        assert store.read_record(folder, name)["measures"] == wanted
    assert compute(experiment, "picture")[1] == []


def test_a_chain_needs_its_images(fig3):
    with pytest.raises(InputError, match="keep: with target authors"):
        small(fig3, keep="picture", target="authors")


def test_a_second_run_computes_nothing_and_changes_nothing(fig3, compute):
    folder, _ = compute(small(fig3))
    before = contents(folder)
    assert compute(small(fig3))[1] == []
    assert contents(folder) == before


def test_only_what_is_missing_or_changed_is_computed(fig3, compute):
    folder, _ = compute(small(fig3))
    (folder / "cells" / "neckarfront.relu1_1.f001.npz").unlink()
    assert compute(small(fig3))[1] == ["neckarfront.relu1_1.f001"]
    added = compute(small(fig3, filters="0-3"))[1]
    assert len(added) == 4
    assert all(name.endswith("f003") for name in added)
    assert len(compute(small(fig3, **{"optimiser.clip": 5}))[1]) == 12


def test_another_image_under_the_same_name_is_noticed(fig3, compute, images_folder, tmp_path):
    compute(small(fig3))
    changed = tmp_path / "images"
    changed.mkdir()
    for name in ("golden_gate", "neckarfront"):
        (changed / f"{name}.png").write_bytes((images_folder / "golden_gate.png").read_bytes())
    again = compute(small(fig3), images=changed)[1]
    assert len(again) == 6
    assert all(name.startswith("neckarfront") for name in again)


def test_other_weights_are_noticed(fig3, arrays, images_folder, weights_file, tmp_path):
    one = small(fig3, images="golden_gate", layers="relu1_1", filters=0)
    np.savez(tmp_path / "other.npz", **{**arrays, "conv5_4_bias": arrays["conv5_4_bias"] + np.float32(1)})
    for weights, expected in ((weights_file, False), (weights_file, True), (tmp_path / "other.npz", False)):
        seen = []
        run(one, tmp_path / "run", weights, images_folder, "cpu", lambda *cell, seen=seen: seen.append(cell[2]))
        assert seen == [expected]


@pytest.mark.parametrize("key, value", [
    ("pool", "max"), ("pixels", "paper"), ("long_edge", 33), ("seed", 2), ("start", 0.2), ("denoise", 0),
    ("target", "authors"), ("optimiser.momentum", 0.8), ("stop.passes", 5),
])  # fmt: skip
def test_every_setting_counts(fig3, compute, key, value):
    one = {"images": "golden_gate", "layers": "relu2_1", "filters": 0}
    folder, _ = compute(small(fig3, **one))
    before = contents(folder)
    assert compute(small(fig3, **one, **{key: value}))[1] == ["golden_gate.relu2_1.f000"]
    if key not in ("target", "pixels"):  # the same steps from a chain's first cell; pixels: the content alone
        assert contents(folder)["cells/golden_gate.relu2_1.f000.png"] != before["cells/golden_gate.relu2_1.f000.png"]


def test_the_precision_computed_in_belongs_to_a_cell(fig3, monkeypatch, weights_file, images_folder):
    """Not the one asked for: what was computed in float32 for want of instructions is not taken for bfloat16."""
    plain, rounded = small(fig3), small(fig3, precision="bfloat16")

    def specified(experiment):
        materials = gather(experiment, weights_file, images_folder, "cpu")
        return specify(plan_of(materials), cells(experiment)[0], None)

    monkeypatch.setattr(instructions, "bfloat16", list)
    assert specified(plain) == specified(rounded)
    assert specified(plain)["precision"] == "float32"
    monkeypatch.setattr(instructions, "bfloat16", lambda: ["amx_bf16"])
    assert specified(rounded) == {**specified(plain), "precision": "bfloat16"}


def test_pool_pixels_and_denoise_do_what_they_say(fig3, compute, arrays, images_folder):
    experiment = small(fig3, images="neckarfront", layers="relu2_1", filters=7, pool="max", pixels="paper", denoise=0)
    folder, (name,) = compute(experiment)
    content = preprocess(read_image(images_folder / "neckarfront.png"), 32, "paper")
    start = initial_image(experiment, cells(experiment)[0], content.shape)
    assert start.min() < -0.09
    layers = list(LAYERS)[:7]
    target = oracles.isolate(oracles.code(content, arrays, layers, "max"), 7)
    loss = oracles.inversion_loss(oracles.code(start, arrays, layers, "max"), target)
    np.testing.assert_allclose(store.read_record(folder, name)["loss_first"], loss[0], rtol=1e-4)
    image = store.read_array(folder, name, "image")
    np.testing.assert_array_equal(read_image(folder / "cells" / f"{name}.png"), postprocess(image, 0))


def test_run_json_is_there_only_when_all_is(fig3, compute, monkeypatch, tmp_path):
    def fail(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(sys.modules["fmi_mx.runs.worker"], "compute", fail)
    with pytest.raises(ZeroDivisionError):
        compute(small(fig3))
    assert not (tmp_path / "run" / "run.json").exists()


def test_a_finished_run_stays_readable_while_the_next_runs_and_shows_its_own_cells(fig3, compute, monkeypatch):
    folder, computed = compute(small(fig3))
    whole, seen = read_run(folder), []
    original = sys.modules["fmi_mx.runs.worker"].compute

    def look(*arguments):
        seen.append(read_run(folder))
        if len(seen) == 3:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(sys.modules["fmi_mx.runs.worker"], "compute", look)
    with pytest.raises(KeyboardInterrupt):
        compute(small(fig3, seed=3))
    assert [one.missing for one in seen] == [[], computed[:1], computed[:2]]
    assert all(one.experiment == whole.experiment for one in seen)
    monkeypatch.undo()
    assert compute(small(fig3))[1] == computed[:2]
    assert read_run(folder)._replace(records={}) == whole._replace(records={})  # which say how long it took


def test_a_folder_in_use_is_refused(fig3, compute, tmp_path):
    with store.locked(tmp_path / "run"), pytest.raises(InputError, match="in use by process"):
        compute(small(fig3))


@pytest.mark.parametrize("target", ["paper", "authors"])
def test_resuming_gives_the_bytes_of_an_uninterrupted_run(fig3, compute, target):
    experiment = small(fig3, target=target)
    whole, _ = compute(experiment, "whole")
    part, _ = compute(experiment, "part")
    for gone in ("golden_gate.relu1_1.f001.json", "neckarfront.relu2_1.f000.png", "neckarfront.relu2_1.f002.npz"):
        (part / "cells" / gone).unlink()
    (part / "run.json").unlink()
    assert len(compute(experiment, "part")[1]) == 3
    assert contents(part) == contents(whole)


def test_a_changed_predecessor_recomputes_its_chain(fig3, compute):
    compute(small(fig3, target="authors", images="golden_gate", layers="relu1_1", filters=[0, 1, 2]))
    assert compute(small(fig3, target="authors", images="golden_gate", layers="relu1_1", filters=[0, 2]))[1] == [
        "golden_gate.relu1_1.f002"
    ]
    # f002 follows f001 as before, but f001 now follows another.
    compute(small(fig3, target="authors", images="golden_gate", layers="relu1_1", filters=[0, 1, 2]))
    assert compute(small(fig3, target="authors", images="golden_gate", layers="relu1_1", filters=[3, 1, 2]))[1] == [
        f"golden_gate.relu1_1.f00{f}" for f in (3, 1, 2)
    ]


def test_a_cell_alone_is_what_it_is_in_the_figure(fig3, compute):
    whole, _ = compute(small(fig3), "whole")
    one, _ = compute(small(fig3, images="neckarfront", layers="relu2_1", filters=2), "one")
    found = contents(one)
    for name in (name for name in found if name.startswith("cells/")):
        assert found[name] == contents(whole)[name]


def test_the_seed_and_the_name_decide_the_initial_image(fig3):
    experiment, other_seed = small(fig3, start=0.2), small(fig3, start=0.2, seed=2)
    one, two = cells(experiment)[:2]
    first = initial_image(experiment, one, (1, 3, 24, 32))
    assert first.dtype == np.float32
    name = int.from_bytes(hashlib.sha256(b"golden_gate.relu1_1.f000").digest()[:8], "big")
    wanted = np.random.default_rng([experiment.seed, name]).uniform(-0.2, 0.2, (1, 3, 24, 32))
    np.testing.assert_array_equal(first, wanted.astype(np.float32))  # of every published picture
    np.testing.assert_array_equal(first, initial_image(experiment, one, (1, 3, 24, 32)))
    assert np.abs(first - initial_image(experiment, two, (1, 3, 24, 32))).max() > 0.05
    assert np.abs(first - initial_image(other_seed, one, (1, 3, 24, 32))).max() > 0.05


def test_random_numbers_have_a_purpose(fig3):
    """Of each its own, of seed, name and purpose alone, so that none depends on how many were drawn for another."""
    experiment, one = small(fig3), cells(small(fig3))[0]
    seeds = [cell_seed(experiment, one, purpose) for purpose in ("", "v", "probes")]
    seeds += [cell_seed(small(fig3, seed=2), one, "v"), cell_seed(experiment, cells(experiment)[1], "v")]
    drawn = [np.random.default_rng(seed).random(4) for seed in seeds]
    assert len({tuple(numbers) for numbers in drawn}) == len(seeds)
    assert cell_seed(small(fig3, long_edge=48, start=3), one, "v") == seeds[1]


def test_an_image_of_which_no_pixel_is_left_across_is_refused_by_its_name(fig3, compute, tmp_path):
    cv2.imwrite(str(tmp_path / "thin.png"), np.zeros((16, 300, 3), np.uint8))
    message = "thin.*300x16 pixels has none left across at long_edge 18; take one of 19 or more"
    with pytest.raises(InputError, match=message):
        compute(small(fig3, images=str(tmp_path / "thin.png"), layers="relu1_1", long_edge=18))


def test_an_image_too_narrow_for_a_layer_is_refused_and_nothing_written(fig3, compute, tmp_path):
    with pytest.raises(InputError, match=r"32x24 pixels is too small for pool5; both sides must be at least 32"):
        compute(small(fig3, layers=["relu1_1", "pool5"]))
    assert not (tmp_path / "run").exists()


def explode(*_, **__):
    raise FloatingPointError("loss inf at pass 3")


def exhaust(*_, **__):
    raise mx.base.MXNetError("a page\nof text\nout of memory\n")


def have_no_room(*_, **__):
    raise MemoryError


FAILURES = {explode: "loss inf at pass 3; lower start", exhaust: r"cannot compute it \(out of memory\)",
            have_no_room: "no memory for this long_edge"}  # fmt: skip


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("target", ["paper", "authors"])
def test_a_cell_that_fails_ends_no_run(fig3, compute, monkeypatch, failure, target):
    """It is stored as failed, and so is what is chained to it; the others are computed, and the next run tries again."""
    experiment = small(fig3, target=target)
    whole, computed = compute(experiment, "whole")
    original = sys.modules["fmi_mx.runs.compute"].descend
    calls = []

    def fail_once(*arguments, **options):
        calls.append(arguments)
        return (failure if len(calls) == 2 else original)(*arguments, **options)

    monkeypatch.setattr(sys.modules["fmi_mx.runs.compute"], "descend", fail_once)
    folder, tried = compute(experiment, "part")
    failed, chained = "golden_gate.relu1_1.f001", ["golden_gate.relu1_1.f002"] if target == "authors" else []
    assert tried == computed
    assert len(calls) == 12 - len(chained)
    found = read_run(folder)
    assert (list(found.failed), found.missing) == ([failed, *chained], [])
    assert re.search(FAILURES[failure], found.failed[failed])
    assert all(found.failed[name] == f"its target comes from {failed}, which failed" for name in chained)
    assert not (folder / "cells" / f"{failed}.png").exists()
    assert compute(experiment, "part")[1] == [failed, *chained]
    assert contents(folder) == contents(whole)


@pytest.mark.parametrize("change", [
    {"passes": "3"}, {"loss_first": None}, {"machine": {}}, {"machine": {"processor": 3, "instructions": [], "threads": 1}},
    {"energy_share": []}, {"stopped": 1},
])  # fmt: skip
def test_a_record_of_another_version_is_no_reason_to_end_and_its_cell_is_computed_again(fig3, compute, change):
    one = small(fig3, images="golden_gate", layers="relu1_1", filters=0)
    folder, (name,) = compute(one)
    record = store.read_record(folder, name)
    gone = [key for key, value in change.items() if value is None]
    changed = {key: value for key, value in {**record, **change}.items() if key not in gone}
    store.save_cell(folder, name, (folder / "cells" / f"{name}.png").read_bytes(), {}, changed)
    assert store.read_record(folder, name) is not None
    assert read_run(folder).missing == [name]
    assert compute(one)[1] == [name]


def test_a_chained_cell_follows_its_predecessors_numbers(fig3, compute, monkeypatch):
    """Also where they are computed again by another processor, and differ in their last digits."""
    experiment = small(fig3, target="authors", images="golden_gate", layers="relu1_1")
    folder, computed = compute(experiment)
    original = sys.modules["fmi_mx.runs.compute"].initial_image
    (folder / "cells" / f"{computed[0]}.json").unlink()
    with monkeypatch.context() as elsewhere:
        other = lambda *given: original(*given) * np.float32(1.001)  # noqa: E731
        elsewhere.setattr(sys.modules["fmi_mx.runs.compute"], "initial_image", other)
        assert compute(experiment)[1] == computed
    (folder / "cells" / f"{computed[0]}.json").unlink()
    assert compute(experiment)[1] == computed
    assert contents(folder) == contents(compute(experiment, "whole")[0])


@pytest.mark.parametrize("where", ["png_bytes", "save_cell"])
def test_memory_that_is_short_when_a_cell_is_stored_fails_it_too(fig3, compute, monkeypatch, where):
    def have_none(*_):
        raise MemoryError

    place = sys.modules["fmi_mx.runs.worker"]
    monkeypatch.setattr(*((place, where) if where == "png_bytes" else (store, where)), have_none)
    folder, computed = compute(small(fig3, images="golden_gate", layers="relu1_1"))
    assert read_run(folder).failed == dict.fromkeys(computed, "there is no memory for this long_edge")


def test_a_predecessor_damaged_meanwhile_fails_what_comes_behind_it(fig3, compute, monkeypatch):
    def damaged(_, name, __):
        raise InputError(f"{name}.npz is damaged")

    monkeypatch.setattr(store, "read_array", damaged)
    folder, _ = compute(small(fig3, target="authors", images="golden_gate", layers="relu1_1"))
    found = read_run(folder)
    assert found.failed == {
        "golden_gate.relu1_1.f001": "golden_gate.relu1_1.f000.npz is damaged",
        "golden_gate.relu1_1.f002": "its target comes from golden_gate.relu1_1.f001, which failed",
    }


def test_steps_that_explode_fail_with_what_to_do(fig3, compute):
    folder, computed = compute(small(fig3, **{"optimiser.learning_rate": 1e30, "optimiser.clip": 1e30}))
    failed = read_run(folder).failed
    assert list(failed) == computed
    assert all(re.search("loss .* at pass .*learning_rate", reason) for reason in failed.values())


def test_a_full_disk_ends_the_run_and_no_cell_is_failed(fig3, compute, monkeypatch, tmp_path):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store, "write_swept", full)
    with pytest.raises(OSError, match="No space left"):
        compute(small(fig3))
    assert list((tmp_path / "run" / "cells").iterdir()) == []


@pytest.mark.parametrize("anew", [False, True])
def test_a_folder_deleted_under_a_run_ends_it_before_the_next_cell(fig3, weights_file, images_folder, tmp_path, anew):
    out = tmp_path / "run"

    def take_away(*_):
        out.rename(tmp_path / "away")
        if anew:
            (out / "cells").mkdir(parents=True)

    with pytest.raises(InputError, match="was deleted or replaced"):
        run(small(fig3), out, weights_file, images_folder, "cpu", take_away)
    assert [path.name for path in out.rglob("*")] == (["cells"] if anew else [])
    assert len(list((tmp_path / "away" / "cells").iterdir())) == 3


def test_a_record_says_where_its_cell_was_computed(fig3, compute):
    folder, (name,) = compute(small(fig3, images="golden_gate", layers="relu1_1", filters=0))
    where = store.read_record(folder, name)["machine"]
    assert where == machine(mx.cpu())
    assert where["processor"]
    assert where["threads"] == 1


@pytest.mark.usefixtures("own_processor")
def test_kill_9_loses_at_most_the_cell_in_hand(fig3, compute, weights_file, images_folder, tmp_path):
    settings = {**SMALL, "stop.passes": 300, "stop.change": 0}
    options = [arg for key, value in settings.items() for arg in ("--set", f"{key}={str(value).replace(chr(39), '')}")]
    command = [sys.executable, "-m", "fmi_mx", "run", str(fig3), "--out", str(tmp_path / "killed"), *options,
               "--weights", str(weights_file), "--images", str(images_folder), "--device", "cpu"]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.time() + 300
    while len(list((tmp_path / "killed").glob("cells/*.json"))) < 3 and process.poll() is None and time.time() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait()
    done = {path.stem for path in (tmp_path / "killed").glob("cells/*.json")}
    assert 3 <= len(done) < 12
    experiment = load_experiment(fig3, **settings)
    killed, computed = compute(experiment, "killed")
    assert set(computed) == {cell.name for cell in cells(experiment)} - done
    assert contents(killed) == contents(compute(experiment, "whole")[0])
