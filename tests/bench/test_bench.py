import contextlib
import dataclasses
import json
import time
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from conftest import ROOT

from fmi_mx import InputError, Problem, encode, inversion_loss, isolate, layer_code, load_experiment, vgg19
from fmi_mx.bench import bench, passes, race, rivals
from fmi_mx.bench import report as reporting
from fmi_mx.cli import main
from fmi_mx.descent.optimisers import SGD, Stop
from fmi_mx.machine import instructions
from fmi_mx.machine.mxnet import mx
from fmi_mx.network.executors import to_device
from fmi_mx.runs.compute import Beginning, load_network
from fmi_mx.runs.materials import gather
from fmi_mx.weights.canonical import read_weights

SMALL = ROOT / "model" / "small.params"


@pytest.fixture
def a_second_a_pass(monkeypatch):
    """A stopwatch on which every pass takes a second, ours and the bare executor's, of an image of 24x32, in float32."""
    made, forward = [], mx.executor.Executor.forward

    def stopwatch(function):
        before = len(made)
        function()
        return float(len(made) - before)

    monkeypatch.setattr(mx.executor.Executor, "forward", lambda *given, **more: made.append(1) or forward(*given, **more))
    monkeypatch.setattr(passes, "stopwatch", stopwatch)
    monkeypatch.setattr(instructions, "bfloat16", list)
    monkeypatch.setattr(passes, "SHAPE", (1, 3, 24, 32))


def test_a_pass_takes_time():
    assert 0 < passes.stopwatch(lambda: time.sleep(0.01)) < 60


@pytest.mark.usefixtures("a_second_a_pass")
def test_seconds_are_of_one_pass_and_ratios_to_the_loop(fig3):
    """The loop makes no pass that the bare executor does not; a rival answers 6 s for its two."""
    optimiser = load_experiment(fig3).optimiser
    found = passes.loop_against_executor("relu1_2", mx.cpu(), optimiser, 3, passes=2, others={"x": lambda *_: 6.0})
    assert found == {"layer": "relu1_2", "seconds_executor": 1, "seconds_loop": 1, "ratio": 1, "seconds_x": 3, "ratio_x": 3}
    head, line = reporting.pass_lines([found])
    assert head.split() == ["layer", "executor", "s", "loop", "s", "loop/executor", "x", "s", "x/loop"]
    assert line.split() == ["relu1_2", "1.0000", "1.0000", "1.000", "3.0000", "3.00"]


@pytest.mark.usefixtures("a_second_a_pass")
def test_the_ratio_sees_a_slow_loop(fig3, monkeypatch):
    slow = passes.descend
    monkeypatch.setattr(passes, "descend", lambda *arguments: [slow(*arguments) for _ in range(4)])
    found = passes.loop_against_executor("relu1_1", mx.cpu(), load_experiment(fig3).optimiser, rounds=3, passes=2)
    assert found["ratio"] == 4


@pytest.mark.usefixtures("a_second_a_pass")
def test_bfloat16_has_a_column_where_the_device_has_it(fig3, monkeypatch):
    """Computed in float32 here, for the sake of processors that cannot."""
    asked = []

    def in_float32(loss, weights, constants, shape, wanted):
        asked.append(wanted)
        made = Problem(loss, weights, constants, shape, "float32")
        made.precision = wanted
        return made

    monkeypatch.setattr(passes, "Problem", in_float32)
    monkeypatch.setattr(instructions, "bfloat16", lambda: ["amx_bf16"])
    found = passes.loop_against_executor("relu1_1", mx.cpu(), load_experiment(fig3).optimiser, rounds=1, passes=2)
    assert asked == ["float32", "bfloat16"]
    assert (found["seconds_bfloat16"], found["ratio_bfloat16"]) == (1, 1)
    assert "bfloat16/loop" in reporting.pass_lines([found])[0]


def test_what_lbfgs_adds_is_the_difference_to_the_executor(fig3, monkeypatch):
    """A slow one adds what it sleeps."""
    optimiser = load_experiment(fig3, preset="fast").optimiser
    descend = passes.descend

    def slowly(problem, image, optimiser, stop, callback):
        def late(one):
            time.sleep(0.05)
            callback(one)

        return descend(problem, image, optimiser, stop, late)

    monkeypatch.setattr(passes, "descend", slowly)
    found = passes.lbfgs_against_executor("relu1_1", mx.cpu(), optimiser, 32, "float32", rounds=3, passes=4)
    assert 0.05 < found["seconds_own"] < 0.2
    assert found["seconds_loop"] > found["seconds_executor"] + 0.04
    assert found["ratio"] > 1
    (line,) = reporting.lbfgs_lines([found])
    assert line.startswith("relu1_1 at long edge 32, float32: executor 0.")
    assert line.endswith(" ms")


@pytest.mark.usefixtures("a_second_a_pass")
def test_growth_has_a_time_for_each_size(fig3):
    found = passes.growth(mx.cpu(), load_experiment(fig3).optimiser, "relu1_1", edges=(32, 64), filters=(1, 2), passes=2)
    assert found["pixels"] == [{"long_edge": 32, "seconds": 1.0}, {"long_edge": 64, "seconds": 1.0}]
    assert found["filters"] == [{"filters": 1, "seconds": 10.0}, {"filters": 2, "seconds": 20.0}]
    assert reporting.growth_lines(found)[1:3] == [
        "relu3_2 at long edge 64: 1.0000 s a pass",
        "relu3_2 at long edge 128, 1 filters: 10.00 s for ten passes each",
    ]


def test_the_authors_process_has_mxnets_threads(monkeypatch):
    """MXNet's default, half of the processors that it sees."""
    begun = []
    monkeypatch.setattr(rivals, "usable_cores", lambda: 6)
    monkeypatch.setattr(rivals.subprocess, "Popen", lambda _, env, **__: begun.append(env["OMP_NUM_THREADS"]))
    rivals.Rival("authors")
    assert begun == ["3"]


def test_a_rival_answers_from_its_own_process():
    with rivals.Rival("authors") as rival:
        assert 0 < rival("relu1_2", (1, 3, 24, 32), 2) < 60


def test_the_memory_of_a_descent_is_seen():
    ballast = np.ones(800_000_000, np.uint8)  # 0.8 GB of this process, which is not the descent's
    with rivals.Rival("memory") as rival:
        assert 0.05 < rival("relu1_2", (1, 3, 32, 32), 2) < 0.7
    assert ballast.all()


def test_a_rival_that_dies_is_said_to_have_died():
    with rivals.Rival("nonsense") as rival:
        for _ in range(2):  # the second time there is nobody to ask
            with pytest.raises(InputError, match="the process that runs nonsense ended"):
                rival("relu1_2", (1, 3, 32, 32), 2)


def test_the_authors_way_takes_their_steps(monkeypatch):
    """Its image after a few passes is that of our loop with the same optimiser, which computes no gradient of a weight."""
    shape, ends = (1, 3, 16, 24), []
    descend = rivals.descend
    monkeypatch.setattr(rivals, "descend", lambda *arguments: ends.append(descend(*arguments)))
    made, bind = [], mx.sym.Symbol.bind
    monkeypatch.setattr(mx.sym.Symbol, "bind", lambda *given, **more: made.append(more) or bind(*given, **more))
    rivals.authors_passes("relu1_2", shape)(4)
    assert {"conv1_1_weight", "conv1_2_bias"} < set(made[-1]["args_grad"])  # theirs has every weight's gradient computed
    loss, weights, target, image = rivals.random_problem("relu1_2", shape)
    halving = dataclasses.replace(rivals.AUTHORS_SGD, rescale=0.5)
    ours = descend(rivals.Problem(loss, weights, {"target": target}, shape), image, halving, rivals.Stop(4, 0.0))
    np.testing.assert_allclose(ends[0].image.asnumpy(), ours.image.asnumpy(), rtol=1e-4, atol=1e-3)


class TwoSeconds(contextlib.nullcontext):
    """In place of a rival's process: two seconds a pass, and PyTorch's L-BFGS arrives in four seconds."""

    def __init__(self, kind, *program):
        super().__init__(self)
        self.kind, self.program, self.asked = kind, program, []

    def __call__(self, *asked):
        return 2.0 * asked[-1]

    def ask(self, question):
        assert (self.kind, self.program[0]) == ("torch", "torch_lbfgs")
        asked = json.loads(question)
        with np.load(asked["cell"]) as cell:
            assert cell["image"].shape[:2] == (1, 3)
            assert cell["target"].sum() > 0
        found = {"precision": asked["precision"], "passes": 2, "seconds": 4.0, "curve": [(2.0, 9e9), (4.0, asked["goal"])]}
        return json.dumps({**found, "loss": asked["goal"], "stopped": "goal", "saturated": 0.5})


@pytest.fixture(scope="module")
def raced(tmp_path_factory):
    fig3 = ROOT / "experiments" / "fig3.yaml"
    small = {"long_edge": 48, "images": ["coffee"], "layers": ["relu1_2"], "filters": "0-1", "stop.passes": 12}
    authors = load_experiment(fig3, **small)
    preset = load_experiment(fig3, preset="fast", precision="float32", **{"stop.passes": 5})
    materials = gather(authors, SMALL, tmp_path_factory.mktemp("none"), "cpu")
    network = load_network(materials.weights, authors.pool, materials.device)
    lbfgs = load_experiment(fig3, preset="fast", precision="float32")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rivals, "Rival", TwoSeconds)
        patch.setattr(rivals, "has_torch", lambda: True)
        return race.race(materials, network, {"lbfgs": lbfgs}, preset, SMALL)


def test_the_race_is_to_the_loss_that_the_authors_sgd_ends_with(raced):
    assert [one["name"] for one in raced] == ["coffee.relu1_2.f000", "coffee.relu1_2.f001"]
    for one in raced:
        assert one["loss"] == one["sgd"]["curve"][-1][1]
        assert one["authors"]["passes"] == one["sgd"]["passes"] == len(one["sgd"]["curve"]) == 12
        assert one["authors"]["seconds"] == 24
        curve = [loss for _, loss in one["lbfgs"]["curve"]]
        assert curve[-1] == one["lbfgs"]["loss"] <= one["loss"] < min(curve[:-1])
        assert one["lbfgs"]["stopped"] == "goal"
        assert one["preset"]["stopped"] == "passes"
        assert one["lbfgs"]["reached"]
        assert one["lbfgs"]["seconds"] == one["lbfgs"]["curve"][-1][0]
        assert one["preset"]["passes"] == 5
        assert 0 <= one["sgd"]["saturated"] < 1
        assert (one["torch_float32"]["seconds"], one["torch_float32"]["reached"]) == (4.0, True)
    json.dumps(raced)


def test_the_race_beside_pytorch_is_the_ratio_of_the_seconds(raced):
    summary = reporting.beside_torch(raced, {"adam": "float32", "lbfgs": "float32"})
    ratios = [4.0 / one["lbfgs"]["seconds"] for one in raced]
    assert list(summary) == ["lbfgs"]
    assert summary["lbfgs"]["geometric_mean"] == pytest.approx(np.sqrt(ratios[0] * ratios[1]))
    assert summary["lbfgs"]["least"] == min(ratios)
    assert summary["lbfgs"]["least_cell"] == raced[int(np.argmin(ratios))]["name"]
    assert "times as long (geometric mean of 2 cells), at least" in reporting.torch_lines(summary)[0]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_pytorchs_descent_is_of_the_same_loss_and_ends_where_it_is_told(precision):
    torch = pytest.importorskip("torch")
    from fmi_mx.bench import torch_lbfgs, torch_network

    arrays = read_weights(SMALL)
    generator = np.random.default_rng(0)
    image = generator.uniform(-0.1, 0.1, (1, 3, 24, 32)).astype(np.float32)
    content = generator.uniform(-100, 100, (1, 3, 24, 32)).astype(np.float32)
    code = layer_code(vgg19(width=1 / 8), "relu2_2")
    weights = to_device(arrays, mx.cpu())
    target = encode(isolate(code, 3), weights, mx.nd.array(content))
    ours = encode(
        inversion_loss(code, mx.sym.Variable("target")), {**weights, "target": target}, mx.nd.array(image)
    ).asscalar()
    tensors = {name: torch.tensor(array) for name, array in arrays.items()}
    theirs = torch_network.loss(torch.tensor(image), torch.tensor(target.asnumpy()), "relu2_2", tensors)
    assert theirs.item() == pytest.approx(ours, rel=1e-4)
    found = torch_lbfgs.descend(image, target.asnumpy(), tensors, "relu2_2", precision, 0.95 * ours, 50)
    assert found["stopped"] == "goal"
    assert found["loss"] <= 0.95 * ours < found["curve"][-2][1]
    assert found["passes"] == len(found["curve"]) < 50
    assert torch_lbfgs.descend(image, target.asnumpy(), tensors, "relu2_2", precision, 0.0, 5)["passes"] == 5


HALVING = SGD(learning_rate=0.25, momentum=0.0, decay=1.0, decay_every=1, clip=1e9, weight_decay=0.0, rescale=1.0)


class Bowl:
    """A problem whose loss |x|^2 is seen ``bias`` times as high as it is."""

    def __init__(self, precision, bias=1.0):
        self.precision, self.bias, self.asked = precision, bias, 0

    def loss_and_gradient(self, image):
        self.asked += 1
        return (image**2).sum() * self.bias, 2 * image


@pytest.mark.parametrize("bias, goal, passes", [(1.015, 12.1, 3), (0.985, 11.9, 4), (1.03, 12.1, 4), (1.015, 2.0, 5)])
def test_a_race_in_bfloat16_is_judged_in_float32(bias, goal, passes):
    """By HALVING the image halves from pass to pass, so the loss falls as 192, 48, 12, 3, 0.75. Seen 1.015 times as high 12
    is judged, and is there; seen lower it is judged, and is not; seen 1.03 times as high it is not judged."""
    exact, image = Bowl("float32"), mx.nd.ones((1, 3, 1, 1)) * 8
    found = race.timed(Beginning(None, Bowl("bfloat16", bias), image, None, [0]), HALVING, Stop(20, 0.0), exact, goal)
    assert found["passes"] == len(found["curve"]) == passes
    assert found["loss"] == 192 / 4 ** (passes - 1)
    assert (found["precision"], found["stopped"]) == ("bfloat16", "goal")
    assert exact.asked == (3 if bias < 1 else 2)  # each image judged, and the last


def test_judging_is_not_on_the_clock(monkeypatch):
    """A pass takes a second, and to judge an image a hundred."""
    now, exact, rounded = [0.0], Bowl("float32"), Bowl("bfloat16", 0.985)

    def slowly(problem, seconds):
        evaluate = problem.loss_and_gradient
        problem.loss_and_gradient = lambda image: (now.append(now[-1] + seconds), evaluate(image))[1]

    slowly(exact, 100)
    slowly(rounded, 1)
    monkeypatch.setattr(race, "time", SimpleNamespace(perf_counter=lambda: now[-1]))
    found = race.timed(
        Beginning(None, rounded, mx.nd.ones((1, 3, 1, 1)) * 8, None, [0]), HALVING, Stop(20, 0.0), exact, 11.9
    )
    assert [seconds for seconds, _ in found["curve"]] == [1, 2, 3, 4]
    assert found["seconds"] == 4
    assert now[-1] > 100


def test_bfloat16_races_where_the_device_has_it(monkeypatch, fig3):
    preset = load_experiment(fig3, preset="fast")
    monkeypatch.setattr(instructions, "bfloat16", list)
    assert {name: one.precision for name, one in bench.racers_on(mx.cpu(), preset).items()} == {
        "adam": "float32",
        "lbfgs": "float32",
    }
    monkeypatch.setattr(instructions, "bfloat16", lambda: ["amx_bf16"])
    racers = bench.racers_on(mx.cpu(), preset)
    assert racers["lbfgs_bfloat16"].precision == "bfloat16"
    assert racers["lbfgs_bfloat16"].optimiser == racers["lbfgs"].optimiser
    assert racers["lbfgs"].optimiser.box is None


def test_the_report_of_a_race_says_what_was_measured(raced):
    summary = reporting.race_summary(raced, ["sgd", "lbfgs"])
    speeds = [one["authors"]["seconds"] / one["lbfgs"]["seconds"] for one in raced]
    assert summary["lbfgs"]["geometric_mean"] == pytest.approx(np.sqrt(speeds[0] * speeds[1]))
    assert summary["lbfgs"]["smallest"] == min(speeds)
    assert summary["lbfgs"]["reached"] == 2
    assert summary["lbfgs"]["highest_loss"] == max(one["lbfgs"]["loss"] / one["loss"] for one in raced)
    assert f"lbfgs {raced[0]['lbfgs']['passes']} passes" in reporting.race_line(raced[0], ["lbfgs"])
    assert f"{min(speeds):.1f} times" in reporting.summary_lines(summary)[1]
    assert reporting.draw(raced, ["sgd", "lbfgs"]).startswith(b"\x89PNG")


def test_a_loss_that_is_not_reached_is_said_to_be_so(raced):
    one = {**raced[0], "lbfgs": {**raced[0]["lbfgs"], "reached": False, "loss": 1.5 * raced[0]["loss"]}}
    assert "but at 1.500 of their loss" in reporting.race_line(one, ["lbfgs"])
    summary = reporting.race_summary([one], ["lbfgs"])
    assert summary["lbfgs"]["geometric_mean"] is None
    assert summary["lbfgs"]["highest_loss"] == 1.5
    assert "0 of 1 cells come to the authors' last loss; loss at most 1.500" in reporting.summary_lines(summary)[0]


@pytest.mark.parametrize("torch", [True, False])
def test_the_whole_benchmark_writes_its_report(tmp_path, capsys, monkeypatch, torch):
    """Beside PyTorch and without it, whatever is installed."""
    monkeypatch.setattr(rivals, "has_torch", lambda: torch)
    monkeypatch.setattr(rivals, "Rival", TwoSeconds)
    monkeypatch.setattr(instructions, "bfloat16", list)
    tiny = {"long_edge": 32, "images": ["coffee"], "layers": ["relu1_2"], "filters": 0}
    monkeypatch.setattr(bench, "load_experiment", lambda path, **given: load_experiment(path, **{**given, **tiny}))
    monkeypatch.setattr(bench, "DESCRIBED", ("relu1_2",))
    monkeypatch.setattr(bench, "EDGES", (32,))
    monkeypatch.setattr(bench, "LARGEST", ("relu1_2", (1, 3, 32, 32)))
    monkeypatch.setattr(passes, "SHAPE", (1, 3, 24, 32))
    monkeypatch.setattr(bench, "WIDTH", 1 / 8)
    monkeypatch.setattr(bench, "growth", lambda *_: {"pixels": [], "filters": []})
    out = tmp_path / "new" / "bench"
    assert main(["bench", "--weights", str(SMALL), "--images", str(tmp_path), "--out", str(out)]) == 0
    report = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
    assert report["summary"]["lbfgs"]["cells"] == len(report["race"]) == 1
    assert report["passes"][0]["layer"] == "relu1_2"
    assert report["passes"][0]["seconds_authors"] == 2
    assert ("seconds_torch" in report["passes"][0]) == ("beside_torch" in report) == torch
    assert ("torch_float32" in report["summary"]) == torch
    assert report["peak_gb"] == 28
    assert [(one["layer"], one["long_edge"], one["precision"]) for one in report["lbfgs"]] == [("relu1_2", 32, "float32")]
    assert capsys.readouterr().out.splitlines()[-1] == f"{out}.json {out}.png"
    assert out.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_a_benchmark_that_could_not_finish_is_refused_at_the_door(tmp_path, capsys, monkeypatch):
    (tmp_path / "bench.png").mkdir()
    files = ["--weights", str(SMALL), "--images", str(tmp_path)]
    assert main(["bench", *files, "--out", str(tmp_path / "b")]) == 2
    assert "golden_gate" in capsys.readouterr().err
    cv2.imwrite(str(tmp_path / "golden_gate.png"), np.zeros((64, 64, 3), np.uint8))
    assert main(["bench", *files, "--out", str(tmp_path / "b")]) == 2
    assert "the authors' way is timed with the whole VGG-19" in capsys.readouterr().err
    monkeypatch.setattr(bench, "WIDTH", 1 / 8)
    assert main(["bench", *files, "--out", "/"]) == 2
    assert "no name for a figure" in capsys.readouterr().err
    assert main(["bench", *files, "--out", str(tmp_path / "bench")]) == 2
    assert "cannot be written" in capsys.readouterr().err
    assert main(["bench", "--weights", str(tmp_path / "none"), "--images", str(tmp_path), "--out", str(tmp_path / "b")]) == 2
    assert "none: no such file" in capsys.readouterr().err
