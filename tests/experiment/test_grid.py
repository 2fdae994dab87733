from pathlib import Path

import pytest
import yaml

from fmi_mx import InputError, load_experiment
from fmi_mx.experiment.grid import load_grid


def names(grid):
    return [one.name for one in grid]


def test_every_combination_the_last_key_first(fig3):
    grid = load_grid(fig3, {"filters": 0}, {"seed": [1, 2], "optimiser.clip": [5, 0.5]})
    assert names(grid) == ["seed=1,optimiser.clip=5", "seed=1,optimiser.clip=0.5",
                           "seed=2,optimiser.clip=5", "seed=2,optimiser.clip=0.5"]  # fmt: skip
    assert grid[1].settings == {"seed": 1, "optimiser.clip": 0.5}
    for one in grid:
        assert one.experiment == load_experiment(fig3, filters=0, **one.settings)


def test_without_a_sweep_there_is_one_without_a_name(fig3):
    (one,) = load_grid(fig3, {"seed": 7}, {})
    assert (one.name, one.settings, one.experiment) == ("", {}, load_experiment(fig3, seed=7))


def test_lists_paths_and_long_values_have_numbers(fig3):
    values = ["golden_gate", ["golden_gate", "neckarfront"], "my images/one.png", "x" * 41, "coffee.png"]
    grid = load_grid(fig3, {}, {"images": values})
    assert names(grid) == ["images=golden_gate", "images=2of5", "images=3of5", "images=4of5", "images=coffee.png"]
    assert [one.settings["images"] for one in grid] == values


def test_presets_can_be_swept_and_come_before_what_is_set(fig3):
    grid = load_grid(fig3, {"stop.passes": 7}, {"preset": ["fast", "demo"], "optimiser.history": [3]})
    assert names(grid) == ["preset=fast,optimiser.history=3", "preset=demo,optimiser.history=3"]
    assert [one.experiment.stop.passes for one in grid] == [7, 7]
    assert [one.experiment.optimiser.history for one in grid] == [3, 3]


@pytest.fixture
def with_sweep(fig3, tmp_path):
    def write(sweep):
        data = yaml.safe_load(fig3.read_text(encoding="utf-8"))
        path = tmp_path / "mine.yaml"
        path.write_text(yaml.safe_dump({**data, "sweep": sweep}, sort_keys=False), encoding="utf-8")
        return path

    return write


def test_a_file_may_say_its_sweep_and_an_option_counts_more(with_sweep):
    path = with_sweep({"seed": [1, 2], "pool": ["avg", "max"]})
    assert names(load_grid(path, {}, {})) == ["seed=1,pool=avg", "seed=1,pool=max", "seed=2,pool=avg", "seed=2,pool=max"]
    assert names(load_grid(path, {}, {"seed": [5]})) == ["seed=5,pool=avg", "seed=5,pool=max"]
    with pytest.raises(InputError, match="has the key sweep, and so is many experiments"):
        load_experiment(path)


@pytest.mark.parametrize("overrides, swept, message", [
    ({}, {"seed": 3}, "sweep: seed: must be a list of values"), ({}, {"seed": []}, "must be a list"),
    ({}, {"alpha": [1]}, r"alpha=1: unknown key 'alpha' to set"),
    ({}, {"seeds": [1]}, r"did you mean 'seed'\?"),
    ({}, {"seed": [1, -1]}, "seed=-1: seed: must be a whole number from 0"),
    ({"seed": 1}, {"seed": [2]}, "'seed' is swept, and 'seed' set besides"),
    ({"stop": {}}, {"stop.passes": [2]}, "'stop.passes' is swept, and 'stop' set besides"),
    ({"stop.passes": 2}, {"stop": [{}]}, "'stop' is swept, and 'stop.passes' set besides"),
    ({}, {"seed": [1, 1]}, "'seed=1' and 'seed=1' would have one folder"),
    ({}, {"images": ["Coffee", "coffee"]}, "'images=Coffee' and 'images=coffee' would have one folder"),
    ({}, {"seed": list(range(200)), "long_edge": list(range(100, 200))}, "20000 combinations; at most 10000"),
])  # fmt: skip
def test_sweeps_that_cannot_be(fig3, overrides, swept, message):
    with pytest.raises(InputError, match=message):
        load_grid(fig3, overrides, swept)


def test_an_empty_sweep_is_refused_by_its_name(fig3, tmp_path):
    path = tmp_path / "empty.yaml"
    path.write_text(Path(fig3).read_text(encoding="utf-8") + "\nsweep:\n", encoding="utf-8")
    with pytest.raises(InputError, match="sweep: must be keys with values"):
        load_grid(path, {}, {})


def test_a_name_too_long_for_a_folder_is_refused(fig3):
    swept = {"optimiser." + key: [0.123456789012345678] for key in
             ("learning_rate", "momentum", "decay", "clip", "weight_decay", "rescale")}  # fmt: skip
    with pytest.raises(InputError, match="is too long for a folder"):
        load_grid(fig3, {}, {**swept, "denoise": [0.123456789012345678], "start": [0.123456789012345678]})
