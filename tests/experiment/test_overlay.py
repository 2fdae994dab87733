import dataclasses

import pytest
import yaml
from conftest import ROOT

from fmi_mx import LBFGS, Adam, InputError, load_experiment
from fmi_mx.experiment import overlay
from fmi_mx.experiment.experiment import as_data

FIGURES = ["fig3", "fig4", "fig5"]


def figure(name):
    return ROOT / "experiments" / f"{name}.yaml"


def preset(folder, text):
    path = folder / "mine.yaml"
    path.write_text(f"preset: mine\n{text}", encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("kind", ["fast", "demo"])
def test_the_presets_lay_what_they_say_over_the_figures(name, kind):
    values = yaml.safe_load((ROOT / "experiments" / f"{kind}.yaml").read_text(encoding="utf-8"))
    lbfgs = {"name": values.pop("optimiser.name"), **yaml.safe_load(overlay.OPTIMISERS.read_text(encoding="utf-8"))["lbfgs"]}
    values["optimiser"] = {**lbfgs, "box": values.pop("optimiser.box", lbfgs["box"])}
    before, after = as_data(load_experiment(figure(name))), as_data(load_experiment(figure(name), preset=kind))
    for key in before:
        wanted = values.get(key, before[key])
        wanted = [wanted] if isinstance(before[key], list) and not isinstance(wanted, list) else wanted
        assert after[key] == wanted, key
    assert before.keys() == after.keys()


def test_single_values_come_after_the_preset_wherever_they_stand(tmp_path):
    file = preset(tmp_path, "long_edge: 64\nseed: 7\n")
    experiment = load_experiment(figure("fig3"), long_edge=80, preset=file)
    assert (experiment.long_edge, experiment.seed) == (80, 7)


def test_a_preset_passes_over_the_keys_of_other_methods(tmp_path):
    file = preset(tmp_path, "draws: 5\nstyles: [x]\n")
    assert load_experiment(figure("fig3"), preset=file) == load_experiment(figure("fig3"))
    assert load_experiment(figure("fig4"), preset=file).draws == 5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("long_egde: 64", "unknown key 'long_egde' .did you mean 'long_edge'"),
        ("long_edge: 64\nlong_edge: 65", "is given twice"),
        ("long_edge: [", "not YAML"),
        ("long_edge: 1.5", "long_edge: must be a whole number"),
        ("x" * 1000 + ": 1", "unknown key 'xxx.*known are alpha, beta"),
        ("stop: {passes: 1}\nstop.every: 2", "keys 'stop' and 'stop.every' are both to be set"),
        ("stop.: 1", "key 'stop.' to set has an empty part"),
        ("1: 2", "unknown key '1'"),
    ],
)
def test_a_wrong_preset_is_refused(tmp_path, text, said):
    with pytest.raises(InputError, match=said):
        load_experiment(figure("fig3"), preset=preset(tmp_path, text))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("fst", "preset fst: no such file or directory; there are demo, fast .did you mean 'fast'"),
        ("fig4", "is not a preset"),
        (3, "preset 3: is no name; there are demo, fast"),
        ([["x" * 1000] * 1000] * 1000, "there are"),
        (None, "there are"),
        ("", "there are"),
        ("..", "there are"),
        ("/dev/zero", "there are"),
        ("\x00", "there are"),
        ("\ud800\n", "there are"),
        ("x" * 10**5, "there are"),
    ],
    ids=lambda value: str(value)[:20] if isinstance(value, str) else type(value).__name__,
)
def test_what_is_no_preset_is_refused(name, said):
    with pytest.raises(InputError, match=said) as caught:
        load_experiment(figure("fig3"), preset=name)
    assert len(str(caught.value).replace(str(ROOT), "")) < 400
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("overrides", [{"stop": {}, "stop.passes": 1}, {"optimiser.name": "sgd", "optimiser": {}}])
def test_of_two_keys_one_must_not_hold_the_other(overrides):
    for keys in (overrides, dict(reversed(list(overrides.items())))):
        with pytest.raises(InputError, match="are both to be set, and one holds the other"):
            load_experiment(figure("fig3"), **keys)


def test_keys_that_begin_alike_may_both_be_set():
    data = {"stop": {"passes": 1}, "stop_": 2, "a": {"b": 3, "bc": 4}}
    overlay.lay_over(data, {"stop": 5, "stop_": 6, "a.b": 7, "a.bc": 8}, [])
    assert data == {"stop": 5, "stop_": 6, "a": {"b": 7, "bc": 8}}


def test_a_preset_alone_is_no_experiment():
    with pytest.raises(InputError, match="is a preset; lay it over an experiment with --set preset=fast"):
        load_experiment(figure("fast"))


@pytest.mark.parametrize(("name", "kind"), [("lbfgs", LBFGS), ("adam", Adam)])
def test_another_optimiser_brings_its_settings(name, kind):
    given = yaml.safe_load(overlay.OPTIMISERS.read_text(encoding="utf-8"))[name]
    experiment = load_experiment(figure("fig3"), **{"optimiser.name": name})
    assert type(experiment.optimiser) is kind
    settings = as_data(experiment)["optimiser"]
    assert settings.pop("name") == name
    assert settings == given
    key = next(iter(given))
    changed = load_experiment(figure("fig3"), **{f"optimiser.{key}": 2, "optimiser.name": name})  # in either order
    assert changed.optimiser == dataclasses.replace(experiment.optimiser, **{key: 2})


def test_the_same_optimiser_keeps_the_files_settings():
    assert load_experiment(figure("fig5"), **{"optimiser.name": "sgd"}) == load_experiment(figure("fig5"))


def test_the_sgd_of_the_list_is_that_of_fig3():
    moved = load_experiment(figure("fig3"), preset="fast", **{"optimiser.name": "sgd"})
    assert moved.optimiser == load_experiment(figure("fig3")).optimiser


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"optimiser.name": "lbgfs"}, "must be sgd or adam or lbfgs, is 'lbgfs' .did you mean 'lbfgs'"),
        ({"optimiser.history": 5}, "unknown key 'optimiser.history'"),
        ({"optimiser.name": ["lbfgs"]}, "must be sgd or adam or lbfgs, is"),
        ({"optimiser.name": "lbfgs", "optimiser.box": [255, 0]}, "lowest value below the highest"),
        ({"optimiser.name": "lbfgs", "optimiser.box": "none"}, "or null for no box"),
        ({"optimiser.name": "lbfgs", "optimiser.probes": [-1]}, "probes: must be a whole number"),
        ({"optimiser.name": "lbfgs", "optimiser.history": 0}, "history: must be a whole number from 1"),
        ({"stop.every": 0}, "every: must be a whole number"),
    ],
)
def test_wrong_settings_are_refused(overrides, said):
    with pytest.raises(InputError, match=said):
        load_experiment(figure("fig3"), **overrides)


def test_a_box_may_be_left_out():
    overrides = {"optimiser.name": "lbfgs", "optimiser.box": None, "optimiser.probes": []}
    optimiser = load_experiment(figure("fig3"), **overrides).optimiser
    assert optimiser.box is None
    assert optimiser.probes == ()


def test_a_file_without_every_has_the_authors_rule(tmp_path):
    path = tmp_path / "old.yaml"
    path.write_text(
        "\n".join(line for line in figure("fig3").read_text(encoding="utf-8").splitlines() if "  every:" not in line),
        encoding="utf-8",
    )
    assert load_experiment(path) == load_experiment(figure("fig3"))


def with_descent(folder, text, descent="authors"):
    """Fig. 3 with another descent, and text behind it."""
    path = folder / "with_descent.yaml"
    fig3 = figure("fig3").read_text(encoding="utf-8").partition("\ndescent:")[0]
    path.write_text(f"{fig3}\ndescent: {descent}\n{text}", encoding="utf-8")
    return path


def descent(folder, text):
    path = folder / "down.yaml"
    path.write_text(f"descent: down\n{text}", encoding="utf-8")
    return str(path)


def test_a_descent_stands_for_the_keys_of_its_file(tmp_path):
    named = as_data(load_experiment(figure("fig3")))
    said = tmp_path / "said.yaml"
    said.write_text(yaml.safe_dump(named), encoding="utf-8")
    assert "descent" not in named
    assert load_experiment(said) == load_experiment(figure("fig3"))


def test_an_experiment_replaces_what_its_descent_says(tmp_path):
    sgd = load_experiment(figure("fig3")).optimiser
    path = with_descent(tmp_path, "optimiser.clip: 5\nstop: {passes: 7, change: 0}\ndenoise: 0\n")
    experiment = load_experiment(path)
    assert experiment.optimiser == dataclasses.replace(sgd, clip=5.0)
    assert (experiment.stop.passes, experiment.stop.change, experiment.stop.every) == (7, 0, 1)
    assert (experiment.denoise, experiment.start) == (0, 0.1)
    assert load_experiment(path, **{"optimiser.clip": 6}).optimiser.clip == 6


def test_another_optimiser_brings_its_settings_into_a_descent(tmp_path):
    experiment = load_experiment(with_descent(tmp_path, "optimiser.beta1: 0.5\noptimiser.name: adam\n"))
    assert experiment.optimiser == dataclasses.replace(
        load_experiment(figure("fig3"), **{"optimiser.name": "adam"}).optimiser, beta1=0.5
    )


def test_a_descent_of_ones_own(tmp_path):
    down = descent(
        tmp_path, "precision: float32\nstart: 2\noptimiser.name: lbfgs\nstop: {passes: 3, change: 0}\ndenoise: 0\n"
    )
    experiment = load_experiment(with_descent(tmp_path, "", down))
    assert isinstance(experiment.optimiser, LBFGS)
    assert (experiment.start, experiment.stop.passes) == (2, 3)


def test_a_descent_passes_over_the_keys_of_other_methods(tmp_path):
    """As a preset does: alpha is of transfers, and feature_map of inversions."""
    down = descent(tmp_path, "stop: {passes: 7, change: 0}\nfeature_map: linear\nalpha: 3\noptimiser.name: sgd\n"
                             "precision: float32\nthreads: 1\nstart: 0.1\nkeep: image\ndenoise: 0\n")  # fmt: skip
    experiment = load_experiment(with_descent(tmp_path, "", down))
    assert (experiment.stop.passes, experiment.alpha) == (7, None)
    assert experiment.feature_map == "rectified"  # its own


@pytest.mark.parametrize("name, text, said", [
    ("author", "", "descent author: .*no such file.*; there are authors .did you mean 'authors'"),
    ("fast", "", "descent fast: is not a descent, which has the key 'descent'; there are authors"),
    ("[authors]", "", "descent .'authors'.: is no name; there are authors"),
    ("authors", "stop: {passes: 1}\nstop.every: 2", "keys 'stop' and 'stop.every' are both to be set"),
    ("authors", "optimiser.momentun: 1", "unknown key 'optimiser.momentun' to set .did you mean 'momentum'"),
    ("authors", "optimiser.momentum: x", "optimiser: momentum: must be a number"),
    ("authors", "denoise:", "denoise: must be a number of at least 0 .*, is None"),
    ("authors", "tarkets: paper", "unknown key 'tarkets' .did you mean 'target'"),
])  # fmt: skip
def test_a_wrong_descent_is_refused(tmp_path, name, text, said):
    path = with_descent(tmp_path, text, name)
    with pytest.raises(InputError, match=said) as caught:
        load_experiment(path)
    assert str(caught.value).startswith(f"experiment {path}: ")


def test_what_a_descent_of_ones_own_lacks_or_has_too_much_is_said(tmp_path):
    with pytest.raises(InputError, match="key 'start' is missing"):
        load_experiment(with_descent(tmp_path, "", descent(tmp_path, "optimiser.name: sgd\nstop: {passes: 1, change: 0}\n")))
    with pytest.raises(InputError, match="down.yaml: unknown key 'preset'; known are"):
        load_experiment(with_descent(tmp_path, "", descent(tmp_path, "preset: down\n")))


def test_a_figure_without_a_descent_has_none(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text(figure("fig2").read_text(encoding="utf-8") + "\ndescent: authors\n", encoding="utf-8")
    with pytest.raises(InputError, match="unknown key 'descent'; known are"):
        load_experiment(path)


def test_a_descent_is_no_experiment():
    with pytest.raises(InputError, match="is a descent; an experiment has it by its key descent: authors"):
        load_experiment(figure("authors"))
