import pytest
import yaml

from fmi_mx import SGD, InputError, Stop, cells, load_experiment
from fmi_mx.experiment import as_data


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
    path.write_text(yaml.safe_dump(as_data(experiment)))
    assert load_experiment(path) == experiment


@pytest.mark.parametrize("key, value, expected", [
    ("filters", "0-15", tuple(range(16))), ("filters", 3, (3,)), ("filters", [0, "2-3"], (0, 2, 3)),
    ("layers", "relu2_2", ("relu2_2",)), ("images", "a/photo.jpg", ("a/photo.jpg",)), ("long_edge", 96, 96),
])  # fmt: skip
def test_overrides(fig3, key, value, expected):
    assert getattr(load_experiment(fig3, **{key: value}), key) == expected


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
    ("images", ["a/x.jpg", "b/x.png"], "two of them have one name"),
    ("images", [7], "images: must be the name or path"),
    ("target", "author", "target: must be paper or authors, is 'author' .did you mean 'authors'"),
    ("pool", "mean", "pool: must be avg or max"),
    ("optimiser", 3, "optimiser: must be keys with values"),
    ("optimiser.name", "adagrad", "optimiser: name: must be sgd"),
    ("optimiser.learning_rate", 0, "learning_rate: must be a number above 0"),
    ("optimiser.learning_rate", "1e-3", "YAML reads 1e-3 as text"),
    ("optimiser.learning_rate", float("nan"), "learning_rate: must be a number"),
    ("optimiser.clip", float("inf"), "clip: must be a number"),
    ("optimiser.clip", 1e300, "clip: must be a number above 0 and at most 1e.30"),
    ("optimiser.learning_rate", 1e-320, "learning_rate: must be a number above 0"),
    ("optimiser.decay", 1.5, "decay: must be a number above 0 and at most 1, is 1.5"),
    ("long_edge", 10**4000, "long_edge: must be a whole number from 16 to 4096, is 1000"),
    ("seed", 10**30, "seed: must be a whole number"),
    ("path", "x", "unknown key 'path' to set"),
    ("figure", "f" * 101, "at most 100 letters"),
    ("images", "i" * 101, "at most 100 letters"),
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
    ("figure: fig3", "'method' is missing"),
    ("method: fmi\nseed: 1\nseed: 2", "key 'seed' is given twice"), ("a: " + "[" * 5000, "not YAML"),
    ("seed: 2001-13-45", "not YAML"), ("seed: !!int x", "not YAML"), ("a: !!bool x", "not YAML"),
    ("!!python/object/apply:os.system ['true']", "not YAML"),
])  # fmt: skip
def test_a_file_that_is_no_experiment(tmp_path, text, message):
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        load_experiment(path)
    assert "\n" not in str(caught.value)


def test_misspelt_keys_of_the_file_are_refused(fig3, tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text(fig3.read_text().replace("\ndenoise:", "\ndenoize:"))
    with pytest.raises(InputError, match="unknown key 'denoize' .did you mean 'denoise'"):
        load_experiment(path)


def test_no_file_and_a_folder(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        load_experiment(tmp_path / "x.yaml")
    with pytest.raises(InputError, match="is a directory"):
        load_experiment(tmp_path)
