import math
import time

import pytest
import yaml

from fmi_mx import SGD, InputError, Stop, cells, load_experiment
from fmi_mx.experiment.cell import CELLS
from fmi_mx.experiment.experiment import PICTURES, as_data, from_data
from fmi_mx.experiment.overlay import OPTIMISERS
from fmi_mx.experiment.schemas import SCHEMAS
from fmi_mx.figure.layouts import LAYOUTS
from fmi_mx.files.plain_yaml import read_data
from fmi_mx.files.readers import file_bytes


def test_fig3_is_the_papers(fig3):
    experiment = load_experiment(fig3)
    assert experiment.images == ("golden_gate", "neckarfront")
    assert experiment.layers == ("relu1_2", "relu2_2", "relu3_2", "relu4_2", "relu5_2")
    assert experiment.filters == (0, 1, 2, 3, 4)
    assert (experiment.target, experiment.pool, experiment.long_edge, experiment.pixels) == ("paper", "avg", 512, "authors")
    assert experiment.optimiser == SGD(0.1, 0.9, 0.9, 10, 10.0, 0.0005, 0.5)
    assert experiment.stop == Stop(1000, 0.005)
    assert (experiment.start, experiment.denoise) == (0.1, 0.2)


def test_figs_1_2_4_and_5_are_the_papers(fig3):
    one, two, four, five = (load_experiment(fig3.with_name(f"fig{number}.yaml")) for number in (1, 2, 4, 5))
    assert (one.layers, one.filters, one.isolated, one.pool) == (("relu5_1",), tuple(range(16)), 3, "avg")
    assert two.images == four.images == five.images == ("golden_gate", "neckarfront")
    assert four.layers == five.style_layers == ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
    assert (four.draws, four.draw, four.optimiser) == (2, "authors", SGD(0.1, 0.9, 0.9, 10, 10.0, 0.0005, 0.5))
    assert five.styles == ("frida_kahlo", "seated_nude", "starry_night", "the_scream")
    assert (five.losses, five.content_layer, five.alpha, five.beta) == (("gatys", "pmci"), "relu2_2", 10, 1)
    assert (five.normalise, five.style_size) == ("authors", "authors")
    assert five.optimiser == SGD(0.1, 0.9, 0.9, 10, 10.0, 0.005, 0.5)
    for descent in (four, five):
        assert (descent.pool, descent.long_edge, descent.pixels, descent.precision) == ("avg", 512, "authors", "float32")
        assert (descent.stop, descent.start, descent.denoise) == (Stop(1000, 0.005), 0.1, 0.2)


def test_fig3_has_50_cells(fig3):
    found = cells(load_experiment(fig3))
    assert len({cell.name for cell in found}) == 50
    assert found[0].name == "golden_gate.relu1_2.f000"
    assert found[-1].name == "neckarfront.relu5_2.f004"
    assert all(cell.predecessor is None for cell in found)


def test_the_authors_chain_goes_through_the_filters_of_a_layer(fig3):
    found = cells(
        load_experiment(fig3, target="authors", images=["golden_gate"], layers=["relu3_2", "relu4_2"], filters=[4, "1-2"])
    )
    assert [(cell.name, cell.predecessor) for cell in found] == [
        ("golden_gate.relu3_2.f004", None),
        ("golden_gate.relu3_2.f001", "golden_gate.relu3_2.f004"),
        ("golden_gate.relu3_2.f002", "golden_gate.relu3_2.f001"),
        ("golden_gate.relu4_2.f004", None),
        ("golden_gate.relu4_2.f001", "golden_gate.relu4_2.f004"),
        ("golden_gate.relu4_2.f002", "golden_gate.relu4_2.f001"),
    ]


def test_as_data_gives_the_experiment_back(fig3, tmp_path):
    experiment = load_experiment(fig3, filters=["0-2", 9], **{"optimiser.clip": 5})
    path = tmp_path / "again.yaml"
    path.write_text(yaml.safe_dump(as_data(experiment)), encoding="utf-8")
    assert load_experiment(path) == experiment


@pytest.mark.parametrize("key, value, expected", [
    ("filters", "0-15", tuple(range(16))), ("filters", 3, (3,)), ("filters", [0, "2-3"], (0, 2, 3)),
    ("layers", "relu2_2", ("relu2_2",)), ("images", "a/photo.jpg", ("a/photo.jpg",)), ("long_edge", 96, 96),
])  # fmt: skip
def test_overrides(fig3, key, value, expected):
    assert getattr(load_experiment(fig3, **{key: value}), key) == expected


def test_a_file_without_a_feature_map_means_the_printed_equation(fig3, tmp_path):
    path = tmp_path / "x.yaml"
    text = fig3.read_text(encoding="utf-8")
    path.write_text("\n".join(line for line in text.splitlines() if not line.startswith("feature_map:")), encoding="utf-8")
    assert load_experiment(path) == load_experiment(fig3)
    assert load_experiment(path).feature_map == "rectified"
    assert load_experiment(path, preset="fast").feature_map == "linear_if_silent"


@pytest.mark.parametrize("layer", ["conv4_2", "pool4"])
def test_a_linear_feature_map_is_a_relus(fig3, layer):
    said = f"feature_map: only a ReLU has a linear one, and layer {layer} is no ReLU; those are relu1_1 to relu5_4; or"
    with pytest.raises(InputError, match=said):
        load_experiment(fig3, feature_map="linear", layers=["relu1_1", layer])
    assert load_experiment(fig3, layers=[layer]).layers == (layer,)


def test_every_method_has_its_cells_and_its_layout():
    assert SCHEMAS.keys() == CELLS.keys() == {*LAYOUTS, "maps"}


def test_a_dotted_override(fig3):
    assert load_experiment(fig3, **{"optimiser.weight_decay": 0, "stop.passes": 7}).stop.passes == 7


@pytest.mark.parametrize("key, value, message", [
    ("longedge", 96, "unknown key 'longedge' to set.*did you mean 'long_edge'.*figure, method"),
    ("optimiser.momentun", 1, "did you mean 'momentum'"),
    ("long_edge.x", 1, "unknown key 'long_edge.x' to set; known are figure, method"),
    ("long_edge", -5, "long_edge: must be a whole number from 16 to 4096, is -5"),
    ("long_edge", "big", "long_edge: must be a whole number"),
    ("long_edge", True, "long_edge: must be a whole number"),
    ("long_edge", 512.5, "long_edge: must be a whole number"),
    ("long_edge", 5000, "from 16 to 4096"),
    ("layers", [], "layers: is an empty list"),
    ("filters", [], "filters: is an empty list"),
    ("images", [], "images: is an empty list"),
    ("layers", ["relu6_1"], "layers: layer 'relu6_1' is not in VGG-19.*did you mean.*conv1_1"),
    ("layers", [3], "layers: must be the name of a layer"),
    ("layers", ["relu1_1", "relu1_1"], "layers: has 'relu1_1' twice"),
    ("filters", "4-1", "filters: must be numbers from 0 or ranges"),
    ("filters", "0-99999999999", "within 0 to 511"),
    ("filters", -1, "filters: must be numbers"),
    ("filters", [1.5], "filters: must be numbers"),
    ("filters", [512], "filter 512 is not in relu1_2; its filters are 0 to 63"),
    ("filters", None, "filters: must be numbers"),
    ("images", [7], "images: must be the name or path"),
    ("target", "author", "target: must be paper or authors, is 'author' .did you mean 'authors'"),
    ("pool", "mean", "pool: must be avg or max"),
    ("optimiser", 3, "optimiser: must be keys with values"),
    ("optimiser.name", "adagrad", "optimiser.name: must be sgd"),
    ("optimiser.learning_rate", 0, "learning_rate: must be a number above 0"),
    ("optimiser.learning_rate", "1e-3", "learning_rate: must be a number above 0 and at most 1e.30, is '1e-3'"),
    ("optimiser.learning_rate", float("nan"), "learning_rate: must be a number"),
    ("optimiser.clip", float("inf"), "clip: must be a number"),
    ("optimiser.clip", 1e300, "clip: must be a number above 0 and at most 1e.30"),
    ("optimiser.learning_rate", 1e-320, "learning_rate: must be a number above 0"),
    ("optimiser.decay", 1.5, "decay: must be a number above 0 and at most 1, is 1.5"),
    ("long_edge", 10**500, "long_edge: must be a whole number from 16 to 4096, is 1000"),
    ("seed", 10**30, "seed: must be a whole number"),
    ("path", "x", "unknown key 'path' to set"),
    ("figure", "f" * 101, "figure: must be a name of letters, digits, - and _, of at most 100 bytes"),
    ("images", "i" * 256, "images: must be the name or path of an image, is longer than any"),
    ("stop.passes", 0, "passes: must be a whole number from 1 to 1000000, is 0"),
    ("denoise", -0.2, "denoise: must be a number of at least 0"),
    ("figure", "../x", "figure: must be a name"),
])  # fmt: skip
def test_what_is_not_allowed_is_refused_by_name(fig3, key, value, message):
    with pytest.raises(InputError, match=message) as caught:
        load_experiment(fig3, **{key: value})
    assert str(caught.value).startswith(f"experiment {fig3}: ")
    assert "\n" not in str(caught.value)


def test_layers_too_deep_for_the_size_are_refused(fig3):
    with pytest.raises(InputError, match="pool5.*at least 32"):
        load_experiment(fig3, long_edge=16, layers="pool5")


@pytest.mark.parametrize("text, message", [
    ("", "must be keys with values"), ("- a", "must be keys with values"), ("a: [", "not YAML"),
    ("figure: fig3", "'method' is missing"), ("method: fmi\nseed: 1\nseed: 2", "line 3: key 'seed' is given twice"),
    ("seed: 1", "'method' is missing; it is one of fmi, rmci"), ("method: fmy", "method: must be fmi or .* .did you mean"),
])  # fmt: skip
def test_a_file_that_is_no_experiment(tmp_path, text, message):
    path = tmp_path / "x.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message) as caught:
        load_experiment(path)
    assert str(caught.value).startswith(f"experiment {path}: ")
    assert "\n" not in str(caught.value)


def test_misspelt_keys_of_the_file_are_refused(fig3, tmp_path):
    path = tmp_path / "x.yaml"
    text = fig3.read_text(encoding="utf-8")
    for key, wrong in (("target", "tarket"), ("descent", "descant")):
        path.write_text(text.replace(f"\n{key}:", f"\n{wrong}:"), encoding="utf-8")
        with pytest.raises(InputError, match=f"unknown key '{wrong}' .did you mean '{key}'"):
            load_experiment(path)


def test_no_file_and_a_folder(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        load_experiment(tmp_path / "x.yaml")
    with pytest.raises(InputError, match="is a directory"):
        load_experiment(tmp_path)


@pytest.mark.parametrize("data", [None, 3, [], "fmi", {}, {"method": []}, {"method": {}}, {"method": "fmi", "stop": None}])
def test_data_that_are_no_experiment(data):
    with pytest.raises(InputError):
        from_data(data)


WRONG = {
    "nothing": None, "yes": True, "text": "x", "empty text": "", "nan": math.nan, "inf": math.inf, "below": -1, "half": 0.5,
    "huge": 10**5000, "list": [None], "list of lists": [[1, 2]], "mapping": {"x": 1}, "control": "a\x1b[31m",
    "surrogate": "\ud800", "long": "x" * 10**5,
}  # fmt: skip


def _with_each_key_wrong(data):
    """(key, kind of value, the data with it)."""
    for key, value in data.items():
        yield from ((key, kind, {**data, key: wrong}) for kind, wrong in WRONG.items())
        if key in ("optimiser", "stop"):
            yield from ((inner, kind, {**data, key: part}) for inner, kind, part in _with_each_key_wrong(value))


@pytest.mark.parametrize("figure", ["fig1", "fig2", "fig3", "fig4", "fig5"])
def test_a_value_of_the_wrong_kind_is_refused_in_one_short_line(fig3, figure):
    """Each key of each figure with each of these values: refused by its name, or taken where it is of the right kind."""
    taken = set()
    for key, kind, data in _with_each_key_wrong(as_data(load_experiment(fig3.with_name(f"{figure}.yaml")))):
        try:
            from_data(data)
            taken.add((key, kind))
        except InputError as error:
            assert key in str(error), (key, kind, str(error))
            assert str(error).isprintable(), (key, kind)
            assert len(str(error)) < 500, (key, kind, str(error))
    numbers = {"alpha", "beta", "start", "denoise", "change"}
    settings = {"learning_rate", "momentum", "decay", "clip", "weight_decay", "rescale"}
    expected = {(key, "half") for key in numbers | settings} | {(key, "text") for key in ("figure", "images", "styles")}
    assert taken <= expected
    assert ("images", "text") in taken


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_number_is_infinite_or_none(value):
    """They compare as no number does."""
    for schema in SCHEMAS.values():
        for reader in schema.values():
            with pytest.raises(InputError):
                reader(value)
    for name, settings in read_data(OPTIMISERS).items():
        for key in settings:
            with pytest.raises(InputError, match=f"{key}: must be"):
                SCHEMAS["fmi"]["optimiser"]({"name": name, **settings, key: value})
    for key in ("passes", "change", "every"):
        with pytest.raises(InputError, match=f"{key}: must be"):
            SCHEMAS["fmi"]["stop"]({"passes": 1, "change": 1, "every": 1, key: value})


@pytest.mark.parametrize("figure, given, message", [
    ("fig5", {"images": ["a.png", "a.b.png"], "styles": ["b.c.png", "c.png"]},
     "image 'a.png' in style 'b.c.png' and image 'a.b.png' in style 'c.png' give two pictures the name 'a.b.c.gatys'"),
    ("fig3", {"images": ["a/x.jpg", "b/x.png"]},
     "image 'a/x.jpg' and image 'b/x.png' give two pictures the name 'x.relu1_2.f000'"),
    ("fig2", {"images": ["a/x.jpg", "b/X.jpg"]}, "'x.content' .and 'X.content' is the same on many disks"),
    ("fig5", {"styles": ["a/s.jpg", "b/s.jpg"]}, "two pictures the name 's.style'"),
    ("fig1", {"images": ["a/x.jpg", "a/x.png"]}, "two pictures the name 'x.relu5_1.maps'"),
    ("fig4", {"images": ["a/x.jpg", "a/x.png"]}, "two pictures the name 'x.relu1_1.draw1'"),
])  # fmt: skip
def test_two_cells_of_one_name_are_refused(fig3, figure, given, message):
    with pytest.raises(InputError, match=message):
        load_experiment(fig3.with_name(f"{figure}.yaml"), **given)


def test_letters_with_accents_are_one_name_however_they_are_written(fig3, monkeypatch):
    monkeypatch.setattr("os.fsencode", lambda name: name.encode())
    with pytest.raises(InputError, match="the same on many disks"):
        load_experiment(fig3, images=["caf\u00e9", "cafe\u0301"])


def test_a_name_is_measured_in_bytes(fig3, monkeypatch):
    monkeypatch.setattr("os.fsencode", lambda name: name.encode())
    longest = "n" * (255 - 21 - len(".relu1_2.f000"))  # .json.123456.fmi-part is 21
    assert load_experiment(fig3, images=longest).images == (longest,)
    for name in (longest + "n", "\N{CJK UNIFIED IDEOGRAPH-6F22}" * 80):
        with pytest.raises(InputError, match="is too long for a file; rename an image"):
            load_experiment(fig3, images=name)
    with pytest.raises(InputError, match="figure: must be a name .* of at most 100 bytes"):
        load_experiment(fig3, figure="\N{CJK UNIFIED IDEOGRAPH-6F22}" * 34)


def test_a_name_that_the_locale_cannot_write(monkeypatch):
    monkeypatch.setattr("os.fsencode", lambda name: name.encode("ascii"))
    with pytest.raises(InputError, match="cannot be named 'caf\u00e9' in this locale, whose encoding is ascii; set LC_ALL"):
        file_bytes("caf\u00e9")


@pytest.mark.parametrize("name", [
    "", ".", "..", "/", "a/..", "./.x.png", ".hidden", "a\x00", "a\nb", "a\r.png", "a\tb", "\x1b[31mred", "\x7f", "\x85",
    "\u2028", "a\udcff.png", "\ud800", "new\nfolder/a.png", "x" * 300 + "/a.png", "a/" * 2500 + "b.png",
], ids=len)  # fmt: skip
def test_names_that_no_image_may_have(fig3, name):
    for figure, key in (("fig3", "images"), ("fig5", "styles")):
        with pytest.raises(InputError, match=f"{key}: must ") as caught:
            load_experiment(fig3.with_name(f"{figure}.yaml"), **{key: [name]})
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 400


@pytest.mark.parametrize("name", ["price_$5_and_$6.jpg", "my photo.jpg", "a\u202fb", "-x", "a/b/c.d.png", "no", "1e5.png"])
def test_names_that_an_image_may_have(fig3, name, monkeypatch):
    monkeypatch.setattr("os.fsencode", lambda name: name.encode())
    assert load_experiment(fig3, images=[name]).images == (name,)


def test_how_many_pictures_an_experiment_may_have(fig3):
    """All filters of all layers from two images are 11,008."""
    atlas = {"layers": ["relu4_1", "relu4_2", "relu5_1"], "filters": "0-511"}
    assert 2 * 3 * 512 == len(cells(load_experiment(fig3, **atlas))) < PICTURES
    with pytest.raises(InputError, match="34 images x 3 layers x 512 filters are 52224 pictures; at most 50000"):
        load_experiment(fig3, images=[f"i{n}" for n in range(34)], **atlas)


@pytest.mark.parametrize("given", [
    {"images": [f"i{n}" for n in range(20000)]}, {"filters": list(range(20000))}, {"filters": ["0-511"] * 20000},
    {"filters": [10**5000]}, {"layers": ["relu1_1"] * 20000}, {"images": ["x"] * 20000},
], ids=list)  # fmt: skip
def test_long_lists_are_refused_at_once(fig3, given):
    start = time.process_time()
    with pytest.raises(InputError) as caught:
        load_experiment(fig3, **given)
    assert time.process_time() - start < 1
    assert len(str(caught.value)) < 500


def names(experiment, width=1):
    return [cell.name for cell in cells(experiment, width)]


def test_filters_by_layer(fig3):
    chosen = {"relu1_1": "0-2", "relu5_1": [3, 17], "relu4_2": "all"}
    experiment = load_experiment(fig3, images="golden_gate", layers=list(chosen), filters=chosen)
    wanted = [f"golden_gate.{layer}.f{f:03d}" for layer, found in
              (("relu1_1", range(3)), ("relu5_1", (3, 17)), ("relu4_2", range(512))) for f in found]  # fmt: skip
    assert names(experiment) == wanted
    assert names(from_data(as_data(experiment))) == wanted


def test_all_filters_are_those_that_the_network_has(fig3):
    experiment = load_experiment(fig3, filters="all", layers=["relu1_2", "relu3_2"], images="golden_gate")
    assert experiment.filters == "all"
    assert len(names(experiment)) == 64 + 256
    assert names(experiment, 1 / 8)[-1] == "golden_gate.relu3_2.f031"
    assert len(names(experiment, 1 / 8)) == 8 + 32
    assert from_data(as_data(experiment)) == experiment


def test_a_chain_follows_the_order_of_its_layer(fig3):
    chosen = {"relu1_1": [2, 0], "relu2_1": [1]}
    experiment = load_experiment(fig3, images="golden_gate", layers=list(chosen), filters=chosen, target="authors")
    before = [None, "golden_gate.relu1_1.f002", None]
    assert [cell.predecessor for cell in cells(experiment)] == before


@pytest.mark.parametrize("layers, filters, message", [
    (["relu1_1", "relu2_1"], {"relu1_1": 0}, "filters: says none of relu2_1; by layer they are said of each of layers"),
    (["relu1_1"], {"relu1_1": 0, "relu2_1": 1}, "filters: has relu2_1, which layers has not"),
    (["relu1_1"], {"relu9_1": 0}, "filters: relu9_1: layer 'relu9_1' is not in VGG-19"),
    (["relu1_1"], {"relu1_1": "many"}, "filters: relu1_1: must be numbers from 0 or ranges"),
    (["relu1_1"], {"relu1_1": []}, "filters: relu1_1: is an empty list"),
    (["relu1_1"], {}, "filters: has no layer"),
    (["relu1_1"], {"relu1_1": "0-64"}, "filter 64 is not in relu1_1"),
    (["relu1_1"], {1: 0}, "filters: 1: must be the name of a layer"),
])  # fmt: skip
def test_filters_by_layer_that_cannot_be(fig3, layers, filters, message):
    with pytest.raises(InputError, match=message):
        load_experiment(fig3, images="golden_gate", layers=layers, filters=filters)


def test_the_atlas_is_every_filter_by_the_fast_preset(fig3):
    atlas, fast = load_experiment(fig3.with_name("atlas.yaml")), load_experiment(fig3, preset="fast")
    assert len(cells(atlas)) == 2 * 5504
    for key in ("optimiser", "stop", "precision", "feature_map", "threads", "denoise", "start", "pool"):
        assert getattr(atlas, key) == getattr(fast, key)
