"""The files of a gallery, without a browser."""

import json
import re
import shlex

import cv2
import numpy as np
import pytest
from conftest import ROOT
from gallery_runs import FILTERS, HOSTILE, IMAGES, LAYERS, facts_of, filters_run, textures, transfer_run
from stored import finished_run, rewrite

from fmi_mx import InputError, load_experiment
from fmi_mx import run as run_experiment
from fmi_mx.cli import main
from fmi_mx.experiment.experiment import as_data
from fmi_mx.files.images import file_digest
from fmi_mx.gallery import gallery, pictures
from fmi_mx.gallery.again import cell_command, filter_command
from fmi_mx.gallery.layer import KEYS
from fmi_mx.gallery.measures import measures_of
from fmi_mx.gallery.source import facts_of as facts_in
from fmi_mx.gallery.source import read_source
from fmi_mx.measure.colourfulness import colourfulness
from fmi_mx.measure.descriptors import describe


def made(folder, out=None, images="nowhere"):
    """The folder of a gallery, and what was said meanwhile."""
    said = []
    page, _ = gallery.make(folder, out, images, said.append)
    return page.parent, said


def data_of(path):
    """What a script calls gallery.js with."""
    call = re.fullmatch(r"gallery\.(start|layer)\((.*)\);\n", path.read_text(encoding="ascii"))
    return json.loads(f"[{call[2]}]")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return filters_run(tmp_path_factory.mktemp("runs") / "atlas")


def test_a_layer_has_the_numbers_of_each_cell(run):
    place, said = made(run, run.parent / "numbers")
    (start,), (name, layer) = data_of(place / "data.js"), data_of(place / "data" / "relu3_1.js")
    assert [one["name"] for one in start["layers"]] == LAYERS
    assert start["keys"] == list(KEYS)
    assert name == "relu3_1"
    for rows in layer["rows"]:
        row, facts = dict(zip(KEYS, rows[7])), facts_of(7)
        assert row.pop("curve")[2][::29] == [200, 0]
        assert row == {
            "share": facts["energy_share"], "content": 0.001, "first": 1000, "last": 430, "left": 0.43, "printed": 600,
            "passes": 40, "silent": 0, "stuck": 0, "colourful": 7, "intricate": -7,
        }  # fmt: skip
    assert len(said) == len(IMAGES) + len(LAYERS)


def test_a_loss_curve_has_thirty_points(run):
    place, _ = made(run, run.parent / "curves")
    _, layer = data_of(place / "data" / "relu3_1.js")
    low, high, heights = layer["rows"][0][0][KEYS.index("curve")]
    assert (low, high, len(heights)) == (pytest.approx(np.log10(500), 1e-3), 3, 30)
    assert heights == sorted(heights, reverse=True)


def test_the_small_pictures_stand_where_the_page_looks_for_them(run):
    place, _ = made(run, run.parent / "sheets")
    image, sheet = data_of(place / "data.js")[0]["images"][1], cv2.imread(str(place / "sheets" / "relu3_1.1.jpg"))
    assert (image["small"], image["pitch"], sheet.shape) == ([24, 32], [32, 32], (32, 32 * FILTERS, 3))
    for l in range(FILTERS):
        own = cv2.imread(str(run / "cells" / f"two.relu3_1.f{l:03d}.png")).astype(float)
        others = [np.abs(sheet[:24, 32 * one : 32 * one + 32] - own).mean() for one in range(FILTERS)]
        assert np.argmin(others) == l


def test_the_first_page_names_the_layers_with_their_counts(run):
    place, _ = made(run, run.parent / "first")
    html = (place / "index.html").read_text(encoding="utf-8")
    assert "not found, so that none is shown: one, two." in html
    for layer in LAYERS:
        link = re.search(rf'<a href="#{layer}">(.*?)</a>', html, re.S)[1]
        assert "10 filters" in link
        assert "4 silent" in link  # two filters, each from two images
        assert (place / "sheets" / f"{layer}.strip.jpg").is_file()


def test_what_failed_or_is_missing_is_said_and_the_exit_code_is_1(tmp_path, capsys):
    folder = filters_run(tmp_path / "run", failed=["one.relu2_1.f001"])
    (folder / "cells" / "two.relu2_1.f002.png").unlink()
    assert main(["gallery", str(folder), "--images", "nowhere"]) == 1
    printed = capsys.readouterr()
    assert printed.out == f"{folder / 'gallery' / 'index.html'}\n"
    assert "1 of 40 cells failed" in printed.err
    assert "1 of 40 cells missing" in printed.err
    _, layer = data_of(folder / "gallery" / "data" / "relu2_1.js")
    assert layer["rows"][0][1] == "failed: it exploded"
    assert layer["rows"][1][2] == "missing"
    assert layer["apart"][1] is None
    assert layer["apart"][0] > 0


def test_a_stuck_cell_is_said_to_be_stuck(tmp_path):
    folder = filters_run(tmp_path / "run")
    rewrite(folder, "one.relu3_1.f007", loss_last=999.5)
    place, _ = made(folder)
    _, layer = data_of(place / "data" / "relu3_1.js")
    assert [row[KEYS.index("stuck")] for row in layer["rows"][0]] == [0] * 7 + [1] + [0] * 2
    assert (place / "index.html").read_text(encoding="utf-8").count("<span>1 stuck</span>") == 1


def test_a_run_under_way_shows_what_is_there(fig3, weights_file, images_folder, tmp_path):
    """Of the second image there is nothing yet, and of the first not all."""
    few = {"layers": ["relu1_1", "relu2_1"], "filters": "0-1", "long_edge": 32, "stop.passes": 2, "start": 20}
    folder, experiment = tmp_path / "run", load_experiment(fig3, **few)
    run_experiment(experiment, folder, weights_file, images_folder, "cpu")
    gone = [*folder.glob("cells/neckarfront.*"), *folder.glob("cells/golden_gate.relu2_1.f001.*")]
    for path in [folder / "run.json", *gone]:
        path.unlink()
    place, said = made(folder, images=images_folder)
    _, layer = data_of(place / "data" / "relu2_1.js")
    assert layer["rows"][1] == ["missing", "missing"]
    assert layer["rows"][0][1] == "missing"
    assert (place / "index.html").read_text(encoding="utf-8").count("5 missing") == 1
    assert not [line for line in said if "no content image" in line]


def test_large_pictures_have_files_of_their_own_within_a_budget(tmp_path, monkeypatch):
    assert pictures.large_size((384, 512), 50) == (384, 512)
    assert pictures.large_size((384, 512), 11008) is None
    assert pictures.large_size((84, 112), 1) is None
    monkeypatch.setattr(pictures, "ALL", 40 * 200 * 150)
    place, _ = made(filters_run(tmp_path / "run", shape=(192, 256)))
    found = sorted((place / "pictures").iterdir())
    assert len(found) == 40
    assert found[0].name == "relu2_1.f000.0.jpg"
    assert cv2.imread(str(found[0])).shape == (150, 200, 3)


def test_content_images_are_found_by_their_digest_whatever_their_name(tmp_path):
    experiment = as_data(load_experiment(ROOT / "experiments" / "fig3.yaml", images=IMAGES, layers=["relu2_1"], filters=[0]))
    images = tmp_path / "images"
    images.mkdir()
    for name, picture in textures(["renamed", "two"], (48, 64)).items():
        cv2.imwrite(str(images / f"{name}.png"), picture)
    names = {"one": "one.relu2_1.f000", "two": "two.relu2_1.f000"}
    folder = finished_run(tmp_path / "run", experiment, textures(names.values()))
    digests = {"one": file_digest(images / "renamed.png"), "two": "0" * 64}
    source = read_source(folder)
    for image, name in names.items():
        source.finished.records[name]["specification"]["image_sha256"] = digests[image]
    found = gallery.contents_of(source, images)
    assert list(found) == ["one"]
    assert found["one"].shape == (384, 512, 3)


def test_measures_are_those_that_the_run_kept_or_are_made(tmp_path):
    name, picture = "one.relu2_1.f000", textures(["any"])["any"]
    image = picture.transpose(2, 0, 1)[None].astype(np.float32) - 120
    bare = {"specification": {"name": name}}
    for kept, arrays in ((True, {"colour": np.ones(9), "texture": np.zeros(48)}), (False, {"image": image}), (False, {})):
        facts = {"measures": {"colourfulness": 1.5, "intricacy": 0.25}} if kept else {}
        folder = finished_run(tmp_path / str(len(arrays)), {}, {name: picture}, arrays={name: arrays}, facts={name: facts})
        found = measures_of(folder, {**bare, **facts}, picture)
        if kept:
            assert (found.colourfulness, found.intricacy) == (1.5, 0.25)
            assert found.descriptor["colour"].tolist() == [1] * 9
            continue
        assert found.colourfulness == colourfulness(picture)
        assert all(np.array_equal(found.descriptor[part], one) for part, one in describe(picture).items())
        assert (found.intricacy is not None) == ("image" in arrays)
        assert found.intricacy == measures_of(folder, bare, picture).intricacy


def test_the_command_computes_the_filter_again_at_512(run, tmp_path):
    place, _ = made(run, tmp_path / "gallery")
    words = {"LAYER": "relu3_1", "FILTERS": "7", "NAME": "again"}
    command = re.sub(r"\b(LAYER|FILTERS|NAME)\b", lambda word: words[word[0]], data_of(place / "data.js")[0]["command"])
    options = again(command, place)
    expected = load_experiment(ROOT / "experiments" / "fig3.yaml", images=IMAGES, layers=["relu3_1"], filters=[7])
    assert options == expected
    assert "--weights FILE" in filter_command(1 / 8)


def again(command, place):
    """The experiment that a command runs."""
    program, verb, path, *options = shlex.split(command)
    settings = [option.partition("=")[::2] for name, option in zip(options, options[1:]) if name == "--set"]
    assert (program, verb) == ("fmi", "run")
    return load_experiment(place / path, **{key: json.loads(value) if key != "layers" else value[1:-1].split(", ")
                                            for key, value in settings})  # fmt: skip


def test_a_cell_of_fig_1_shows_its_feature_maps(tmp_path):
    values = {"images": ["one"], "layers": ["relu2_1"], "filters": "0-2"}
    experiment = as_data(load_experiment(ROOT / "experiments" / "fig1.yaml", **values))
    maps = {"before": np.array([0, 1, 2.0])[:, None, None] * np.ones((3, 4, 5)), "after": np.zeros((3, 4, 5))}
    name = "one.relu2_1.maps"
    place, _ = made(finished_run(tmp_path / "run", experiment, textures([name]), arrays={name: maps}))
    top, left, height, width = data_of(place / "data.js")[0]["cells"][name]["small"][1:5]
    found = cv2.imread(str(place / "sheets" / "0.jpg"))[top : top + height, left : left + width]
    levels = [found[height // 4, width * column // 6, 1] for column in (1, 3, 5)]
    assert levels == pytest.approx([0, 128, 255], abs=12)
    assert found[3 * height // 4].max() < 20


def test_the_command_for_a_cell_quotes_its_images(tmp_path):
    folder = transfer_run(tmp_path / "run", [HOSTILE, "two"])
    source = read_source(folder)
    cell = source.cells[f"{HOSTILE}.ink.pmci"]
    found = again(cell_command(source.finished.experiment, cell, 1), made(folder)[0])
    assert (found.images, found.styles, found.losses, found.long_edge) == ((HOSTILE,), ("ink",), ("pmci",), 512)
    assert cell_command(source.finished.experiment, source.cells["ink.style"], 1) is None
    named = read_source(transfer_run(tmp_path / "named", ["MY_NAME", "two"]))
    assert "MY_NAME" in cell_command(named.finished.experiment, named.cells["MY_NAME.ink.pmci"], 1)


@pytest.mark.parametrize("write", [filters_run, transfer_run])
def test_hostile_names_are_text(write, tmp_path):
    place, _ = made(write(tmp_path / "run", [HOSTILE, "two"]))
    html = (place / "index.html").read_text(encoding="utf-8")
    assert "<img src=x" not in html
    assert "<script>" not in html
    assert "&lt;img src=x" in html
    assert all(re.fullmatch(r"[\w.]+", path.name) for path in place.rglob("*"))


def test_nothing_of_a_gallery_is_asked_of_a_network(run):
    place, _ = made(run, run.parent / "quiet")
    texts = [path.read_text(encoding="utf-8") for path in place.rglob("*") if path.suffix in (".html", ".js", ".css")]
    found = {address for text in texts for address in re.findall(r"(?:https?:)?//[\w.]+\.\w+[\w/]*", text)}
    assert found == {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xhtml"}
    assert not any(word in text for text in texts for word in ("fetch(", "XMLHttpRequest", "innerHTML", "eval("))


def test_a_gallery_replaces_a_gallery_and_nothing_else(run, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    first, _ = made(run, out)  # an empty folder
    (first / "sheets" / "old.jpg").write_bytes(b"")
    made(run, out)
    assert not (out / "sheets" / "old.jpg").exists()
    (out / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="has other things than a gallery; give another folder with --out"):
        made(run, out)
    assert (out / "mine.txt").exists()
    assert list(tmp_path.iterdir()) == [out]
    with pytest.raises(InputError, match="has other things"):
        made(run, run)
    link = tmp_path / "link"
    link.symlink_to(out)
    with pytest.raises(InputError, match="has other things"):
        made(run, link)


def test_a_gallery_that_is_not_finished_leaves_nothing_and_a_killed_one_is_swept(run, tmp_path, monkeypatch):
    left = tmp_path / ".out.abc123.fmi-gallery"
    (left / "whole").mkdir(parents=True)
    made(run, tmp_path / "out")
    before = (tmp_path / "out" / "data.js").stat().st_mtime_ns
    assert not left.exists()
    monkeypatch.setattr(
        gallery, "write_page", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    with pytest.raises(OSError, match="No space"):
        made(run, tmp_path / "out")
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]
    assert (tmp_path / "out" / "data.js").stat().st_mtime_ns == before


def test_what_is_wrong_is_one_line_and_exit_code_2(run, tmp_path, capsys, monkeypatch):
    assert main(["gallery", str(tmp_path)]) == 2
    assert "holds no finished run" in capsys.readouterr().err
    assert main(["gallery", str(run), "--out", "/"]) == 2
    assert "give another folder with --out" in capsys.readouterr().err
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert main(["gallery", str(run), "--out", str(tmp_path / "file" / "out")]) == 2
    assert "give another folder with --out" in capsys.readouterr().err
    monkeypatch.setitem(__import__("sys").modules, "jinja2", None)
    assert main(["gallery", str(run), "--out", str(tmp_path / "out")]) == 2
    printed = capsys.readouterr().err
    assert "needs Jinja2" in printed
    assert printed.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_loss_that_is_no_curve_is_none(tmp_path):
    folder = filters_run(tmp_path / "run")
    for name, losses in (("one.relu2_1.f000", np.zeros(0)), ("one.relu2_1.f001", np.zeros((2, 2)))):
        rewrite(folder, name, {"loss": losses})
        assert facts_in(read_source(folder), name)["curve"] is None
