import io

import cv2
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from fmi_mx import InputError
from fmi_mx.compare.panels import find_cells, read_panel
from fmi_mx.figure.draw import grid
from fmi_mx.figure.layouts import Part


def texture(seed, height=60, width=80):
    """Noise, one quarter and the opposite one each of a colour of its own, so that it and its edges are known again."""
    generator = np.random.default_rng(seed)
    picture = generator.integers(0, 256, (height, width, 3)).astype(np.uint8)
    picture[: height // 2, : width // 2] = generator.integers(0, 200, 3)
    picture[height // 2 :, width // 2 :] = generator.integers(0, 200, 3)
    return picture


def rendered(rows, columns, picture=texture, frame=True, labels=True, face="white", spread=0.12, skip=()):
    """A panel as matplotlib draws it, uint8 (H, W, 3): letters above, at the left, in the gaps and touching the cells."""
    figure = Figure(figsize=(2.2 * columns, 1.9 * rows), dpi=100, facecolor=face)
    axes = figure.subplots(rows, columns, squeeze=False)
    figure.subplots_adjust(wspace=spread, hspace=spread)
    for r, c in np.ndindex(rows, columns):
        axis = axes[r, c]
        if (r, c) in skip:
            axis.axis("off")
            continue
        axis.imshow(picture(r * columns + c), aspect="auto")
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(frame)
        if labels and r == 0:
            axis.set_title("style_1", fontsize=22, pad=-3)  # its descenders run into the cell
        if labels and c == 0:
            axis.set_ylabel("relu1_2", fontsize=18, labelpad=-1)
    data = io.BytesIO()
    FigureCanvasAgg(figure).print_png(data)
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(data.getvalue(), np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def assert_found(cells, rows, columns, picture=texture):
    """Each cell is the right picture and whole: its flat quarters reach to its edges (but for the frame) and its middle."""
    assert [len(row) for row in cells] == [columns] * rows
    assert np.ptp([cell.shape[:2] for row in cells for cell in row], axis=0).max() <= 2
    for i, cell in enumerate(cell for row in cells for cell in row):
        height, width = cell.shape[:2]
        first, last = picture(i)[0, 0].astype(int), picture(i)[-1, -1].astype(int)
        for y, x in ((height // 3, 3), (height // 2 - 4, 3), (8, width // 2 - 4), (height // 3, width // 2 - 4)):
            assert np.abs(cell[y, x] - first).max() <= 2, f"cell {i}"
            assert np.abs(cell[height - 1 - y, width - 1 - x] - last).max() <= 2, f"cell {i}"
        assert np.abs(cell[-4, width - 10] - last).max() <= 2, f"cell {i}"


@pytest.mark.parametrize("rows, columns", [(5, 5), (2, 5), (4, 5), (1, 1), (3, 1)])
def test_finds_every_cell_of_a_grid_with_labels(rows, columns):
    assert_found(find_cells(rendered(rows, columns), rows, columns), rows, columns)


@pytest.mark.parametrize(
    "setting", [{"frame": False}, {"labels": False}, {"face": "0.85"}, {"face": "black"}, {"spread": 0.4}]
)
def test_finds_cells_however_they_are_drawn(setting):
    assert_found(find_cells(rendered(3, 4, **setting), 3, 4), 3, 4)


def test_cells_that_contain_white_or_are_white_are_found_by_their_frames():
    def pale(number):
        picture = texture(number)
        picture[30:34, :20] = 255
        return np.full_like(picture, 255) if number in (0, 5, 6) else picture

    assert_found(find_cells(rendered(2, 4, pale), 2, 4), 2, 4, pale)


def test_neither_a_long_stroke_at_a_cell_nor_a_rule_across_the_page_is_taken_for_a_cell():
    panel = np.full((300, 500, 3), 255, np.uint8)
    panel[40:280, 60:260] = panel[40:280, 280:480] = 90
    panel[34:40, 100:140] = panel[120:160, 55:60] = 0  # underscores of a title and of a label turned upright
    panel[5:25, 60:480] = 0  # a rule
    assert [cell.shape for cell in find_cells(panel, 1, 2)[0]] == [(240, 200, 3)] * 2


def test_finds_the_cells_of_our_own_figures():
    rows = [(f"relu{r}_2", [(str(c), texture(r * 5 + c)) for c in range(5)]) for r in range(5)]
    assert_found(find_cells(cv2.cvtColor(_decoded(grid([Part("(a) golden_gate", rows)])), cv2.COLOR_BGR2RGB), 5, 5), 5, 5)


def _decoded(data):
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


@pytest.mark.parametrize("panel, message", [
    (rendered(2, 5), "5 x 5 cells (rows x columns) is wanted, 2 x 5 found"),
    (rendered(5, 4), "5 x 5 cells (rows x columns) is wanted, 5 x 4 found"),
    (texture(1, 300, 400), "5 x 5 cells (rows x columns) is wanted, 1 x 1 found"),
    (np.full((300, 400, 3), 255, np.uint8), "5 x 5 cells (rows x columns) is wanted, 0 x 0 found"),
    (rendered(5, 5, skip=[(1, 3)]), "the place in row 2, column 4 of its grid is empty"),
    (cv2.resize(rendered(5, 5), None, fx=0.15, fy=0.15, interpolation=cv2.INTER_AREA), "at least 32 are needed"),
], ids=["rows", "columns", "photo", "blank", "empty", "small"])  # fmt: skip
def test_refuses_what_is_not_the_grid_of_the_figure(panel, message):
    with pytest.raises(InputError) as error:
        find_cells(panel, 5, 5)
    assert message in str(error.value)


def test_refuses_cells_of_several_sizes():
    panel = np.full((400, 500, 3), 255, np.uint8)
    for left, right in ((10, 110), (120, 300), (310, 480)):
        panel[20:380, left:right] = 90
    with pytest.raises(InputError, match="its cells are 100 to 180 pixels wide"):
        find_cells(panel, 1, 3)


def test_an_error_names_the_file(tmp_path):
    path = tmp_path / "panel.png"
    cv2.imwrite(str(path), rendered(2, 2))
    assert len(read_panel(path, 2, 2)) == 2
    (tmp_path / "text.png").write_bytes(b"text")
    Image.new("1", (10000, 10000)).save(tmp_path / "large.png")
    for file, message in (
        (path, f"panel {path}: a grid of 5 x 5"),
        (tmp_path / "none.png", "none.png: no such file"),
        (tmp_path / "text.png", "text.png: not an image"),
        (tmp_path / "large.png", "large.png: is 10000x10000 pixels; at most 50 million"),
    ):
        with pytest.raises(InputError) as error:
            read_panel(file, 5, 5)
        assert message in str(error.value)
