import json

import cv2
import matplotlib
import numpy as np
import pytest
from conftest import ROOT
from matplotlib.text import Text
from stored import finished_run

from fmi_mx import InputError, load_experiment
from fmi_mx.experiment.experiment import as_data
from fmi_mx.figure.canvas import png
from fmi_mx.figure.draw import draw, grid, lay_out
from fmi_mx.figure.layouts import (
    Blank,
    Part,
    fmi_parts,
    images_parts,
    inversion_parts,
    maps_parts,
    purposeful_parts,
    rmci_parts,
    transfer_parts,
)
from fmi_mx.files import store
from fmi_mx.files.images import png_bytes


def colour(name):
    """A colour for each cell that no other has."""
    number = sum(ord(letter) * 31**i for i, letter in enumerate(name)) % 200**3
    return number % 200 + 20, number // 200 % 200 + 20, number // 200**2 % 200 + 20


def picture(name):
    return np.full((30, 40, 3), colour(name), np.uint8)


def decode(data):
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def places(figure, names):
    """Centre (row, column) and size of the area that each cell's colour fills."""
    found, weights = {}, np.array([1, 1 << 8, 1 << 16], np.int32)
    coded = figure.astype(np.int32) @ weights  # one number a pixel, which takes a tenth of the time to compare
    for name in names:
        rows, columns = np.nonzero(coded == np.dot(colour(name), weights))
        assert len(rows), f"{name} is not drawn"
        found[name] = (rows.mean(), columns.mean(), np.ptp(rows), np.ptp(columns))
    return found


def test_fig3_has_a_part_an_image_a_row_a_layer_and_a_column_a_filter(fig3):
    experiment = load_experiment(fig3)
    names = {
        (i, l, f): f"{i}.{l}.f{f:03d}" for i in experiment.images for l in experiment.layers for f in experiment.filters
    }
    figure = decode(grid(fmi_parts(as_data(experiment), picture)))
    found = places(figure, names.values())
    for row, column, height, width in found.values():
        assert height / width == pytest.approx(30 / 40, rel=0.05)
        assert width > 350  # readable: five columns of a 10-inch page at 200 dpi
        assert (figure[int(row), int(column)] < 250).any()
    for image in experiment.images:
        for layer in experiment.layers:
            row = [found[names[image, layer, f]] for f in experiment.filters]
            assert np.ptp([place[0] for place in row]) < 2
            assert (np.diff([place[1] for place in row]) > 0).all()
        for f in experiment.filters:
            column = [found[names[image, layer, f]] for layer in experiment.layers]
            assert np.ptp([place[1] for place in column]) < 2
            assert (np.diff([place[0] for place in column]) > 0).all()
    first, second = (max(found[names[i, l, 0]][0] for l in experiment.layers) for i in experiment.images)
    assert first < second


def test_rows_columns_and_parts_are_labelled(fig3):
    figure = lay_out(fmi_parts(as_data(load_experiment(fig3)), picture))
    axes = figure.axes
    assert [axis.get_title() for axis in axes[:6]] == ["0", "1", "2", "3", "4", ""]
    layers = ["relu1_2", "relu2_2", "relu3_2", "relu4_2", "relu5_2"]
    assert [axis.get_ylabel() for axis in axes[::5]] == 2 * layers
    assert not any(axis.get_ylabel() for axis in axes[1::5])
    assert [text.get_text() for text in figure.texts] == ["(a) golden_gate", "(b) neckarfront"]


def test_fig5_is_laid_out_as_the_papers():
    seen = []
    experiment = as_data(load_experiment(ROOT / "experiments" / "fig5.yaml"))
    (part,) = transfer_parts(experiment, lambda name: seen.append(name) or picture(name))
    assert [label for label, _ in part.rows] == ["A", "B", "C", "D"]
    assert all([column for column, _ in row] == ["style", "Gatys", "PMCI", "Gatys", "PMCI"] for _, row in part.rows)
    assert seen[10:15] == ["starry_night.style", "golden_gate.starry_night.gatys", "golden_gate.starry_night.pmci",
                           "neckarfront.starry_night.gatys", "neckarfront.starry_night.pmci"]  # fmt: skip


def test_fig4_has_a_row_a_draw_and_a_column_a_layer():
    parts = rmci_parts(as_data(load_experiment(ROOT / "experiments" / "fig4.yaml")), picture)
    assert [part.title for part in parts] == ["(a) golden_gate", "(b) neckarfront"]
    assert [[column for column, _ in row] for _, row in parts[1].rows] == 2 * [
        ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"]
    ]
    assert (parts[1].rows[1][1][2][1] == colour("neckarfront.relu3_1.draw2")).all()


def test_fig1_has_the_maps_before_and_after_each_from_0_to_its_largest():
    experiment = as_data(load_experiment(ROOT / "experiments" / "fig1.yaml", filters=[0, 5], isolated=5))
    arrays = {"before": np.array([[[0.0, 1.0]], [[2.0, 4.0]]]), "after": np.array([[[0.0, 0.0]], [[5.0, 10.0]]])}
    parts = maps_parts(experiment, lambda name, key: arrays[key] if name == "golden_gate.relu5_1.maps" else None)
    assert [part.title for part in parts] == [
        "(a) golden_gate, relu5_1, the code; white is 4",
        "(b) golden_gate, relu5_1, Eq. (2) for filter 5; white is 10",
    ]
    for part, levels in zip(parts, ([[0, 64], [128, 255]], [[0, 0], [128, 255]])):  # rounded from 63.75 and 127.5
        ((label, row),) = part.rows
        assert (label, [column for column, _ in row]) == ("relu5_1", ["0", "5"])
        assert [[int(one[0, 0, 0]), int(one[0, 8, 0])] for _, one in row] == levels


def test_feature_maps_that_are_all_negative_are_black():
    """As those of a layer before its ReLU may be."""
    experiment = as_data(load_experiment(ROOT / "experiments" / "fig1.yaml", layers="conv4_1", filters=0, isolated=0))
    (part, _) = maps_parts(experiment, lambda *_: np.array([[[-1.0, -2.0]]]))
    assert (part.rows[0][1][0][1] == 0).all()


def test_fig2_has_each_image_under_its_name_and_the_credits_that_are_known():
    shown = ["neckarfront", "coffee", "golden_gate"]
    experiment = as_data(load_experiment(ROOT / "experiments" / "fig2.yaml", images=shown))
    (part,) = images_parts(experiment, picture)
    assert part.title == "neckarfront: Andreas Praefcke, 2003; golden_gate: Rich Niewiroski Jr., 2007, CC BY 2.5"
    ((_, row),) = part.rows
    assert [column for column, _ in row] == shown
    assert all((one == picture(f"{name}.content")).all() for name, one in row)


def test_the_authors_other_modes_are_laid_out_by_layer():
    fig4, fig5 = (as_data(load_experiment(ROOT / "experiments" / f"fig{number}.yaml")) for number in (4, 5))
    (_, part) = inversion_parts(fig4, picture)
    assert part.title == "(b) neckarfront"
    assert [column for column, _ in part.rows[0][1]] == ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"]
    assert (part.rows[0][1][1][1] == picture("neckarfront.relu2_1.inversion")).all()
    (part, _) = purposeful_parts({**fig4, "styles": fig5["styles"]}, picture)
    label, row = part.rows[3]
    assert (label, row[0][0], row[2][0]) == ("D", "style", "relu2_1")
    assert (row[0][1] == picture("the_scream.style")).all()
    assert (row[2][1] == picture("golden_gate.the_scream.relu2_1.purposeful")).all()


def one_cell(fig3):
    """An experiment of Fig. 3 with one cell, as data, and its picture by name."""
    experiment = as_data(load_experiment(fig3, images="golden_gate", layers="relu1_2", filters=0))
    return experiment, {"golden_gate.relu1_2.f000": picture("a")}


@pytest.mark.parametrize("width, note", [(1, ""), (1 / 8, "small network, 1/8 of VGG-19's filters: not the paper's")])
def test_a_figure_of_another_network_says_so(fig3, tmp_path, monkeypatch, width, note):
    notes = []
    monkeypatch.setattr("fmi_mx.figure.draw.grid", lambda _, note: notes.append(note) or b"")
    draw(finished_run(tmp_path / "run", *one_cell(fig3), width=width))
    assert notes == [note]


@pytest.mark.parametrize("columns", [1, 2, 5])
def test_the_note_and_the_title_are_never_cut_off(columns):
    """Nor do they lie over the pictures or over each other."""
    row = [(str(f), picture("a")) for f in range(columns)]
    title = "a title with some words, and_then_a_name_that_is_one_long_word_of_more_than_fifty_letters.jpg"
    figure = lay_out([Part(title, [("", row)])], "small network, 1/8 of VGG-19's filters: not the paper's")
    figure.draw_without_rendering()
    page, (note, below) = figure.bbox, [text.get_window_extent() for text in figure.texts]
    for box in (note, below):
        assert page.x0 <= box.x0 < box.x1 <= page.x1
        assert page.y0 <= box.y0 < box.y1 <= page.y1
    axis = figure.axes[0].get_window_extent()
    assert below.y1 < axis.y0 < axis.y1 < figure.axes[0].title.get_window_extent().y1 < note.y0
    assert figure.texts[0].get_text().replace("\n", " ") == "small network, 1/8 of VGG-19's filters: not the paper's"


def test_a_figure_stands_beside_a_link_to_its_folder(fig3, tmp_path):
    finished_run(tmp_path / "elsewhere" / "a17", *one_cell(fig3))
    (tmp_path / "fig3").symlink_to(tmp_path / "elsewhere" / "a17")
    assert draw(tmp_path / "fig3") == tmp_path / "fig3.png"


def test_the_drawn_cells_are_the_stored_ones_colours_and_all(fig3, tmp_path):
    experiment = as_data(load_experiment(fig3, images="golden_gate", layers="relu1_2", filters="0-1"))
    names = ["golden_gate.relu1_2.f000", "golden_gate.relu1_2.f001"]
    path = draw(finished_run(tmp_path / "run", experiment, {name: picture(name) for name in names}))
    assert path == tmp_path / "run.png"
    places(decode(path.read_bytes()), names)


STUCK = {"passes": 9, "stopped": "change", "loss_first": 1000.0, "loss_last": 999.5, "seconds": 1.0}


@pytest.mark.parametrize("facts, word", [
    ({"silent": True}, "silent"), (STUCK, "stuck"), ({**STUCK, "silent": True}, "silent"),
    ({**STUCK, "loss_last": 998.5}, None),
])  # fmt: skip
def test_a_cell_that_is_silent_or_stuck_is_shown_and_says_so(fig3, tmp_path, monkeypatch, facts, word):
    experiment = as_data(load_experiment(fig3, images="golden_gate", layers="relu1_2", filters="0-1"))
    names = ["golden_gate.relu1_2.f000", "golden_gate.relu1_2.f001"]
    run = finished_run(tmp_path / "run", experiment, {name: picture(name) for name in names})
    record = store.read_record(run, names[1])
    shown = {"specification": record["specification"], **facts}
    store.save_cell(run, names[1], png_bytes(picture(names[1])), {}, shown)
    seen = []
    monkeypatch.setattr("fmi_mx.figure.draw.png", lambda figure: seen.append(figure) or b"")
    draw(run)
    assert [[text.get_text() for text in axis.texts] for axis in seen[0].axes] == [[], [word] if word else []]
    np.testing.assert_array_equal(seen[0].axes[1].images[0].get_array(), picture(names[1]))


def test_cells_that_failed_or_are_missing_have_the_word_in_their_place(fig3, tmp_path, monkeypatch):
    experiment = as_data(load_experiment(fig3, images="golden_gate", layers=["relu1_2", "relu2_2"], filters="0-1"))
    names = [f"golden_gate.{layer}.f{f:03d}" for layer in ("relu1_2", "relu2_2") for f in (0, 1)]
    run = finished_run(tmp_path / "run", experiment, {name: picture(name) for name in names[:3]}, names[3:])
    store.save_cell(run, names[0], b"png", {}, {"specification": {"name": names[0], "seed": 2}})  # another run's
    (run / "cells" / f"{names[1]}.npz").unlink()
    seen = []
    monkeypatch.setattr("fmi_mx.figure.draw.png", lambda figure: seen.append(figure) or b"")
    draw(run)
    texts = [[text.get_text() for text in axis.texts] for axis in seen[0].axes]
    assert texts == [["missing"], ["missing"], [], ["failed"]]
    boxes = [axis.get_window_extent() for axis in seen[0].axes]
    assert np.allclose([box.height / box.width for box in boxes], 30 / 40, rtol=0.01)


def test_fig1_of_failed_cells_has_the_word_in_the_place_of_each_map(tmp_path):
    experiment = as_data(load_experiment(ROOT / "experiments" / "fig1.yaml", filters=[0, 5], isolated=5))
    (part, _) = maps_parts(experiment, lambda *_: Blank((1, 1), "failed"))
    assert part.title == "(a) golden_gate, relu5_1, the code"
    assert part.rows == [("relu5_1", [("0", Blank((1, 1), "failed")), ("5", Blank((1, 1), "failed"))])]
    assert draw(finished_run(tmp_path / "run", experiment, {}, ["golden_gate.relu5_1.maps"])).exists()


@pytest.mark.parametrize("name", ["price_$5_and_$6", "$\\frac{$", "日本", "a_b^c", "tab\\t", "%d {}"])
def test_names_are_drawn_as_they_are(fig3, name, recwarn):
    """They are no mathematics, and letters that the font lacks are drawn as their escapes, without a remark."""
    named = {"images": [name]}  # put in later, for a locale may have no such name for a file
    parts = fmi_parts({**as_data(load_experiment(fig3, layers="relu1_2", filters=0)), **named}, picture)
    fig2 = as_data(load_experiment(ROOT / "experiments" / "fig2.yaml"))
    figure = lay_out([*parts, *images_parts({**fig2, **named}, picture)])
    assert png(figure)
    shown = name.replace("日本", "\\u65e5\\u672c")
    assert figure.texts[0].get_text() == f"(a) {shown}"
    assert figure.axes[1].get_title() == shown
    assert not any(text.get_parse_math() for text in figure.findobj(Text))
    assert [str(one.message) for one in recwarn] == []


def test_a_users_own_settings_of_matplotlib_change_no_figure(fig3):
    data = as_data(load_experiment(fig3, filters="0-1"))
    plain = grid(fmi_parts(data, picture), "note")
    with matplotlib.rc_context(
        {"font.size": 30, "text.usetex": True, "savefig.dpi": 17, "image.cmap": "hot", "axes.grid": True}
    ):
        assert grid(fmi_parts(data, picture), "note") == plain


def test_more_images_than_letters_are_all_drawn(fig3):
    names = [f"image{n}" for n in range(60)]
    parts = fmi_parts(as_data(load_experiment(fig3, images=names, layers="relu1_2", filters=0)), picture)
    assert [part.title for part in parts][::29] == ["(a) image0", "(ad) image29", "(bg) image58"]


def test_odd_shapes_and_huge_figures_are_drawn():
    assert lay_out([Part("flat", [("", [("a", np.zeros((1, 200, 3), np.uint8))])])]).axes
    rows = [("", [("a", np.zeros((400, 10, 3), np.uint8))])] * 30
    figure = lay_out([Part("tall", rows)])
    assert figure.get_size_inches()[1] * figure.dpi < 2**16


def test_pictures_of_several_shapes_each_keep_theirs():
    shapes = [(30, 40), (40, 30), (20, 60)]
    pictures = [(str(shape), np.zeros((*shape, 3), np.uint8)) for shape in shapes]
    figure = lay_out([Part("", [("", pictures[:2]), ("", [*pictures[2:]])])])
    figure.draw_without_rendering()
    boxes = [axis.get_window_extent() for axis in figure.axes]
    for box, (height, width) in zip(boxes, shapes):
        assert box.height / box.width == pytest.approx(height / width)
    assert boxes[2].y1 < min(box.y0 for box in boxes[:2])


def test_many_filters_are_wrapped(fig3):
    experiment = load_experiment(fig3, images="golden_gate", layers="relu1_2", filters="0-18")
    names = [f"golden_gate.relu1_2.f{f:03d}" for f in range(19)]
    found = places(decode(grid(fmi_parts(as_data(experiment), picture))), names)
    rows = [round(found[name][0] / 10) for name in names]
    assert len(set(rows[:8])) == len(set(rows[8:16])) == len(set(rows[16:])) == 1
    assert rows[0] < rows[8] < rows[16]
    axes = lay_out(fmi_parts(as_data(experiment), picture)).axes
    assert [[text.get_text() for text in axes[place].texts] for place in (0, 8, 18)] == [[], ["8"], ["18"]]


def test_the_same_cells_give_the_same_bytes(fig3):
    data = as_data(load_experiment(fig3, filters="0-1"))
    assert grid(fmi_parts(data, picture)) == grid(fmi_parts(data, picture))


def damaged_runs(fig3):
    """What may stand in run.json that no run wrote, or not this way."""
    experiment = as_data(load_experiment(fig3))
    good = {"experiment": experiment, "cells": ["a"], "specifications": {"a": "0"}, "width": 1}
    changes = [("experiment", {}), ("experiment", {"method": "x"}), ("experiment", 3), ("cells", "b"), ("cells", 3),
               ("cells", {}), ("cells", ["a", "b"]), ("specifications", []),
               ("specifications", {"a": 1}), ("width", 0.3), ("width", [1]),
               ("more", 1), ("experiment", {**experiment, "seed": -1})]  # fmt: skip
    yield from (None, b"", b"\xff", b"[]", b"{}", b"[" * 100000, b'{"width": NaN}')
    yield from (json.dumps({**good, key: value}).encode() for key, value in changes)
    yield from (json.dumps({key: good[key] for key in good if key != gone}).encode() for gone in good)


def test_a_folder_without_a_run_that_finished_is_refused(fig3, tmp_path):
    for data in damaged_runs(fig3):
        if data is not None:
            (tmp_path / "run.json").write_bytes(data)
        with pytest.raises(InputError, match="no finished run.*; first `fmi run"):
            draw(tmp_path)


def test_a_figure_that_is_too_tall_is_refused_in_a_line():
    tall = Part("", [(str(row), [("", np.zeros((2048, 2, 3), np.uint8))]) for row in range(10)])
    with pytest.raises(InputError, match="25601 inches tall, too tall to draw; `fmi gallery DIR` shows it"):
        lay_out([tall])
