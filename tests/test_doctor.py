import os
import subprocess
import sys

import pytest

from fmi_mx import doctor
from fmi_mx.machine import instructions

IMAGES = ("golden_gate", "neckarfront", "frida_kahlo", "seated_nude", "starry_night", "the_scream")


@pytest.fixture
def images(tmp_path):
    for name in IMAGES:
        (tmp_path / f"{name}.jpg").touch()
    return tmp_path


def facts(weights, images, device="cpu"):
    return {
        fact.split(" ")[0].rstrip(":"): (good, fact, remedy)
        for good, fact, remedy in doctor.examine(weights, images, device)
    }


def test_a_machine_that_has_everything(weights_file, images):
    found = doctor.examine(weights_file, images, "cpu")
    assert [(fact, remedy) for good, fact, remedy in found if not good] == []
    text = "\n".join(fact for _, fact, _ in found)
    for word in (
        "Python 3",
        "NumPy 1",
        "MXNet build: mxnet",
        "CUDA libraries",
        "GPUs",
        "import mxnet: 1.9.1",
        "threads",
        "device cpu",
    ):
        assert word in text
    assert all("\n" not in fact for _, fact, _ in found)


def test_what_is_missing_comes_with_a_remedy(tmp_path, images):
    (images / "the_scream.jpg").unlink()
    found = facts(tmp_path / "none.params", images, "gpu")
    assert found["weights"] == (False, f"weights {tmp_path / 'none.params'}: no such file", "make model, or --weights FILE")
    assert found["images"][0] is False
    assert "the_scream not in" in found["images"][1]
    assert "make images" in found["images"][2]
    assert found["device"][0] is False
    assert "--device cpu" in found["device"][2]


def test_cu112_without_its_libraries_and_driver(weights_file, images, monkeypatch):
    monkeypatch.setattr(doctor, "installed_builds", lambda: {"mxnet-cu112": "1.9.1"})
    found = facts(weights_file, images)
    assert "libcudart.so.11.0" in found["CUDA"][1]
    assert found["CUDA"][2] == "pip install -e '.[cu112]'"
    if not found["GPUs"][0]:
        assert "EXTRA=cpu" in found["GPUs"][2]


@pytest.mark.parametrize("builds, words", [({}, "not installed"), ({"mxnet": "1.9.1", "mxnet-cu112": "1.9.1"}, "both")])
def test_no_build_or_two(weights_file, images, monkeypatch, builds, words):
    monkeypatch.setattr(doctor, "installed_builds", lambda: builds)
    good, fact, remedy = next(found for found in doctor.examine(weights_file, images, "cpu") if words in found[1])
    assert not good
    assert "setup" in remedy


def doctor_beside(folder):
    """``fmi doctor`` as a program, which imports what lies in the folder before anything else."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    command = [sys.executable, "-m", "fmi_mx", "doctor"]
    return subprocess.run(command, env=environment, capture_output=True, encoding="utf-8")


def test_it_works_where_mxnet_cannot_be_imported(tmp_path):
    (tmp_path / "mxnet").mkdir()
    (tmp_path / "mxnet" / "__init__.py").write_text(
        "raise OSError('libcuda.so.1: cannot open shared object file')", encoding="utf-8"
    )
    done = doctor_beside(tmp_path)
    assert done.returncode == 1
    assert done.stderr == ""
    assert "MISSING  import mxnet: libcuda.so.1: cannot open shared object file; to mend it: " in done.stdout
    assert "ok       NumPy" in done.stdout


def test_threads_that_cannot_be_are_the_cause_that_is_named(tmp_path):
    """Above what cannot be imported because of them."""
    environment = {**os.environ, "OMP_NUM_THREADS": "2000"}
    command = [sys.executable, "-m", "fmi_mx", "doctor"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, encoding="utf-8")
    threads, imported = (line for line in done.stdout.splitlines() if "OMP_NUM_THREADS is '2000'; it must be from" in line)
    assert threads.startswith("MISSING  threads: ") and threads.endswith("to mend it: unset OMP_NUM_THREADS")
    assert imported.startswith("MISSING  import mxnet: ") and "what is marked above" in imported


def test_it_works_where_opencv_cannot_be_imported(tmp_path):
    (tmp_path / "cv2.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file')", encoding="utf-8")
    done = doctor_beside(tmp_path)
    assert done.returncode == 1
    assert (
        "MISSING  OpenCV cannot be imported (libGL.so.1: cannot open shared object file); to mend it: apt-get" in done.stdout
    )


@pytest.mark.parametrize("has, words", [(["avx512_bf16"], "bfloat16 on the CPU: avx512_bf16"), ([], "preset takes float32")])
def test_it_says_whether_the_processor_multiplies_bfloat16(weights_file, images, monkeypatch, has, words):
    monkeypatch.setattr(instructions, "bfloat16", lambda: has)
    assert [good for good, fact, _ in doctor.examine(weights_file, images, "cpu") if words in fact] == [True]
