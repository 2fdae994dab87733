import json

import numpy as np
import pytest

from fmi_mx import cli, load_experiment, run
from fmi_mx.figure.table import markdown
from fmi_mx.files import store
from fmi_mx.files.images import decode
from fmi_mx.measure.descriptors import describe


@pytest.fixture
def swept(fig3, weights_file, images_folder, tmp_path):
    """Runs a sweep of two cells each; returns (exit code, folder)."""

    def swept(*options, out=None):
        folder = tmp_path / "out" / "sweep" if out is None else out
        chosen = ["long_edge=32", "layers=[relu1_1]", "filters=0-1", "stop.passes=3", "images=golden_gate"]
        given = [part for one in chosen for part in ("--set", one)]
        files = ["--weights", str(weights_file), "--images", str(images_folder), "--device", "cpu", "--out", str(folder)]
        return cli.main(["run", str(fig3), *given, *files, *options]), folder

    return swept


def test_a_sweep_has_a_folder_a_figure_and_a_row_for_each_combination(swept, capsys):
    code, folder = swept("--sweep", "seed=[1,2]", "--sweep", "optimiser.clip=[5,0.5]", "--beside", "seed=2,optimiser.clip=5")
    assert code == 0
    names = [f"seed={seed},optimiser.clip={clip}" for seed in (1, 2) for clip in (5, 0.5)]
    assert sorted(path.name for path in folder.iterdir()) == sorted(names + [f"{name}.png" for name in names])
    found = json.loads(folder.with_name("sweep.json").read_text(encoding="utf-8"))
    rows = found["combinations"]
    assert found["beside"] == names[2]
    assert [row["name"] for row in rows] == names
    assert rows[1]["settings"] == {"seed": 1, "optimiser.clip": 0.5}
    cell_names = ["golden_gate.relu1_1.f000", "golden_gate.relu1_1.f001"]
    records = {name: [store.read_record(folder / name, cell) for cell in cell_names] for name in names}
    for row in rows:
        of_row = records[row["name"]]
        assert (row["cells"], row["failed"], row["passes"]) == (2, 0, 3)
        for key, values in (("loss", [one["loss_last"] for one in of_row]),
                            ("loss left", [one["loss_last"] / one["loss_first"] for one in of_row]),
                            ("energy share", [one["energy_share"] for one in of_row])):  # fmt: skip
            assert row[key] == pytest.approx(np.mean(values))
    parts = {key: np.array([[describe(decode(folder / name / "cells" / f"{cell}.png"))[key] for cell in cell_names]
                            for name in names]) for key in ("colour", "texture")}  # fmt: skip
    squares = 0
    for values in parts.values():
        flat = values.reshape(8, -1)
        spread = np.where(flat.std(0) > 1e-9 * (np.abs(flat).max(0) + 1e-9), flat.std(0), np.inf)
        scaled = (values - flat.mean(0)) / spread
        squares = squares + ((scaled - scaled[2]) ** 2).sum(-1) / values.shape[-1]
    np.testing.assert_allclose([row["distance"] for row in rows], np.sqrt(squares).mean(1), rtol=1e-6)
    assert rows[2]["distance"] == 0
    assert str(folder) in capsys.readouterr().out
    text = folder.with_name("sweep.md").read_text(encoding="utf-8").splitlines()
    assert text[0].startswith("| seed | optimiser.clip | cells |")
    assert text[3].startswith("| 1 | 0.5 | 2 | 0 | 3 |")


def test_the_table_has_the_name_of_the_folder_whatever_it_is_called(swept, tmp_path, monkeypatch, capsys):
    """Here it is called a dot."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert swept("--sweep", "seed=[1,2]", out=".")[0] == 0
    paths = [tmp_path / f"here.{suffix}" for suffix in ("md", "json")]
    assert capsys.readouterr().out.splitlines()[-1] == " ".join(map(str, paths))
    assert all(path.stat().st_size for path in paths)


def test_a_table_that_cannot_be_written_is_refused_before_anything_is_computed(swept, tmp_path, capsys):
    (tmp_path / "out" / "sweep.json").mkdir(parents=True)
    assert swept("--sweep", "seed=[1,2]") == (2, tmp_path / "out" / "sweep")
    assert "sweep.json cannot be written; give another folder with --out" in capsys.readouterr().err
    assert not (tmp_path / "out" / "sweep").exists()


def test_the_same_command_resumes_and_a_cell_alone_is_what_it_is_in_a_sweep(
    swept, fig3, weights_file, images_folder, tmp_path
):

    _, folder = swept("--sweep", "seed=[1,2]")
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*/cells/*")}
    assert swept("--sweep", "seed=[1,2]")[0] == 0
    assert {path: path.stat().st_mtime_ns for path in folder.glob("*/cells/*")} == before
    chosen = {"images": "golden_gate", "layers": ["relu1_1"], "filters": "0-1", "long_edge": 32, "stop.passes": 3}
    alone = load_experiment(fig3, seed=2, **chosen)
    run(alone, tmp_path / "alone", weights_file, images_folder, "cpu")
    for path in (tmp_path / "alone" / "cells").glob("*.png"):
        assert path.read_bytes() == (folder / "seed=2" / "cells" / path.name).read_bytes()


def test_a_combination_that_fails_is_said_and_the_others_are_there(swept, capsys):
    code, folder = swept("--sweep", "optimiser.learning_rate=[0.1,1e30]", "--set", "optimiser.clip=1e30")
    assert code == 1
    rows = json.loads(folder.with_name("sweep.json").read_text(encoding="utf-8"))["combinations"]
    assert [row["failed"] for row in rows] == [0, 2]
    assert (rows[1]["distance"], rows[1]["passes"]) == (None, None)
    assert "2 of 2 cells failed" in capsys.readouterr().err


@pytest.mark.parametrize("options, message", [
    (["--sweep", "seed"], "--sweep takes KEY=VALUE"), (["--sweep", "seed=[1,2]", "--sweep", "seed=[3]"], "is set twice"),
    (["--sweep", "threads=[1,2]"], "threads: runs side by side have one number, not 1 and 2"),
    (["--sweep", "seed=[1,2]", "--beside", "seed=3"], "--beside 'seed=3' is no combination of this sweep"),
    (["--sweep", f"seed={list(range(5001))}"], "the sweep has 10002 cells, more than 10000; --yes computes"),
])  # fmt: skip
def test_sweeps_that_are_refused_leave_nothing(swept, capsys, options, message):
    code, folder = swept(*options)
    error = capsys.readouterr().err
    assert (code, error.count("\n")) == (2, 1)
    assert message in error
    assert not folder.parent.exists()


def test_a_sweep_does_not_go_into_the_folder_of_a_run(swept, capsys):
    _, folder = swept()
    assert swept("--sweep", "seed=[1,2]")[0] == 2
    assert "has a run that is no sweep" in capsys.readouterr().err


def test_a_table_shows_values_in_full():
    row = {"settings": {"images": ["a|b", "c"]}, "cells": 1, "failed": 0, "passes": 3, "loss": 123456.0, "loss left": None,
           "energy share": 0.5, "seconds": 1.5, "distance": 0.25}  # fmt: skip
    assert (
        markdown([row], "images=1of1").splitlines()[2] == '| ["a\\|b", "c"] | 1 | 0 | 3 | 1.235e+05 |  | 0.5 | 1.5 | 0.25 |'
    )
