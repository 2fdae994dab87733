import importlib
import subprocess
import sys

import cv2
import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from fmi_mx import InputError, cli
from fmi_mx.machine import instructions
from fmi_mx.machine.mxnet import mx
from fmi_mx.machine.processor import kinds, machine
from fmi_mx.runs.materials import OTHER_LOOK

FIG3 = ROOT / "experiments" / "fig3.yaml"
SMALL = ["--set", "long_edge=32", "--set", "layers=[relu1_1, relu2_1]", "--set", "filters=0-1", "--set", "stop.passes=3"]


@pytest.fixture
def fmi(fig3, weights_file, images_folder, tmp_path, monkeypatch, capsys):
    """Runs ``fmi`` in an empty folder; returns (exit code, stdout, stderr)."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("FMI_WEIGHTS", str(weights_file))
    monkeypatch.setenv("FMI_IMAGES", str(images_folder))
    monkeypatch.setenv("FMI_DEVICE", "cpu")

    def fmi(*arguments):
        code = cli.main([str(fig3) if argument == "FIG3" else str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return fmi


def test_run_draws_the_figure_beside_the_folder_and_plot_draws_it_again(fmi, tmp_path):
    code, out, err = fmi("run", "FIG3", *SMALL)
    assert (code, out.strip()) == (0, str(tmp_path / "here" / "figures" / "fig3.png"))
    assert err.count("\n") == 8
    drawn = (tmp_path / "here" / "figures" / "fig3.png").read_bytes()
    (tmp_path / "here" / "figures" / "fig3.png").unlink()
    assert fmi("plot", "figures/fig3")[0] == 0
    assert (tmp_path / "here" / "figures" / "fig3.png").read_bytes() == drawn


@pytest.mark.parametrize("preset, line", [("fast", "bfloat16: not on this device, so float32 it is\n"), (None, "")])
def test_a_precision_that_the_processor_lacks_is_said_to_be_another(fmi, monkeypatch, preset, line):
    monkeypatch.setattr(instructions, "bfloat16", list)
    chosen = ["--set", f"preset={preset}"] if preset else []
    code, _, err = fmi("run", "FIG3", *chosen, *SMALL)
    assert code == 0
    assert err.startswith(f"{line}[1/8]")


@pytest.mark.parametrize("optimiser, loss", [("lbfgs", "pmci"), ("lbfgs", "gatys"), ("sgd", "pmci")])
def test_pmci_by_lbfgs_is_said_to_look_otherwise(fmi, fig3, optimiser, loss):
    chosen = ["images=golden_gate", "styles=neckarfront", f"losses={loss}", "style_layers=relu1_1", "long_edge=32"]
    chosen += [f"optimiser.name={optimiser}", "stop.passes=2"]
    code, _, err = fmi("run", fig3.with_name("fig5.yaml"), *[arg for one in chosen for arg in ("--set", one)])
    assert code == 0
    assert (OTHER_LOOK in err) == ((optimiser, loss) == ("lbfgs", "pmci"))


def test_what_is_made_of_an_image_is_said_in_a_line(fmi, images_folder, tmp_path):
    first, second = (Image.open(images_folder / f"{name}.png") for name in ("golden_gate", "neckarfront"))
    first.save(tmp_path / "animated.png", save_all=True, append_images=[second.resize(first.size)])
    code, _, err = fmi("run", "FIG3", *SMALL, "--set", f"images={tmp_path / 'animated.png'}")
    assert code == 0
    assert err.splitlines()[0] == f"image {tmp_path / 'animated.png'}: holds several images, of which the first is taken"
    assert err.count("\n") == 5


def bad_files(folder):
    (folder / "text.jpg").write_text("this is text", encoding="utf-8")
    (folder / "cut.npz").write_bytes(b"PK\x03\x04cut")
    (folder / "is_a_file").write_text("", encoding="utf-8")
    cv2.imwrite(str(folder / "one_pixel.png"), np.zeros((1, 1, 3), np.uint8))
    (folder / "misspelt.yaml").write_text("method: fmi\nlayerz: [relu1_1]\n", encoding="utf-8")


@pytest.mark.parametrize("arguments, message", [
    (["run", "none.yaml"], "none.yaml: no such file"),
    (["run", "."], "is a directory"),
    (["run", "BAD/misspelt.yaml"], "unknown key 'layerz' (did you mean 'layers'?)"),
    (["run", "FIG3", "--set", "images=[nothing]"], "image 'nothing' is not in"),
    (["run", "FIG3", "--set", 'images=["BAD/none.jpg"]'], "no such file"),
    (["run", "FIG3", "--set", 'images=["BAD/."]'], "is no regular file"),
    (["run", "FIG3", "--set", 'images=["BAD/text.jpg"]'], "not an image that is read"),
    (["run", "FIG3", "--set", 'images=["BAD/one_pixel.png"]'], "is 1x1 pixels"),
    (["run", "FIG3", "--set", "layers=[relu9_9]"], "layer 'relu9_9' is not in VGG-19"),
    (["run", "FIG3", "--set", "filters=512", "--set", "layers=relu4_2"], "filter 512 is not in relu4_2; its filters are"),
    (["run", "FIG3", "--set", "long_edge=-1"], "long_edge: must be a whole number"),
    (["run", "FIG3", "--set", "long_edge=[]"], "long_edge: must be a whole number"),
    (["run", "FIG3", "--set", "layers=[]"], "layers: is an empty list"),
    (["run", "FIG3", "--set", "longedge=96"], "did you mean 'long_edge'?"),
    (["run", "FIG3", "--set", "long_edge"], "--set takes KEY=VALUE"),
    (["run", "FIG3", "--set", "layers=[relu1_1"], "not YAML"),
    (["run", "FIG3", "--device", "gpu"], "device 'gpu' cannot be used"),
    (["run", "FIG3", "--device", "gpu:77"], "device 'gpu:77' cannot be used"),
    (["run", "FIG3", "--device", "tpu"], "allowed are auto, cpu, gpu and gpu:N"),
    (["run", "FIG3", "--weights", "none.params"], "weights none.params: no such file"),
    (["run", "FIG3", "--weights", "BAD/cut.npz"], "cut or damaged"),
    (["run", "FIG3", "--out", "BAD/is_a_file/run"], "cannot be written"),
    (["run", "FIG3", "--out", "BAD/is_a_file"], "cannot be written"),
    (["run", "FIG3", "--out", ""], "--out: is empty"),
    (["claims", "--out", ""], "--out: is empty"),
    (["bench", "--out", ""], "--out: is empty"),
    (["run", "FIG3", "--weights", "two\nlines"], r"two\nlines: no such file"),
    (["run", "two\nlines.yaml"], "no such file"),
    (["run", "FIG3", "--weights", "w" * 300], "name too long"),
    (["run", "FIG3", "--set", "path=x"], "unknown key 'path'"),
    (["run", "FIG3", "--set", "seed=2001-13-45"], "seed: must be a whole number"),
    (["run"], "EXPERIMENT.yaml"),
    (["run", "FIG3", "--colour"], "--colour"),
    (["frobnicate"], "frobnicate"),
    ([], "COMMAND"),
    (["plot", "none"], "no finished run"),
    (["weights", "check", "none.params"], "no such file"),
    (["weights", "convert", "none.params", "--to", "x.npz"], "no such file"),
    (["bench", "--device", "gpu"], "cannot be used"),
])  # fmt: skip
def test_bad_input_is_one_line_exit_code_2_and_nothing_written(fmi, tmp_path, arguments, message):
    bad = tmp_path / "bad"
    bad.mkdir()
    bad_files(bad)
    before = sorted(tmp_path.rglob("*"))
    code, out, err = fmi(*[argument.replace("BAD", str(bad)) for argument in arguments])
    assert code == 2
    assert out == ""
    assert err.startswith("fmi: error: ")
    assert message in err
    assert err.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_a_place_without_room_for_the_figure_is_refused_first(fmi, tmp_path):
    (tmp_path / "here" / "run.png").mkdir()
    code, _, err = fmi("run", "FIG3", *SMALL, "--out", "run")
    assert code == 2
    assert "run.png cannot be written; give another folder with --out" in err
    assert not (tmp_path / "here" / "run").exists()


def test_fmi_device_is_the_default(fmi, monkeypatch):
    monkeypatch.setenv("FMI_DEVICE", "tpu")
    assert "device 'tpu' is not known" in fmi("run", "FIG3")[2]


def test_weights_convert_and_check(fmi, weights_file):
    assert fmi("weights", "convert", weights_file, "--to", "vgg19.params")[0] == 0
    one, two = fmi("weights", "check")[1], fmi("weights", "check", "vgg19.params")[1]
    assert one.split()[-1] == two.split()[-1]
    assert len(one.split()[-1]) == 64


def test_interrupted_says_that_it_resumes(fmi, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(importlib.import_module("fmi_mx.runs.compute"), "descend", interrupt)
    code, _, err = fmi("run", "FIG3", *SMALL)
    assert code == 130
    assert err == "fmi: interrupted; the same command resumes\n"


@pytest.mark.parametrize("made", [ImportError("initialization failed"), InputError("it cannot be imported"), OSError("x")])
def test_what_a_library_makes_of_an_interrupt_is_one(fmi, monkeypatch, made):
    def interrupt(*_, **__):
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as error:
            raise made from error

    monkeypatch.setattr("fmi_mx.bench.bench.bench", interrupt)
    assert fmi("bench") == (130, "", "fmi: interrupted\n")


def test_interrupted_where_nothing_resumes_does_not_say_so(fmi, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("fmi_mx.bench.bench.bench", interrupt)
    assert fmi("bench") == (130, "", "fmi: interrupted\n")


def test_cells_that_failed_are_named_once_more_in_the_end(fmi, monkeypatch):
    """By run and by plot, which draw the figure all the same; the same command tries again."""
    original, calls = importlib.import_module("fmi_mx.runs.compute").descend, []

    def fail_twice(*arguments, **options):
        calls.append(arguments)
        if len(calls) in (2, 3):
            raise mx.base.MXNetError("a page\nof text\nout of memory\n")
        return original(*arguments, **options)

    monkeypatch.setattr(importlib.import_module("fmi_mx.runs.compute"), "descend", fail_twice)
    code, out, err = fmi("run", "FIG3", *SMALL)
    lines = err.splitlines()
    assert (code, len(lines)) == (1, 9)
    reason = "MXNet cannot compute it (out of memory); is there memory for this long_edge?"
    assert lines[1] == f"[2/8] golden_gate.relu1_1.f001: failed ({reason})"
    last = "2 of 8 cells failed: golden_gate.relu1_1.f001, golden_gate.relu2_1.f000; the same `fmi run` tries again"
    assert lines[-1] == last
    assert fmi("plot", "figures/fig3") == (1, out, f"{last}\n")
    code, again, err = fmi("run", "FIG3", *SMALL)
    assert (code, again, len(calls)) == (0, out, 10)
    assert "failed" not in err


@pytest.mark.parametrize(
    "layer, feature_map, helps",
    [
        ("relu2_1", "rectified", "--set feature_map=linear_if_silent"),
        ("relu2_1", "linear", "another seed"),
        ("relu2_1", "linear_if_silent", "another seed"),
        ("pool1", "rectified", "another seed"),  # of which there is no linear feature map
    ],
)
def test_silent_cells_are_named_in_the_end_with_what_helps(fmi, monkeypatch, layer, feature_map, helps):
    """By run and by plot; they are no failure."""
    original = importlib.import_module("fmi_mx.runs.compute").answer
    answer = lambda *given: {**original(*given), "silent": given[1].filter == 1}  # noqa: E731
    monkeypatch.setattr(importlib.import_module("fmi_mx.runs.compute"), "answer", answer)
    small = [word.replace("relu2_1", layer) for word in SMALL]
    code, out, err = fmi("run", "FIG3", *small, "--set", f"feature_map={feature_map}")
    names = ", ".join(f"{image}.{one}.f001" for image in ("golden_gate", "neckarfront") for one in ("relu1_1", layer))
    last = (
        f"4 of 8 cells silent, their filters without energy in the picture: {names}; {helps} may wake them (docs/trouble.md)"
    )
    assert (code, err.splitlines()[-1]) == (0, last)
    assert fmi("plot", "figures/fig3") == (0, out, f"{last}\n")


def test_stuck_cells_are_named_in_the_end(fmi, monkeypatch):
    module = importlib.import_module("fmi_mx.runs.compute")
    original = module.descend

    def descend(*arguments, **options):
        found = original(*arguments, **options)
        return found._replace(loss=0.9995 * found.losses[0])

    monkeypatch.setattr(module, "descend", descend)
    code, out, err = fmi("run", "FIG3", *SMALL)
    images, layers = ("golden_gate", "neckarfront"), ("relu1_1", "relu2_1")
    names = ", ".join(f"{image}.{layer}.f00{l}" for image in images for layer in layers for l in (0, 1))
    last = f"8 of 8 cells stuck, their losses less than a thousandth lower than at first: {names}; another seed may help"
    assert (code, err.splitlines()[-1]) == (0, f"{last} (docs/trouble.md)")
    assert fmi("plot", "figures/fig3") == (0, out, f"{last} (docs/trouble.md)\n")


def test_cells_of_two_kinds_of_machine_are_counted(fmi, monkeypatch):
    assert fmi("run", "FIG3", *SMALL)[2].count("\n") == 8
    here = "; ".join(f"8 on {words}" for words in kinds([{"machine": machine(mx.cpu())}]))
    other = {"processor": "Another", "instructions": ["avx2"], "threads": 1}
    monkeypatch.setattr("fmi_mx.runs.worker.machine", lambda _: other)
    wanted = f"cells of 2 kinds of machine, whose last digits differ: {here}; 4 on Another (avx2; threads: 1)"
    for _ in ("they were computed", "they were stored"):
        code, _, err = fmi("run", "FIG3", *[one.replace("filters=0-1", "filters=0-2") for one in SMALL])
        assert (code, err.splitlines()[-1]) == (0, wanted)


def test_ctrl_c_while_the_program_is_still_being_imported_is_one_line():
    """At whatever import it comes."""
    program = """
import builtins, sys
original, wanted = builtins.__import__, sys.argv.pop(1)
def interrupted(name, *rest):
    if name == wanted:
        raise KeyboardInterrupt
    return original(name, *rest)
from fmi_mx.__main__ import main
builtins.__import__ = interrupted
sys.exit(main())
"""
    for module in ("argparse", "yaml", "experiment.experiment", "numpy", "runs.materials"):
        done = subprocess.run(
            [sys.executable, "-c", program, module, "run", str(FIG3)], capture_output=True, encoding="utf-8"
        )
        assert (done.returncode, done.stdout) == (130, ""), module
        assert done.stderr.startswith("fmi: interrupted"), module
        assert done.stderr.count("\n") == 1, module


def test_fig2_looks_for_no_device(fmi, fig3, tmp_path):
    assert fmi("run", fig3.with_name("fig2.yaml"), "--set", "long_edge=32", "--device", "gpu", "--weights", "none")[0] == 0
    assert (tmp_path / "here" / "figures" / "fig2.png").exists()


def test_doctor_is_content_where_nothing_is_missing(fmi, monkeypatch):
    monkeypatch.setattr("fmi_mx.doctor.examine", lambda *_: [(True, "all there", "")])
    assert fmi("doctor") == (0, "ok       all there\n", "")


def test_python_m_and_help():
    done = subprocess.run([sys.executable, "-m", "fmi_mx", "--help"], capture_output=True, encoding="utf-8")
    assert done.returncode == 0
    for command in ("run", "plot", "weights", "images", "doctor", "bench"):
        assert command in done.stdout
