"""How far a run has come, and whether its cells can be computed again."""

import json
import os

import numpy as np
import pytest
from conftest import ROOT
from stored import rewrite
from test_run import small

from fmi_mx import InputError, cli, load_experiment, run
from fmi_mx.files import store
from fmi_mx.runs import status as module
from fmi_mx.runs.plan import plan_of, read_plan
from fmi_mx.runs.status import lines, read_status, report, seconds_left
from fmi_mx.runs.verify import verify

FOUR = {"images": "golden_gate", "layers": ["relu1_1", "relu2_1"], "filters": "0-1"}
NAMES = [f"golden_gate.{layer}.f00{f}" for layer in ("relu1_1", "relu2_1") for f in (0, 1)]


@pytest.fixture
def computed(fig3, weights_file, images_folder, tmp_path):
    """A finished run of four cells, with other settings of a test."""

    def computed(**overrides):
        folder = tmp_path / "run"
        run(small(fig3, **{**FOUR, **overrides}), folder, weights_file, images_folder, "cpu")
        return folder

    return computed


def fail(folder, name, reason):
    record = store.read_record(folder, name)
    store.save_failure(folder, name, {**{key: record[key] for key in ("specification", "versions")}, "failed": reason})


def test_what_is_done_failed_and_missing(computed):
    folder = computed()
    assert (list(read_status(folder).done), report(folder)["seconds_left"]) == (NAMES, 0)
    fail(folder, NAMES[1], "no memory")
    (folder / "cells" / f"{NAMES[2]}.npz").unlink()
    found = report(folder)
    assert (found["cells"], found["done"], found["failed"], found["missing"]) == (4, 2, {NAMES[1]: "no memory"}, [NAMES[2]])
    assert found["layers"]["relu1_1"] | {"seconds": 0} == {"cells": 2, "done": 1, "passes": 6, "seconds": 0}
    assert list(found["machines"].values()) == list(found["versions"].values()) == [2]
    said = "\n".join(lines(found))
    for words in ("2 of 4 cells done, 1 failed, 1 missing", f"failed: {NAMES[1]}: no memory", f"missing: {NAMES[2]}",
                  "relu2_1: 1 of 2, 6 passes", "in the folder now: nobody", "time left: "):  # fmt: skip
        assert words in said


def test_stuck_and_silent_cells_are_counted(computed):
    folder = computed()
    for name, change in ((NAMES[0], {"silent": True}), (NAMES[1], {"silent": False}), (NAMES[2], {"silent": True})):
        rewrite(folder, name, loss_last=store.read_record(folder, name)["loss_first"], **change)
    found = report(folder)
    assert (found["silent"], found["stuck"]) == ([NAMES[0], NAMES[2]], [NAMES[1]])
    assert lines(found)[0].endswith("; 2 silent; 1 stuck")


def test_cells_of_another_experiment_are_missing(computed):
    folder = computed()
    others = {path: path.read_bytes() for path in (folder / "cells").glob(f"{NAMES[1]}.*")}
    computed(seed=9)
    assert list(read_status(folder).done) == NAMES
    for path, content in others.items():
        path.write_bytes(content)
    assert read_status(folder).missing == [NAMES[1]]


def test_a_chain_whose_beginning_is_gone_is_missing_behind_it(computed):
    folder = computed(target="authors")
    assert list(read_status(folder).done) == NAMES
    (folder / "cells" / f"{NAMES[0]}.json").unlink()
    assert read_status(folder).missing == NAMES[:2]


def test_a_run_that_is_there_now_is_named(computed):
    folder = computed()
    with store.locked(folder):
        assert report(folder)["occupant"].startswith(f"process {os.getpid()} on ")
    assert report(folder)["occupant"] is None


def test_the_time_left_goes_by_arithmetic(computed):
    """Two cells of relu1_1 came 10 seconds apart; a pass to relu2_1 costs as much as its multiplications say."""
    folder = computed()
    for number, name in enumerate(NAMES[:2]):
        os.utime(folder / "cells" / f"{name}.json", (1000 + 10 * number, 1000 + 10 * number))
    for name in NAMES[2:]:
        (folder / "cells" / f"{name}.json").unlink()
    ratio = (27 * 64 + 576 * 64 + 576 * 128 / 4) / (27 * 64)
    assert seconds_left(folder, read_status(folder)) == pytest.approx(2 * 10 * ratio)
    (folder / "cells" / f"{NAMES[0]}.json").unlink()
    assert seconds_left(folder, read_status(folder)) is None
    assert "time left: not known yet" in lines(report(folder))


def test_cells_that_came_at_the_same_time_are_no_trouble(computed):
    folder = computed()
    for name in NAMES[:3]:
        os.utime(folder / "cells" / f"{name}.json", (1000, 1000))
    (folder / "cells" / f"{NAMES[3]}.json").unlink()
    assert seconds_left(folder, read_status(folder)) is None


def test_a_pause_is_no_computing(computed):
    """Eleven cells that came 10 seconds apart, and a night before the last five."""
    folder = computed(images=["golden_gate", "neckarfront"], layers=["relu1_1"], filters="0-7")
    paths = [folder / "cells" / f"{cell.name}.json" for cell in read_status(folder).cells]
    for number, path in enumerate(paths[:11]):
        came = 1000 + 10 * number + (40000 if number > 5 else 0)
        os.utime(path, (came, came))
    for path in paths[11:]:
        path.unlink()
    assert seconds_left(folder, read_status(folder)) == pytest.approx(5 * 10)


def test_what_is_left_of_feature_maps_is_known(weights_file, images_folder, tmp_path):
    """Which are no descents, so that a cell of them counts as a pass."""
    experiment = load_experiment(ROOT / "experiments" / "fig1.yaml", layers=["relu1_1", "relu1_2", "relu2_1"], filters="0-1",
                                 isolated=0, long_edge=32)  # fmt: skip
    run(experiment, tmp_path, weights_file, images_folder, "cpu")
    names = [path.stem for path in sorted((tmp_path / "cells").glob("*.json"))]
    for number, name in enumerate(names[:2]):
        os.utime(tmp_path / "cells" / f"{name}.json", (1000 + 10 * number, 1000 + 10 * number))
    (tmp_path / "cells" / f"{names[2]}.json").unlink()
    assert seconds_left(tmp_path, read_status(tmp_path)) > 0


@pytest.mark.parametrize("seconds, words", [(12.4, "12 s"), (100, "2 min"), (3600, "1 h 0 min"), (100000, "27 h 47 min")])
def test_durations(seconds, words):
    assert module._duration(seconds) == words


def test_the_plan_is_there_before_the_first_cell_and_reads_back(fig3, weights_file, images_folder, tmp_path):
    from fmi_mx.runs.materials import gather

    experiment, seen = small(fig3, **FOUR), []
    run(experiment, tmp_path / "run", weights_file, images_folder, "cpu",
        lambda *_: seen.append(read_plan(tmp_path / "run")))  # fmt: skip
    assert seen == [plan_of(gather(experiment, weights_file, images_folder, "cpu"))] * 4


@pytest.mark.parametrize("change, message", [
    (b"{", "plan.json is damaged"), (b"[]", "must be keys with values"), ({"width": 3}, "width"),
    ({"images": {}}, "lacks an image"), ({"precision": "float8"}, "precision"), ({"more": 1}, "unknown key 'more'"),
    ({"experiment": {"method": "fmi"}}, "key 'figure' is missing"), ({"images": {"golden_gate": [1]}}, "must be text"),
    ({"cells": "x" * 501}, "at most 500"), (None, "no such file"),
])  # fmt: skip
def test_a_plan_that_cannot_be_read_is_one_line(computed, capsys, change, message):
    path = computed() / "plan.json"
    if isinstance(change, dict):
        change = json.dumps({**json.loads(path.read_text(encoding="utf-8")), **change}).encode()
    path.unlink()
    if change is not None:
        path.write_bytes(change)
    assert cli.main(["status", str(path.parent)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_status_is_json_if_asked(computed, capsys):
    folder = computed()
    assert cli.main(["status", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == report(folder)


def again(folder, weights_file, images_folder, count=4):
    return list(verify(folder, count, 1, weights_file, images_folder, "cpu"))


@pytest.mark.parametrize("settings", [{}, {"target": "authors"}, {"keep": "picture"}])
def test_cells_computed_again_are_the_same(computed, weights_file, images_folder, settings):
    found = again(computed(**settings), weights_file, images_folder)
    assert [(one.name, one.same, one.levels, one.loss) for one in found] == [(name, True, 0, 0) for name in NAMES]


def test_cells_are_drawn_by_seed(computed, weights_file, images_folder):
    folder = computed()
    drawn = [[one.name for one in verify(folder, 2, seed, weights_file, images_folder, "cpu")] for seed in (1, 1, 2, 3, 4)]
    assert drawn[0] == drawn[1]
    assert len({tuple(names) for names in drawn}) > 1
    assert all(len(names) == 2 for names in drawn)


@pytest.mark.parametrize("keep", ["image", "picture"])
def test_another_picture_is_noticed(computed, weights_file, images_folder, capsys, keep):
    """As another machine would make it."""
    from fmi_mx.files.images import decode, png_bytes

    folder, name = computed(keep=keep), NAMES[2]
    record, path = store.read_record(folder, name), folder / "cells" / name
    with np.load(f"{path}.npz") as stored:
        arrays = dict(stored)
    picture = decode(path.with_name(f"{name}.png")).copy()
    if keep == "image":
        arrays["image"][0, 1, 2, 3] += 7.5
    picture[4, 5, 0] += 3 if picture[4, 5, 0] < 200 else -3
    other = {**record["machine"], "processor": "Another"}
    changed = {**record, "machine": other, "loss_last": record["loss_last"] / 1.25}
    store.save_cell(folder, name, png_bytes(picture), arrays, changed)
    options = ["--weights", str(weights_file), "--images", str(images_folder), "--device", "cpu", "--cells", "4"]
    assert cli.main(["verify", str(folder), *options]) == 1
    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if line.endswith(": the same bytes")] == [f"{one}: the same bytes" for one in
                                                                            (NAMES[0], NAMES[1], NAMES[3])]  # fmt: skip
    apart = f"{name}: at most {'7.5' if keep == 'image' else '3'} grey levels apart, last loss +25.00%; then on Another ("
    assert said[2].startswith(apart)
    assert ", now on " in said[2]
    assert cli.main(["verify", str(folder), *options, "--within", "7.6"]) == 0


def test_other_weights_images_or_precision_are_refused(computed, weights_file, images_folder, tmp_path, arrays, monkeypatch):
    folder = computed()
    np.savez(tmp_path / "other.npz", **{**arrays, "conv1_1_bias": arrays["conv1_1_bias"] + 1})
    with pytest.raises(InputError, match="with weights that are not these: others; give those with --weights and --images"):
        again(folder, tmp_path / "other.npz", images_folder)
    (tmp_path / "golden_gate.png").write_bytes((images_folder / "neckarfront.png").read_bytes())
    with pytest.raises(InputError, match="with images that are not these"):
        again(folder, weights_file, tmp_path)
    monkeypatch.setattr("fmi_mx.runs.materials.precision_on", lambda *_: "bfloat16")
    with pytest.raises(InputError, match="with precision that are not these: float32, now bfloat16"):
        again(folder, weights_file, images_folder)


def test_nothing_done_is_nothing_to_verify(computed, weights_file, images_folder):
    folder = computed()
    for name in NAMES:
        (folder / "cells" / f"{name}.json").unlink()
    with pytest.raises(InputError, match="has no cell that is done"):
        again(folder, weights_file, images_folder)


@pytest.mark.parametrize("option", ["--cells=0", "--cells=x", "--within=-1", "--within=wide", "--seed=-3"])
def test_numbers_that_cannot_be(option, capsys):
    assert cli.main(["verify", "nowhere", option]) == 2
    assert "must be" in capsys.readouterr().err


def test_pictures_without_a_network_are_verified_too(images_folder, tmp_path):
    experiment = load_experiment(ROOT / "experiments" / "fig2.yaml", long_edge=32, images=["golden_gate", "neckarfront"])
    run(experiment, tmp_path / "run", "none", images_folder, "cpu")
    assert [one.same for one in verify(tmp_path / "run", 5, 1, "none", images_folder, "cpu")] == [True, True]
    assert report(tmp_path / "run")["machines"] == {}
