"""Every figure end to end on random weights, at long edge 48, and what only the single methods have."""

import json

import cv2
import numpy as np
import oracles
import pytest
from conftest import ROOT
from test_run import contents

from fmi_mx import InputError, cells, cli, draw_shares, load_experiment, run
from fmi_mx.experiment.experiment import as_data, check_filters, from_data
from fmi_mx.files import store
from fmi_mx.files.images import preprocess, preprocess_style, read_image
from fmi_mx.method.codes import given_shares, style_shares
from fmi_mx.network.vgg19 import LAYERS
from fmi_mx.runs.compute import cell_seed, initial_image
from fmi_mx.runs.plan import Plan, specify

SMALL = {"long_edge": 48, "stop.passes": 2}
FIG1 = ROOT / "experiments" / "fig1.yaml"
FIG4 = ROOT / "experiments" / "fig4.yaml"
FIG5 = ROOT / "experiments" / "fig5.yaml"
TO_RELU2_1 = list(LAYERS)[:7]
TO_RELU2_2 = list(LAYERS)[:9]


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    """Six images under the names of the paper's, one of them wide, one small."""
    folder = tmp_path_factory.mktemp("gallery")
    sizes = {"golden_gate": (48, 64), "neckarfront": (64, 48), "frida_kahlo": (40, 40), "seated_nude": (90, 60),
             "starry_night": (30, 100), "the_scream": (20, 30)}  # fmt: skip
    for seed, (name, size) in enumerate(sizes.items()):
        noise = np.random.default_rng(seed).integers(0, 256, (*size, 3)).astype(np.uint8)
        cv2.imwrite(str(folder / f"{name}.png"), cv2.GaussianBlur(noise, (0, 0), 2))
    return folder


@pytest.fixture
def compute(weights_file, gallery, tmp_path):
    def compute(path, name="run", **overrides):
        experiment = load_experiment(path, **overrides)
        run(experiment, tmp_path / name, weights_file, gallery, "cpu")
        return experiment, tmp_path / name

    return compute


@pytest.mark.parametrize("figure, count", [("fig1", 1), ("fig2", 2), ("fig3", 50), ("fig4", 20), ("fig5", 20)])
def test_every_figure_is_drawn(figure, count, weights_file, gallery, tmp_path):
    settings = ["--set", "long_edge=48"] + ([] if figure in ("fig1", "fig2") else ["--set", "stop.passes=1"])
    options = ["--weights", str(weights_file), "--images", str(gallery), "--device", "cpu", "--out", str(tmp_path / figure)]
    assert cli.main(["run", str(ROOT / "experiments" / f"{figure}.yaml"), *settings, *options]) == 0
    assert len(json.loads((tmp_path / figure / "run.json").read_text(encoding="utf-8"))["cells"]) == count
    assert cv2.imread(str(tmp_path / f"{figure}.png")).shape[1] > 500


def test_the_names_of_the_cells():
    names = [cell.name for cell in cells(load_experiment(FIG4))]
    assert names[:2] == ["golden_gate.relu1_1.draw1", "golden_gate.relu2_1.draw1"]
    assert "neckarfront.relu5_1.draw2" in names
    names = [cell.name for cell in cells(load_experiment(FIG5))]
    assert names[:5] == ["frida_kahlo.style", "seated_nude.style", "starry_night.style", "the_scream.style",
                         "golden_gate.frida_kahlo.gatys"]  # fmt: skip
    assert "neckarfront.the_scream.pmci" in names


def test_paper_shares_are_uniform_on_the_simplex():
    shares = np.concatenate([draw_shares("paper", 8, np.random.default_rng(seed)) for seed in range(4000)])
    assert shares.min() >= 0
    np.testing.assert_allclose(shares.sum(1), 1)
    np.testing.assert_allclose(shares.mean(0), 1 / 8, atol=0.006)
    np.testing.assert_allclose(shares.var(0), 7 / (8**2 * 9), rtol=0.12)  # of a Dirichlet(1, ..., 1)


def test_authors_shares_are_their_draw():
    ours = draw_shares("authors", 64, np.random.default_rng(5))
    draw = np.random.default_rng(5).normal(3, 1000, 64)
    np.testing.assert_allclose(ours, (draw / draw.sum())[None])
    assert ours.shape == (1, 64)
    assert ours.min() < 0


def test_an_unknown_draw_is_refused():
    with pytest.raises(InputError, match="paper and authors"):
        draw_shares("author", 3, np.random.default_rng(0))


@pytest.mark.parametrize("draw", ["paper", "authors"])
def test_rmci_inverts_eq_3(compute, arrays, gallery, draw):
    experiment, folder = compute(FIG4, layers=["relu2_1"], draw=draw, **SMALL)
    cell = cells(experiment)[1]
    assert cell.name == "golden_gate.relu2_1.draw2"
    content = preprocess(read_image(gallery / "golden_gate.png"), 48, "authors")
    start = initial_image(experiment, cell, content.shape)
    v = draw_shares(draw, 128, np.random.default_rng(cell_seed(experiment, cell, "v")))
    target = oracles.reallocate(oracles.code(content, arrays, TO_RELU2_1), v)
    loss = oracles.inversion_loss(oracles.code(start, arrays, TO_RELU2_1), target)[0]
    record = store.read_record(folder, cell.name)
    np.testing.assert_allclose(record["loss_first"], loss, rtol=1e-3)
    np.testing.assert_allclose(record["target_energy"], oracles.code(content, arrays, TO_RELU2_1).sum(), rtol=1e-3)
    assert record["specification"]["draw_number"] == 2


MIX = ROOT / "experiments" / "mix.yaml"


def test_a_style_gives_its_shares(compute, arrays, gallery):
    """Eq. (3) with the style's energies over their sum, by NumPy; the content's energy is kept."""
    experiment, folder = compute(MIX, layers=["relu2_1"], styles=["the_scream", "starry_night"], **SMALL)
    names = ["the_scream.style", "starry_night.style",
             "golden_gate.the_scream.relu2_1.draw1", "golden_gate.starry_night.relu2_1.draw1"]  # fmt: skip
    assert [cell.name for cell in cells(experiment)] == names
    content = preprocess(read_image(gallery / "golden_gate.png"), 48, "authors")
    code = oracles.code(content, arrays, TO_RELU2_1)
    for cell in cells(experiment)[2:]:
        energy = oracles.code(style_of(gallery, cell.style, content.shape[2:], "authors"), arrays, TO_RELU2_1).sum((2, 3))
        start = initial_image(experiment, cell, content.shape)
        target = oracles.reallocate(code, energy / energy.sum())
        loss = oracles.inversion_loss(oracles.code(start, arrays, TO_RELU2_1), target)[0]
        record = store.read_record(folder, cell.name)
        np.testing.assert_allclose(record["loss_first"], loss, rtol=1e-3)
        np.testing.assert_allclose(record["target_energy"], code.sum(), rtol=1e-3)
    assert (folder / "cells" / "the_scream.style.png").exists()


GIVEN = {"draw": "given", "styles": None, "style_size": None}


def test_shares_may_be_given(compute, arrays, gallery):
    code = oracles.code(preprocess(read_image(gallery / "golden_gate.png"), 48, "authors"), arrays, TO_RELU2_1)
    one, other = np.argsort(code.sum((2, 3))[0])[-2:]
    experiment, folder = compute(MIX, layers=["relu2_1"], v={int(one): 3, int(other): 1}, **GIVEN, **SMALL)
    (cell,) = cells(experiment)
    assert cell.name == "golden_gate.relu2_1.draw1"
    v = np.zeros((1, 128))
    v[0, [one, other]] = 0.75, 0.25
    start = initial_image(experiment, cell, (1, 3, 36, 48))
    loss = oracles.inversion_loss(oracles.code(start, arrays, TO_RELU2_1), oracles.reallocate(code, v))[0]
    np.testing.assert_allclose(store.read_record(folder, cell.name)["loss_first"], loss, rtol=1e-3)
    assert from_data(json.loads(json.dumps(as_data(experiment)))) == experiment


def test_shares_of_dead_filters_alone_fail_the_cell_and_say_so(arrays, gallery, tmp_path):
    dead = {**arrays, "conv2_1_bias": arrays["conv2_1_bias"].copy()}
    dead["conv2_1_bias"][:2] = -1e6
    np.savez(tmp_path / "dead.npz", **dead)
    for v, failed in (({0: 1, 1: 2}, True), ({0: 1, 5: 0}, True), ({0: 1, 2: 1}, False)):
        experiment = load_experiment(MIX, layers=["relu2_1"], v=v, **GIVEN, **SMALL)
        (record,) = run(experiment, tmp_path / f"{len(v)}{failed}", tmp_path / "dead.npz", gallery, "cpu")
        assert ("failed" in record) == failed
        if failed:
            named = ", ".join(map(str, v))
            assert record["failed"] == f"all filters of v ({named}) are dead in the content's code, and cannot carry energy"


def test_a_style_that_shares_no_filter_with_the_content_is_refused():
    with pytest.raises(InputError, match="has energy in are dead in the content's"):
        style_shares(np.array([[1.0, 0.0]]), np.array([[0.0, 2.0]]))


@pytest.mark.parametrize("settings, message", [
    ({"v": {3: 1}}, "v: is for draw: given, and the draw is style; take v out"),
    ({"styles": None}, "styles: draw: style needs it"),
    ({"style_size": None}, "style_size: draw: style needs it"), ({"draws": 2}, "draws: must be 1 with draw: style"),
    ({**GIVEN, "v": {3: 1}, "draws": 2}, "draws: must be 1 with draw: given"),
    ({**GIVEN}, "v: draw: given needs it; give it"),
    ({**GIVEN, "v": {3: -1}}, "v: filter 3: must be a number of at least 0"),
    ({**GIVEN, "v": {3: 0}}, "v: must have a filter with a share above 0"), ({**GIVEN, "v": {}}, "v: must have a filter"),
    ({**GIVEN, "v": {"x": 1}}, "v: must be filters with their shares"), ({**GIVEN, "v": 3}, "v: must be keys with values"),
    ({**GIVEN, "v": {64: 1}}, "filter 64 is not in relu1_1"), ({"draw": "paper"}, "styles: is for draw: style"),
])  # fmt: skip
def test_keys_go_with_their_draw(settings, message):
    with pytest.raises(InputError, match=message):
        load_experiment(MIX, **settings)


def test_shares_of_filters_that_the_network_lacks_are_refused_by_its_width():
    given = load_experiment(MIX, **{**GIVEN, "v": {63: 1}})
    check_filters(given, 1)
    with pytest.raises(InputError, match="filter 63 is not in relu1_1"):
        check_filters(given, 1 / 8)


def test_a_filter_before_a_relu_whose_energy_is_negative_carries_its_share():
    np.testing.assert_array_equal(given_shares({0: 2.0}, np.array([[-3.0, 5.0]])), [[1, 0]])


def test_draws_differ_and_one_more_leaves_the_others(compute):
    _, folder = compute(FIG4, layers=["relu1_1"], images="golden_gate", **SMALL)
    before = contents(folder)
    assert before["cells/golden_gate.relu1_1.draw1.png"] != before["cells/golden_gate.relu1_1.draw2.png"]
    compute(FIG4, layers=["relu1_1"], images="golden_gate", draws=3, **SMALL)
    after = contents(folder)
    assert "cells/golden_gate.relu1_1.draw3.png" in after
    assert all(after[name] == before[name] for name in before if name.startswith("cells/"))


def style_of(gallery, name, size, style_size):
    return preprocess_style(read_image(gallery / f"{name}.png"), size, 48, "authors", style_size)


@pytest.mark.parametrize("style", ["starry_night", "the_scream", "seated_nude"])
@pytest.mark.parametrize("style_size", ["authors", "paper"])
@pytest.mark.parametrize("normalise", ["authors", "paper"])
def test_transfer_minimises_eq_5_and_gatys(compute, arrays, gallery, style, style_size, normalise):
    chosen = {"styles": style, "images": "golden_gate", "style_layers": ["relu1_1", "relu2_1"], "alpha": 3, "beta": 2}
    experiment, folder = compute(FIG5, style_size=style_size, normalise=normalise, **chosen, **SMALL)
    content = preprocess(read_image(gallery / "golden_gate.png"), 48, "authors")
    pixels = style_of(gallery, style, content.shape[2:], style_size)
    assert (pixels.shape == content.shape) == (style_size == "authors")
    layers = [list(LAYERS)[:2], TO_RELU2_1]
    target = oracles.code(content, arrays, TO_RELU2_2)
    for cell in cells(experiment)[1:]:
        start = initial_image(experiment, cell, content.shape)
        codes = [oracles.code(start, arrays, names) for names in layers]
        styles = [oracles.code(pixels, arrays, names) for names in layers]
        first = oracles.code(start, arrays, TO_RELU2_2)
        record = store.read_record(folder, cell.name)
        if cell.method == "pmci":
            wanted = oracles.pmci_loss(first, target, codes, [s.sum((2, 3)) for s in styles], 3, 2, normalise)
        else:
            same_size = [with_the_gram_of(s, code) for s, code in zip(styles, codes)]
            wanted = oracles.gatys_loss(first, target, codes, same_size, 3, 2, normalise)
        np.testing.assert_allclose(record["loss_first"], wanted[0], rtol=1e-3)


def with_the_gram_of(style, code):
    """A code of another's shape whose Gram matrix, over its positions, is the style's over its own."""
    c, m, n = code.shape[1:]
    assert m * n >= c
    values, vectors = np.linalg.eigh(oracles.gram(style)[0] / (style.shape[2] * style.shape[3]) * m * n)
    flat = np.zeros((c, m * n))
    flat[:, :c] = vectors * np.sqrt(np.maximum(values, 0))
    return flat.reshape(1, c, m, n)


@pytest.mark.parametrize("figure, key, value", [
    (FIG1, "filters", "4-7"), (FIG1, "isolated", 4), (FIG4, "draw", "paper"), (FIG5, "alpha", 1), (FIG5, "beta", 2),
    (FIG5, "normalise", "paper"), (FIG5, "style_layers", ["relu1_1"]), (FIG5, "content_layer", "relu1_2"),
    (FIG5, "style_size", "paper"), (FIG5, "optimiser.weight_decay", 0.0005),
])  # fmt: skip
def test_what_decides_a_picture_belongs_to_its_cell(figure, key, value):
    """So that a cell stored with another value is not taken for it."""

    def specified(experiment):
        images = (*experiment.images, *(experiment.styles or ()))
        plan = Plan(experiment, {image: image for image in images}, "digest", 1, experiment.precision)
        return specify(plan, cells(experiment)[-1], None)

    assert specified(load_experiment(figure)) == specified(load_experiment(figure))
    assert specified(load_experiment(figure, **{key: value})) != specified(load_experiment(figure))


def test_another_style_under_the_same_name_is_noticed(gallery, weights_file, tmp_path):
    chosen = {"styles": "the_scream", "images": "golden_gate", "losses": "pmci", "style_layers": "relu1_1"}
    experiment = load_experiment(FIG5, **chosen, **SMALL)
    other = tmp_path / "images"
    other.mkdir()
    (other / "golden_gate.png").write_bytes((gallery / "golden_gate.png").read_bytes())
    (other / "the_scream.png").write_bytes((gallery / "seated_nude.png").read_bytes())
    for images, expected in ((gallery, [False, False]), (gallery, [True, True]), (other, [False, False])):
        seen = []
        run(experiment, tmp_path / "run", weights_file, images, "cpu", lambda *cell, seen=seen: seen.append(cell[2]))
        assert seen == expected


def test_the_style_picture_is_the_one_the_network_saw(compute, gallery):
    _, folder = compute(FIG5, styles="starry_night", images="golden_gate", losses="pmci", **SMALL)
    stored = store.read_array(folder, "starry_night.style", "image")
    np.testing.assert_array_equal(stored, style_of(gallery, "starry_night", (36, 48), "authors"))


def test_a_deeper_style_layer_deepens_the_network(compute):
    _, folder = compute(FIG5, styles="starry_night", images="golden_gate", losses="pmci", style_layers="relu3_4", **SMALL)
    assert store.read_record(folder, "golden_gate.starry_night.pmci")["passes"] == 2


def method_file(tmp_path, method, source=FIG4, drop=("draws", "draw"), more=""):
    """A YAML file of another method, out of fig4's."""
    lines = [line for line in source.read_text(encoding="utf-8").splitlines() if line.split(":")[0] not in (*drop, "method")]
    path = tmp_path / f"{method}.yaml"
    path.write_text("\n".join([f"method: {method}", *lines, more]) + "\n", encoding="utf-8")
    return path


def test_plain_code_inversion(compute, tmp_path, arrays, gallery):
    path = method_file(tmp_path, "inversion")
    experiment, folder = compute(path, layers=["relu1_1", "relu2_1"], images="golden_gate", **SMALL)
    content = preprocess(read_image(gallery / "golden_gate.png"), 48, "authors")
    cell = cells(experiment)[1]
    assert cell.name == "golden_gate.relu2_1.inversion"
    start = initial_image(experiment, cell, content.shape)
    wanted = oracles.inversion_loss(*(oracles.code(x, arrays, TO_RELU2_1) for x in (start, content)))
    np.testing.assert_allclose(store.read_record(folder, cell.name)["loss_first"], wanted[0], rtol=1e-3)


def test_the_authors_purposeful_mode(compute, tmp_path, arrays, gallery):
    path = method_file(tmp_path, "purposeful", more="styles: [the_scream]\nstyle_size: paper")
    experiment, folder = compute(path, layers=["relu2_1"], images="golden_gate", **SMALL)
    content = preprocess(read_image(gallery / "golden_gate.png"), 48, "authors")
    style = style_of(gallery, "the_scream", None, "paper")
    cell = cells(experiment)[-1]
    assert cell.name == "golden_gate.the_scream.relu2_1.purposeful"
    target = oracles.match_by_rank(*(oracles.code(x, arrays, TO_RELU2_1) for x in (content, style)))
    start = initial_image(experiment, cell, content.shape)
    wanted = oracles.inversion_loss(oracles.code(start, arrays, TO_RELU2_1), target)
    np.testing.assert_allclose(store.read_record(folder, cell.name)["loss_first"], wanted[0], rtol=1e-3)


@pytest.mark.parametrize("method, more", [("inversion", ""), ("purposeful", "styles: [the_scream]\nstyle_size: authors")])
def test_the_authors_other_modes_are_drawn(method, more, weights_file, gallery, tmp_path):
    path = method_file(tmp_path, method, more=more)
    options = ["--weights", str(weights_file), "--images", str(gallery), "--device", "cpu", "--out", str(tmp_path / "out")]
    settings = [arg for pair in ("long_edge=48", "stop.passes=1", "layers=[relu1_1]") for arg in ("--set", pair)]
    assert cli.main(["run", str(path), *settings, *options]) == 0
    assert (tmp_path / "out.png").exists()


def test_fig1_shows_the_code_and_eq_2(compute, arrays, gallery):
    chosen = {"layers": "relu2_1", "filters": "2-5", "isolated": 4}
    _, folder = compute(FIG1, long_edge=48, **chosen)
    code = oracles.code(preprocess(read_image(gallery / "golden_gate.png"), 48, "authors"), arrays, TO_RELU2_1)
    name = "golden_gate.relu2_1.maps"
    for key, wanted in (("before", code), ("after", oracles.isolate(code, 4))):
        np.testing.assert_allclose(store.read_array(folder, name, key), wanted[0, 2:6], rtol=1e-3, atol=1e-2)
    record = store.read_record(folder, name)
    np.testing.assert_allclose(record["energy_before"], code.sum(), rtol=1e-4)
    np.testing.assert_allclose(record["energy_after"], code.sum(), rtol=1e-4)


def test_fig2_needs_no_weights(gallery, tmp_path):
    run(load_experiment(ROOT / "experiments" / "fig2.yaml", long_edge=48), tmp_path / "run", "no weights", gallery, "cpu")
    picture = read_image(tmp_path / "run" / "cells" / "golden_gate.content.png")
    assert picture.shape == (36, 48, 3)


@pytest.mark.parametrize("figure, key, value, message", [
    (FIG5, "alpha", -1, "alpha: must be a number of at least 0 and at most 1e.30, is -1"),
    (FIG5, "beta", -0.5, "beta: must be a number of at least 0"),
    (FIG5, "styles", [], "styles: is an empty list"),
    (FIG5, "styles", None, "styles: must be the name or path of an image"),
    (FIG5, "style_layers", ["relu6_1"], "style_layers: layer 'relu6_1' is not in VGG-19"),
    (FIG5, "losses", ["gaty"], "losses: must be gatys or pmci, is 'gaty' .did you mean 'gatys'"),
    (FIG5, "normalise", "none", "normalise: must be paper or authors"),
    (FIG5, "style_size", "big", "style_size: must be authors or paper"),
    (FIG5, "filters", "0-3", "unknown key 'filters' to set"),
    (FIG4, "draws", 0, "draws: must be a whole number from 1 to 1000, is 0"),
    (FIG4, "draw", "author", "draw: must be paper or authors or given or style, is 'author' .did you mean 'authors'"),
    (FIG4, "method", "rcmi", "method: must be fmi or rmci.*did you mean 'rmci'"),
    (FIG1, "isolated", 512, "isolated: must be a whole number from 0 to 511, is 512"),
    (ROOT / "experiments" / "fig2.yaml", "credits", ["one"], "credits: must be keys with values"),
    (ROOT / "experiments" / "fig2.yaml", "credits", {"golden_gate": 3}, "credits: must be text.*, is 3"),
])  # fmt: skip
def test_bad_values(figure, key, value, message):
    with pytest.raises(InputError, match=message):
        load_experiment(figure, **{key: value})


def test_nothing_to_minimise_is_refused():
    with pytest.raises(InputError, match="alpha and beta are both 0"):
        load_experiment(FIG5, alpha=0, beta=0)


def test_a_style_too_small_for_a_layer_is_refused_before_anything_is_written(compute, tmp_path):
    with pytest.raises(InputError, match="cell golden_gate.starry_night.*48x14 pixels is too small for relu5_1"):
        compute(FIG5, style_size="paper", long_edge=48)
    assert not (tmp_path / "run").exists()
