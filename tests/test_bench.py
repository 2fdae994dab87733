from fmi_mx import bench, load_experiment
from fmi_mx.mxnet_setup import mx


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
