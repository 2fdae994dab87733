import dataclasses
import json

import numpy as np
import pytest
from conftest import ROOT

from fmi_mx import bench, bench_report, load_experiment, rivals
from fmi_mx.mxnet_setup import mx

SMALL = ROOT / "model" / "small.params"


def test_the_ratio_is_measured(fig3, monkeypatch):
    monkeypatch.setattr(bench, "SHAPE", (1, 3, 24, 32))
    found = bench.loop_against_executor("relu2_2", mx.cpu(), load_experiment(fig3).optimiser, rounds=3, passes=2)
    assert found["layer"] == "relu2_2"
    assert 0 < found["seconds_executor"] < 5
    assert 0 < found["seconds_loop"] < 5
    assert 0.3 < found["ratio"] < 30


def test_the_ratio_sees_a_slow_loop(fig3, monkeypatch):
    monkeypatch.setattr(bench, "SHAPE", (1, 3, 24, 32))
    slow = bench.descend
    monkeypatch.setattr(bench, "descend", lambda *arguments: [slow(*arguments) for _ in range(20)])
    assert bench.loop_against_executor("relu2_2", mx.cpu(), load_experiment(fig3).optimiser, rounds=3, passes=2)["ratio"] > 5


def test_a_rival_answers_from_its_own_process():
    with rivals.Rival("authors") as rival:
        assert 0 < rival("relu1_2", (1, 3, 24, 32), 2) < 60


def test_the_memory_of_a_descent_is_seen():
    with rivals.Rival("memory") as rival:
        assert 0.05 < rival("relu1_2", (1, 3, 32, 32), 2) < 2


def test_the_authors_way_takes_their_steps(monkeypatch):
    """Its image after a few passes is that of our loop with the same optimiser, which computes no gradient of a weight."""
    shape, ends = (1, 3, 16, 24), []
    descend = rivals.descend
    monkeypatch.setattr(rivals, "descend", lambda *arguments: ends.append(descend(*arguments)))
    rivals.authors_passes("relu1_2", shape)(4)
    loss, weights, target, image = rivals.random_problem("relu1_2", shape)
    halving = dataclasses.replace(rivals.AUTHORS_SGD, rescale=0.5)
    ours = descend(rivals.Problem(loss, weights, {"target": target}, shape), image, halving, rivals.Stop(4, 0.0))
    np.testing.assert_allclose(ends[0].image.asnumpy(), ours.image.asnumpy(), rtol=1e-4, atol=1e-3)


@pytest.fixture(scope="module")
def raced(tmp_path_factory):
    fig3 = ROOT / "experiments" / "fig3.yaml"
    small = {"long_edge": 48, "images": ["coffee"], "layers": ["relu1_2"], "filters": "0-1", "stop.passes": 12}
    authors = load_experiment(fig3, **small)
    fast = load_experiment(fig3, preset="fast")
    return bench.race(authors, {"lbfgs": (fast.optimiser, fast.stop)}, SMALL, tmp_path_factory.mktemp("none"), "cpu")


def test_the_race_is_to_the_loss_that_the_authors_sgd_ends_with(raced):
    assert [one["name"] for one in raced] == ["coffee.relu1_2.f000", "coffee.relu1_2.f001"]
    for one in raced:
        assert one["loss"] == one["sgd"]["curve"][-1][1]
        assert one["authors"]["passes"] == one["sgd"]["passes"] == len(one["sgd"]["curve"]) == 12
        curve, passes = one["lbfgs"]["curve"], one["lbfgs"]["passes"]
        assert curve[passes - 1][1] <= one["loss"] < min([loss for _, loss in curve[: passes - 1]])
        assert one["lbfgs"]["seconds"] == curve[passes - 1][0]
        assert 0 <= one["sgd"]["saturated"] < 1
    json.dumps(raced)


def test_the_report_of_a_race_says_what_was_measured(raced):
    summary = bench_report.race_summary(raced, ["sgd", "lbfgs"])
    speeds = [one["authors"]["seconds"] / one["lbfgs"]["seconds"] for one in raced]
    assert summary["lbfgs"]["geometric_mean"] == pytest.approx(np.sqrt(speeds[0] * speeds[1]))
    assert summary["lbfgs"]["smallest"] == min(speeds)
    assert summary["lbfgs"]["reached"] == 2
    assert f"lbfgs {raced[0]['lbfgs']['passes']} passes" in bench_report.race_line(raced[0], ["lbfgs"])
    assert bench_report.draw(raced, ["sgd", "lbfgs"]).startswith(b"\x89PNG")


def test_a_loss_that_is_not_reached_is_said_to_be_so(raced):
    one = {**raced[0], "lbfgs": {**raced[0]["lbfgs"], "passes": None, "seconds": None}}
    assert "lbfgs not reached" in bench_report.race_line(one, ["lbfgs"])
    assert bench_report.race_summary([one], ["lbfgs"])["lbfgs"]["geometric_mean"] is None


def test_growth_has_a_time_for_each_size(fig3):
    found = bench.growth(mx.cpu(), load_experiment(fig3).optimiser, "relu1_2", edges=(32, 64), filters=(1, 2), passes=2)
    assert [one["long_edge"] for one in found["pixels"]] == [32, 64]
    assert [one["filters"] for one in found["filters"]] == [1, 2]
    assert all(one["seconds"] > 0 for one in found["pixels"] + found["filters"])
