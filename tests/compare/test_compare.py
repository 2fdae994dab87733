import json

import cv2
import numpy as np
import pytest
from conftest import ROOT
from scipy.ndimage import gaussian_filter
from stored import finished_run, rewrite

from fmi_mx import InputError, cli, load_experiment
from fmi_mx.compare import measures, pairs
from fmi_mx.compare.authors import PANELS, like, read_sides, within_frame
from fmi_mx.compare.compare import compare
from fmi_mx.compare.tables import lines, settings_lines
from fmi_mx.experiment.experiment import as_data

SIZE = 60, 80  # of a panel's cell
FIG3 = [name for row in PANELS["fmi"] for name in row]
EXPERIMENTS = {
    "fmi": as_data(load_experiment(ROOT / "experiments" / "fig3.yaml")),
    "rmci": as_data(load_experiment(ROOT / "experiments" / "fig4.yaml", draws=5, layers=["relu1_1", "relu3_1"])),
    "transfer": as_data(load_experiment(ROOT / "experiments" / "fig5.yaml", style_layers=["relu1_1", "relu5_1"])),
}


def texture(name, draw=0):
    """A random texture with the colours, scale and direction of a cell's name; draw: another draw of it. At twice a panel
    cell's size, uint8 (120, 160, 3)."""
    kind = np.random.default_rng(list(name.encode()))
    generator = np.random.default_rng([draw, *name.encode()])
    noise = generator.normal(size=(2 * SIZE[0], 2 * SIZE[1], 3))
    smooth = gaussian_filter(noise, (*kind.uniform(0.7, 3, 2), 0), mode="wrap")
    mixed = smooth / smooth.std() * kind.uniform(5, 25, 3) + kind.uniform(40, 215, 3)
    return np.rint(np.clip(mixed, 0, 255)).astype(np.uint8)


def panel_file(folder, method, picture=texture):
    """A panel with black frames, of the method's figure. Returns its path."""
    rows = []
    for names in PANELS[method]:
        cells = [cv2.resize(picture(name), SIZE[::-1], interpolation=cv2.INTER_AREA) for name in names]
        framed = [cv2.rectangle(cell, (0, 0), (SIZE[1] - 1, SIZE[0] - 1), (0, 0, 0)) for cell in cells]
        rows.append(np.concatenate([np.pad(cell, ((9, 9), (9, 9), (0, 0)), constant_values=255) for cell in framed], axis=1))
    path = folder / "panel.png"
    cv2.imwrite(str(path), np.concatenate(rows)[..., ::-1])
    return path


def run_folder(folder, method, pictures, failed=()):
    """A run's folder with these cells, name -> picture. Returns its path."""
    return finished_run(folder / "run", EXPERIMENTS[method], pictures, failed)


def ranks(report, key="rank", label="colour and texture"):
    return {name: cell[key] for name, cell in report["descriptors"][label]["cells"].items()}


def test_the_colour_distance_is_that_of_the_mean_colours(tmp_path):
    flat = np.full((120, 160, 3), 128, np.uint8)  # L is 53.585 (sRGB's own formula), a and b are 0
    black = dict.fromkeys(FIG3, np.zeros_like(flat))
    folder = run_folder(tmp_path, "fmi", black)
    report = compare(folder, panel_file(tmp_path, "fmi", lambda _: flat), tmp_path / "none")
    assert list(report["colour_distance"]) == FIG3
    assert np.allclose(list(report["colour_distance"].values()), 53.585, atol=0.1)
    assert any("mean colour apart from the own cell's: 53.6" in line for line in lines(report))


def test_fig3_finds_each_cell_by_another_draw_of_its_texture(tmp_path):
    folder = run_folder(tmp_path, "fmi", {name: texture(name, 1) for name in FIG3})
    report = compare(folder, panel_file(tmp_path, "fmi"), tmp_path / "none")
    assert report["compared"] == FIG3 and report["missing"] == []
    assert report["candidates"] == {"rank": 25, "rank_in_row": 5}
    assert "no weights" in report["left_out"]["VGG-19"]
    assert set(ranks(report).values()) == {1}
    assert set(report["descriptors"]) == {"colour and texture", "colour", "texture"}
    summaries = report["descriptors"]["colour and texture"]["summaries"]
    assert list(summaries) == ["all", "relu1_2", "relu2_2", "relu3_2", "relu4_2", "relu5_2"]
    assert summaries["all"]["rank"] == {"cells": 25, "first": 25, "mean_rank": 1.0}
    assert summaries["relu3_2"]["rank_in_row"] == {"cells": 5, "first": 5, "mean_rank": 1.0}
    assert json.loads((folder / "compare.json").read_text(encoding="utf-8")) == report


def test_a_grey_cell_does_not_make_the_others_alike(tmp_path):
    """The others' points are those of a comparison without it."""
    black = {FIG3[3]: np.zeros((120, 160, 3), np.uint8)}
    folder = run_folder(tmp_path, "fmi", {**{name: texture(name, 1) for name in FIG3}, **black})
    rewrite(folder, FIG3[3], silent=True)
    sides = read_sides(folder, panel_file(tmp_path, "fmi"))
    assert sides.lost == {FIG3[3]}
    measure = measures.describe_both(sides, tmp_path / "none", "cpu")[0]["colour and texture"]
    others, theirs = [name for name in FIG3 if name != FIG3[3]], list(sides.theirs)
    found, panel = measure.positions(FIG3, theirs, [])
    expected, expected_panel = measure.positions(others, theirs, [])
    np.testing.assert_allclose(np.delete(found, 3, axis=0), expected)
    np.testing.assert_allclose(panel, expected_panel)


def test_cells_in_one_anothers_places_are_found_out(tmp_path):
    """Two of a row and two of different rows have changed places: the own cell is then not the nearest."""
    a, b, c, d = FIG3[0], FIG3[1], FIG3[5], FIG3[23]
    swapped = {**{name: name for name in FIG3}, a: b, b: a, c: d, d: c}
    folder = run_folder(tmp_path, "fmi", {name: texture(other, 1) for name, other in swapped.items()})
    report = compare(folder, panel_file(tmp_path, "fmi"), tmp_path / "none")
    cells = report["descriptors"]["colour and texture"]["cells"]
    for name, other in swapped.items():
        assert cells[name]["nearest"] == other
        assert (cells[name]["rank"] == 1) == (name == other)
    assert cells[a]["rank_in_row"] > 1 and cells[b]["rank_in_row"] > 1
    assert cells[d]["rank"] > 5 >= cells[d]["rank_in_row"]
    summaries = report["descriptors"]["colour and texture"]["summaries"]
    assert [summaries[group]["rank"]["first"] for group in ("all", "relu1_2", "relu2_2", "relu5_2")] == [21, 3, 4, 4]
    assert summaries["all"]["rank"]["mean_rank"] == np.mean([cell["rank"] for cell in cells.values()])


RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("broken", [
    lambda _: {"colour": np.zeros(9), "texture": np.zeros(48)},
    lambda _: {"colour": RANDOM.normal(size=9), "texture": RANDOM.normal(size=48)},
], ids=["constant", "random"])  # fmt: skip
def test_a_broken_descriptor_finds_nothing(tmp_path, monkeypatch, broken):
    monkeypatch.setattr(measures, "describe", broken)
    folder = run_folder(tmp_path, "fmi", {name: texture(name) for name in FIG3})
    report = compare(folder, panel_file(tmp_path, "fmi"), tmp_path / "none")
    assert sum(rank == 1 for rank in ranks(report).values()) <= 4
    assert np.mean(list(ranks(report).values())) > 8


def test_only_what_both_have_is_compared_among_the_whole_panel(tmp_path):
    ours = ["golden_gate.relu2_2.f001", "golden_gate.relu2_2.f004"]
    others = ["neckarfront.relu2_2.f001", "golden_gate.relu2_2.f007", "golden_gate.relu2_1.f001"]
    folder = run_folder(tmp_path, "fmi", {name: texture(name, 1) for name in ours + others})
    report = compare(folder, panel_file(tmp_path, "fmi"), tmp_path / "none")
    assert report["compared"] == ours
    assert sorted(report["missing"] + ours) == sorted(FIG3)
    assert report["candidates"]["rank"] == 25
    assert set(ranks(report).values()) == {1}
    assert "not in the run, so not compared: golden_gate.relu1_2.f000, " in "\n".join(lines(report))


def test_cells_that_another_experiment_left_are_not_compared(tmp_path):
    folder = run_folder(tmp_path, "fmi", {FIG3[0]: texture(FIG3[0], 1)})
    cv2.imwrite(str(folder / "cells" / f"{FIG3[1]}.png"), texture(FIG3[1], 1)[..., ::-1])
    assert compare(folder, panel_file(tmp_path, "fmi"), tmp_path / "none")["compared"] == [FIG3[0]]


def test_where_the_cells_of_the_authors_panels_stand():
    """As one reads in their pictures: Fig. 3's columns are labelled 0 to 4; Fig. 5 is style, Gatys, PMCI, Gatys, PMCI."""
    layers = ["relu1_2", "relu2_2", "relu3_2", "relu4_2", "relu5_2"]
    assert PANELS["fmi"] == [[f"golden_gate.{layer}.f00{f}" for f in range(5)] for layer in layers]
    assert PANELS["rmci"][0][0] == "golden_gate.relu1_1.draw1"
    assert PANELS["rmci"][1][1:3] == ["golden_gate.relu2_1.draw2", "golden_gate.relu3_1.draw2"]
    styles = [row[0] for row in PANELS["transfer"]]
    assert styles == ["frida_kahlo.style", "seated_nude.style", "starry_night.style", "the_scream.style"]
    assert PANELS["transfer"][3] == [
        "the_scream.style", "golden_gate.the_scream.gatys", "golden_gate.the_scream.pmci",
        "neckarfront.the_scream.gatys", "neckarfront.the_scream.pmci",
    ]  # fmt: skip


def test_a_network_is_used_at_layers_other_than_the_inverted(tmp_path, weights_file):
    names = ["golden_gate.relu1_2.f000", "golden_gate.relu4_2.f002"]
    folder = run_folder(tmp_path, "fmi", {name: texture(name, 1) for name in names})
    panel = panel_file(tmp_path, "fmi")
    report = compare(folder, panel, weights_file, "cpu")
    assert report["left_out"] == {}
    assert set(ranks(report, label="small network").values()) == {1}
    measure = measures.describe_both(read_sides(folder, panel), weights_file, "cpu")[0]["small network"]
    assert measure.parts(["relu4_2"]) == ["relu1_2", "relu2_2", "relu3_2", "relu5_2"]
    theirs = list(measure.theirs)
    before = measure.positions(names, theirs, ["relu4_2"])
    for descriptor in (*measure.ours.values(), *measure.theirs.values()):
        descriptor["relu4_2"] = np.random.default_rng(0).normal(size=1024)
    for one, two in zip(before, measure.positions(names, theirs, ["relu4_2"])):
        np.testing.assert_array_equal(one, two)


def test_a_network_all_of_whose_described_layers_a_run_inverts_is_left_out(tmp_path, weights_file, capsys, monkeypatch):
    """Fig. 5's cells by four of them as style layers and the fifth as the content's; another run inverts two of them."""
    monkeypatch.setattr(measures, "width_of", lambda _: 1)
    panel, name = panel_file(tmp_path, "transfer"), PANELS["transfer"][0][1]
    folders = []
    for place, seen in (("all", ["relu1_2", "relu3_2", "relu4_2", "relu5_2"]), ("two", ["relu1_2"])):
        experiment = load_experiment(ROOT / "experiments" / "fig5.yaml", style_layers=seen, content_layer="relu2_2")
        folders.append(str(finished_run(tmp_path / place, as_data(experiment), {name: texture(name)})))
    assert cli.main(["compare", *folders, str(panel), "--weights", str(weights_file), "--device", "cpu"]) == 0
    printed = capsys.readouterr().out.splitlines()
    reason = "the run inverts each of the layers that it describes: relu1_2, relu2_2, relu3_2, relu4_2, relu5_2"
    assert [line for line in printed if line.startswith("left out")] == [f"left out: VGG-19 ({reason})"]
    head, of_all, of_two = ([part.strip() for part in line.split("  ") if part] for line in printed[-3:])
    assert head[-2:] == ["VGG-19", "colour apart"]
    assert of_all[-2:] == ["-", of_two[-1]] and of_two[-2] == "1/1/1"


def test_a_small_network_is_not_called_vgg19(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(pairs, "wrapped", lambda text, *_: seen.append(text) or text)
    folder, panel = run_folder(tmp_path, "fmi", {FIG3[0]: texture(FIG3[0])}), panel_file(tmp_path, "fmi")
    small = compare(folder, panel, ROOT / "model" / "small.params", "cpu")
    without = compare(folder, panel, tmp_path / "none")
    assert list(small["descriptors"]) == ["colour and texture", "colour", "texture", "small network"]
    assert [text[text.index("(") :] for text in seen] == ["(without a network / small network)", "(without a network)"]
    assert list(without["left_out"]) == ["VGG-19"]


def test_fig5_by_row_and_method_with_ssim(tmp_path):
    names = [f"{image}.{style}.{method}" for style in ("frida_kahlo", "the_scream")
             for image in ("golden_gate", "neckarfront") for method in ("gatys", "pmci")]  # fmt: skip
    wrong = "neckarfront.the_scream.pmci"  # looks like another style's
    ours = {name: texture(name, 1 if name.endswith("pmci") else 0) for name in names}
    ours[wrong] = texture("neckarfront.seated_nude.pmci", 1)
    report = compare(run_folder(tmp_path, "transfer", ours), panel_file(tmp_path, "transfer"), tmp_path / "none")
    assert report["candidates"] == {"rank": 16, "rank_in_row": 4, "rank_in_column": 4}
    cells = report["descriptors"]["colour and texture"]["cells"]
    assert cells[wrong]["nearest"] == "neckarfront.seated_nude.pmci" and cells[wrong]["rank_in_column"] > 1
    assert all(cell["rank"] == 1 for name, cell in cells.items() if name != wrong)
    summaries = report["descriptors"]["colour and texture"]["summaries"]
    counts = {group: (one["rank"]["first"], one["rank"]["cells"]) for group, one in summaries.items()}
    assert counts == {"all": (7, 8), "frida_kahlo": (4, 4), "the_scream": (3, 4), "gatys": (4, 4), "pmci": (3, 4)}
    for name, similarity in report["similarity"].items():
        if name.endswith("gatys"):  # the very picture, the panel's frame cut away
            assert similarity["own"] > 0.99
        assert similarity["other_styles"] < 0.3
    assert "the_scream" in "\n".join(lines(report))


def test_fig5_where_every_style_looks_alike_in_a_column(tmp_path):
    """Four equal candidates in the column: SSIM is the same with all, and the own one, as near as three others, is last."""

    def theirs(name):
        return texture("all") if name.startswith("golden_gate") and name.endswith("gatys") else texture(name)

    name = "golden_gate.the_scream.gatys"
    folder = run_folder(tmp_path, "transfer", {name: texture("all")})
    report = compare(folder, panel_file(tmp_path, "transfer", theirs), tmp_path / "none")
    assert [ranks(report, key)[name] for key in ("rank", "rank_in_row", "rank_in_column")] == [4, 1, 4]
    assert report["similarity"][name]["other_styles"] == pytest.approx(report["similarity"][name]["own"])


def test_fig4_says_where_the_authors_draws_lie_among_ours(tmp_path):
    """At relu1_1 the authors' are of another kind than ours; at relu3_1 they are two more draws of it."""
    kinds = {"relu1_1": "one kind", "relu3_1": "golden_gate.relu3_1.draw1"}
    ours = {f"golden_gate.{layer}.draw{i}": texture(kind, i) for layer, kind in kinds.items() for i in range(1, 6)}

    def theirs(name):
        return texture("golden_gate.relu3_1.draw1", 90 + int(name[-1])) if "relu3_1" in name else texture(name)

    report = compare(run_folder(tmp_path, "rmci", ours), panel_file(tmp_path, "rmci", theirs), tmp_path / "none")
    assert sorted(report["compared"]) == sorted(ours)
    assert list(report["layers"]) == ["relu1_1", "relu3_1"]
    for spread in report["layers"]["relu1_1"]["colour and texture"].values():
        assert len(spread["draws"]) == 5 and spread["percentiles"] == [100, 100]
    inside = report["layers"]["relu3_1"]["colour and texture"]["to_mean"]
    assert max(inside["others"]) < 1.5 * max(inside["draws"])
    assert any(line.startswith("relu1_1  5      100/100, 100/100") for line in lines(report))


def test_the_picture_shows_the_pairs(tmp_path):
    """Ours in red and green, theirs in blue and yellow: side by side, ours left."""
    flat = {FIG3[0]: (255, 0, 0), FIG3[7]: (0, 255, 0)}
    of_panel = {FIG3[0]: (0, 0, 255), FIG3[7]: (255, 255, 0)}

    def picture(colour):
        return np.full((120, 160, 3), colour, np.uint8)

    folder = run_folder(tmp_path, "fmi", {name: picture(colour) for name, colour in flat.items()})
    panel = panel_file(tmp_path, "fmi", lambda name: picture(of_panel.get(name, (90, 90, 90))))
    compare(folder, panel, tmp_path / "none")
    drawn = cv2.imread(str(folder / "compare.png"))[..., ::-1]

    def centre(colour):
        rows, columns = np.nonzero((drawn == colour).all(axis=2))
        assert len(rows) > 10000
        return rows.mean(), columns.mean()

    for name in flat:
        (top, left), (bottom, right) = centre(flat[name]), centre(of_panel[name])
        assert top == pytest.approx(bottom, abs=2) and left < right
    assert centre(flat[FIG3[0]])[0] < centre(flat[FIG3[7]])[0]


def test_ours_is_brought_to_the_cells_size_and_loses_what_the_frame_hides():
    cell = np.zeros((200, 260, 3), np.uint8)
    picture = np.kron(np.arange(200 * 260 * 3).reshape(200, 260, 3) % 251, np.ones((2, 2, 1))).astype(np.uint8)
    np.testing.assert_array_equal(like(picture, cell), picture[8:-8:2, 8:-8:2])  # 200 // 50 = 4 pixels all round
    assert within_frame(cell[:60, :80]).shape == (54, 74, 3)


def refusals(folder):
    """(folder, panel, what the error says) of everything that cannot be compared."""
    panel = panel_file(folder, "fmi")
    places = {}
    for place in ("empty", "maps", "neckarfront", "transfer", "rmci", "short", "wide", "failed", "lost"):
        (folder / place).mkdir()
    picture = texture("a")
    maps = as_data(load_experiment(ROOT / "experiments" / "fig1.yaml"))
    places["maps"] = finished_run(folder / "maps", maps, {"golden_gate.relu5_1.maps": picture})
    places["short"] = run_folder(folder / "short", "fmi", {FIG3[0]: picture})
    (places["short"] / "run.json").write_text('{"experiment": {"method": "fmi"}}', encoding="utf-8")
    places["wide"] = run_folder(folder / "wide", "fmi", {FIG3[0]: picture})
    finished = json.loads((places["wide"] / "run.json").read_text(encoding="utf-8"))
    (places["wide"] / "run.json").write_text(json.dumps({**finished, "width": [1]}), encoding="utf-8")
    places["failed"] = run_folder(folder / "failed", "fmi", {FIG3[0]: picture}, FIG3[1:3])
    places["lost"] = run_folder(folder / "lost", "fmi", dict.fromkeys(FIG3[:2], picture))
    (places["lost"] / "cells" / f"{FIG3[1]}.png").unlink()
    places["neckarfront"] = run_folder(folder / "neckarfront", "fmi", {"neckarfront.relu1_2.f000": picture})
    places["transfer"] = run_folder(folder / "transfer", "transfer", {PANELS["transfer"][0][1]: picture})
    draws = {f"golden_gate.{layer}.draw{i}": texture("a", i) for layer in ("relu1_1", "relu3_1") for i in (1, 2)}
    places["rmci"] = run_folder(folder / "rmci", "rmci", draws)
    yield folder / "empty", panel, "holds no finished run (run.json: no such file or directory); first `fmi run"
    yield places["short"], panel, "holds no finished run"
    yield places["wide"], panel, "holds no finished run"
    yield places["maps"], panel, "of which the authors published no panel; those are fmi (Fig. 3)"
    yield places["failed"], panel, f"lacks cells (failed: {FIG3[1]}, {FIG3[2]}); the same `fmi run` computes them again"
    yield places["lost"], panel, f"lacks cells (missing: {FIG3[1]}); the same `fmi run` computes them again"
    yield places["neckarfront"], folder / "none.png", "none.png: no such file"
    yield places["neckarfront"], panel, "has none of the cells of Fig. 3's panel"
    yield places["transfer"], panel, "a grid of 4 x 5 cells (rows x columns) is wanted, 5 x 5 found"
    yield places["rmci"], panel_file(folder / "rmci", "rmci"), "relu1_1 has 2; at least 3 are needed"


def test_several_runs_are_compared_with_each_other(tmp_path, capsys):
    panel, folders = panel_file(tmp_path, "fmi"), []
    for place, draw in (("same", 0), ("other", 1)):
        (tmp_path / place).mkdir()
        folders.append(str(run_folder(tmp_path / place, "fmi", {name: texture(name, draw) for name in FIG3[: 25 - draw]})))
    assert cli.main(["compare", *folders, str(panel), "--weights", str(tmp_path / "none")]) == 0
    head, *rows = capsys.readouterr().out.splitlines()[-3:]
    assert head.split() == ["cells", "colour", "and", "texture", "colour", "texture", "colour", "apart"]
    assert [row[: len(folder)] for row, folder in zip(rows, folders)] == folders
    one, two = (row[len(folder) :].split() for row, folder in zip(rows, folders))
    assert (one[:2], two[0]) == (["25", "25/25"], "24")
    assert float(one[-1]) < float(two[-1])


def test_several_runs_of_fig4_are_compared_with_each_other(tmp_path, capsys):
    """The authors' draws are of one kind with the first run's, of another than the second's at one of two layers."""

    def drawn(folder, kinds):
        folder.mkdir()
        ours = {f"golden_gate.{layer}.draw{i}": texture(kind, i) for layer, kind in kinds.items() for i in range(1, 6)}
        return str(run_folder(folder, "rmci", ours))

    same = drawn(tmp_path / "same", {"relu1_1": "golden_gate.relu1_1", "relu3_1": "golden_gate.relu3_1"})
    other = drawn(tmp_path / "other", {"relu1_1": "golden_gate.relu1_1", "relu3_1": "golden_gate.relu2_1"})
    panel = panel_file(tmp_path, "rmci", lambda name: texture(name[:-6], 90 + int(name[-1])))
    assert cli.main(["compare", same, other, str(panel), "--weights", str(tmp_path / "none")]) == 0
    head, *rows = ([part.strip() for part in line.split("  ") if part] for line in capsys.readouterr().out.splitlines()[-3:])
    assert head == ["draws", "colour and texture", "colour", "texture"]
    assert [row[:2] for row in rows] == [[same, "10"], [other, "10"]]
    for one, two in zip(rows[0][2:], rows[1][2:]):
        assert float(one.split(",")[0]) < 1.3 < 1.5 < float(two.split(",")[0])
        assert two.endswith("2 outside (0.7 by chance)")


def test_the_row_of_draws_by_hand():
    """relu1_1: a mean of 3 over one of 2, none beyond 4. relu2_1: 12 over 2, two beyond 3. The root of 1.5 times 6 is 3; of
    four draws with three others of their kind, one is the farthest by chance."""
    layers = {
        "relu1_1": {"colour": {"to_mean": {"draws": [1, 1, 4], "others": [2, 4]}}},
        "relu2_1": {"colour": {"to_mean": {"draws": [1, 2, 3], "others": [8, 16]}}},
    }
    head, row = settings_lines({"run": {"layers": layers, "compared": list("abcdef")}})
    assert head.split() == ["draws", "colour"]
    assert row.split(maxsplit=2) == ["run", "6", "3.00, 2 outside (1.0 by chance)"]
    layers["relu1_1"]["colour"]["to_mean"]["draws"] = [0, 1e-17, 0]  # grey
    assert "inf, 4 outside" in settings_lines({"run": {"layers": layers, "compared": list("abcdef")}})[1]


def test_refusals_are_one_line_and_write_nothing(tmp_path, capsys):
    for folder, panel, message in refusals(tmp_path):
        with pytest.raises(InputError) as error:
            compare(folder, panel, tmp_path / "none")
        assert message in str(error.value)
        assert cli.main(["compare", str(folder), str(panel)]) == 2
        printed = capsys.readouterr().err
        assert printed.startswith("fmi: error:") and printed.count("\n") == 1
    assert not list(tmp_path.rglob("compare.*"))


def test_one_bad_run_of_several_leaves_nothing_written(tmp_path, capsys):
    panel = panel_file(tmp_path, "fmi")
    good = finished_run(tmp_path / "good", EXPERIMENTS["fmi"], {FIG3[0]: texture(FIG3[0])})
    bad = run_folder(tmp_path, "fmi", {FIG3[0]: texture(FIG3[0])}, FIG3[1:2])
    assert cli.main(["compare", str(good), str(bad), str(panel), "--weights", str(tmp_path / "none")]) == 2
    assert f"failed: {FIG3[1]}" in capsys.readouterr().err
    assert not list(tmp_path.rglob("compare.*"))


def test_a_report_that_cannot_be_written_is_refused_before_any_is(tmp_path, capsys):
    panel = panel_file(tmp_path, "fmi")
    folders = [finished_run(tmp_path / one, EXPERIMENTS["fmi"], {FIG3[0]: texture(FIG3[0])}) for one in "ab"]
    (folders[1] / "compare.png").mkdir()
    assert cli.main(["compare", *map(str, folders), str(panel), "--weights", str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err.endswith("compare.png cannot be written; move it away, or compare a copy of the run\n")
    assert not list(folders[0].glob("compare.*"))


def test_weights_that_are_there_but_damaged_are_refused(tmp_path):
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04cut")
    folder = run_folder(tmp_path, "fmi", {FIG3[0]: texture(FIG3[0])})
    with pytest.raises(InputError, match="cut.npz"):
        compare(folder, panel_file(tmp_path, "fmi"), tmp_path / "cut.npz", "cpu")


def test_the_command_prints_a_table(tmp_path, capsys):
    folder = run_folder(tmp_path, "fmi", {name: texture(name, 1) for name in FIG3[:7]})
    code = cli.main(["compare", str(folder), str(panel_file(tmp_path, "fmi")), "--weights", str(tmp_path / "none")])
    printed = capsys.readouterr().out.splitlines()
    assert code == 0
    assert printed[0] == "Fig. 3: 7 cells of the run beside panel.png"
    assert printed[2].startswith("left out: VGG-19 (no weights at")
    assert [line.split() for line in printed if line.startswith("relu2_2")][0][:4] == ["relu2_2", "2", "2/2,", "1.0"]
