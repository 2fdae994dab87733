import ctypes
import os
import re
import subprocess
import sys

import pytest
from conftest import ROOT

from fmi_mx import InputError
from fmi_mx.machine import mxnet
from fmi_mx.machine.mxnet import mx


def test_nothing_else_imports_mxnet():
    for path in (ROOT / "fmi_mx").glob("*.py"):
        imports = re.findall(r"^\s*(?:import|from) mxnet\b.*", path.read_text(encoding="utf-8"), re.M)
        assert not imports, path
    assert 'import_module("mxnet")' in (ROOT / "fmi_mx" / "machine" / "mxnet.py").read_text(encoding="utf-8")


def test_the_package_and_its_checks_need_no_mxnet():
    code = "import sys, fmi_mx; fmi_mx.load_experiment(sys.argv[1]); print('mxnet' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, ROOT / "experiments" / "fig3.yaml"], capture_output=True, encoding="utf-8"
    )
    assert done.stdout == "False\n"


def test_the_environment_is_prepared_but_the_users_stays(monkeypatch):
    for name in ("OMP_NUM_THREADS", "MXNET_CUDNN_AUTOTUNE_DEFAULT", "MXNET_ENFORCE_DETERMINISM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MXNET_SUBGRAPH_VERBOSE", "1")
    mxnet.prepare_environment()
    assert os.environ["OMP_NUM_THREADS"] == str(mxnet.usable_cores())
    assert os.environ["MXNET_SUBGRAPH_VERBOSE"] == "1"
    assert os.environ["MXNET_CUDNN_AUTOTUNE_DEFAULT"] == "0"
    assert os.environ["MXNET_ENFORCE_DETERMINISM"] == "1"


@pytest.mark.parametrize("asked, found", [("3", 3), (" 4 ", 4), ("2,3,4", 2), ("", 5), ("1024", 1024)])
def test_the_users_threads_count(monkeypatch, asked, found):
    monkeypatch.setattr(mxnet, "usable_cores", lambda: 5)
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    mxnet.prepare_environment()
    assert mxnet.threads() == found
    assert os.environ["OMP_NUM_THREADS"] == str(found)  # one number: MXNet ends the process at a list


@pytest.mark.parametrize("asked", ["abc", "0", "-1", "1.5", "9" * 30, "1025", "٣", ",2", "2;3"])
def test_threads_that_are_no_number_of_them_are_refused(monkeypatch, asked):
    """OpenMP would say a line of its own and take what it likes, or end the process."""
    monkeypatch.setenv("OMP_NUM_THREADS", os.fsdecode(asked.encode()))  # as it comes in, whatever the locale
    with pytest.raises(InputError, match="OMP_NUM_THREADS is .*must be from 1 to 1024"):
        mxnet.prepare_environment()


@pytest.mark.parametrize(
    "quota, cores", [("max 100000", 4), ("150000 100000", 2), ("20000 100000", 1), ("900000 100000", 4)]
)
def test_a_containers_quota_counts(monkeypatch, tmp_path, quota, cores):
    (tmp_path / "cpu.max").write_text(quota, encoding="utf-8")
    monkeypatch.setattr(mxnet, "Path", lambda _: tmp_path / "cpu.max")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    assert mxnet.usable_cores() == cores


def test_mxnet_really_runs_with_these_threads_and_without_a_word():
    code = """
import os
os.environ.pop("OMP_NUM_THREADS", None)
from fmi_mx.machine.mxnet import mx
x = mx.sym.Variable("data")
mx.sym.Convolution(x, num_filter=2, kernel=(3, 3), name="c").simple_bind(mx.cpu(), data=(1, 3, 8, 8)).forward()
print(os.environ["OMP_NUM_THREADS"])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout == f"{mxnet.usable_cores()}\n"
    assert "MKLDNN" not in done.stderr


@pytest.fixture
def nothing_imported(monkeypatch):
    """Neither MXNet nor a wheel of CUDA libraries counts as imported, now or after."""
    for name in [name for name in sys.modules if name.split(".")[0] in ("nvidia", "mxnet")]:
        monkeypatch.delitem(sys.modules, name)
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == "nvidia"]:
        del sys.modules[name]


def fake_wheels(tmp_path, monkeypatch, leave_out=()):
    for module, library in mxnet.CUDA_LIBRARIES:
        folder = tmp_path / module.replace(".", "/")
        (folder / "lib").mkdir(parents=True, exist_ok=True)
        (folder / "__init__.py").touch()
        if library not in leave_out:
            (folder / "lib" / library).touch()
    (tmp_path / "nvidia" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.usefixtures("nothing_imported")
def test_the_cuda_libraries_are_loaded_in_order_for_everybody(tmp_path, monkeypatch):
    fake_wheels(tmp_path, monkeypatch)
    loaded = []
    paths = mxnet.load_cuda_libraries(lambda path, mode: loaded.append((path, mode)))
    assert [str(path) for path in paths] == [path for path, _ in loaded]
    assert [path.name for path in paths] == [
        "libcudart.so.11.0", "libnvrtc.so.11.2", "libnvToolsExt.so.1", "libcublasLt.so.11", "libcublas.so.11",
        "libcufft.so.10", "libcurand.so.10", "libcusolver.so.11", "libnccl.so.2", "libcudnn.so.8",
    ]  # fmt: skip
    assert {mode for _, mode in loaded} == {ctypes.RTLD_GLOBAL}


@pytest.mark.usefixtures("nothing_imported")
def test_a_library_that_is_not_installed_is_left_to_the_system(tmp_path, monkeypatch):
    fake_wheels(tmp_path, monkeypatch, leave_out=["libnccl.so.2"])
    assert len(mxnet.load_cuda_libraries(lambda *_, **__: None)) == 9
    assert mxnet.cuda_library("nvidia.nowhere", "x.so") is None


@pytest.mark.usefixtures("nothing_imported")
def test_an_mxnet_that_cannot_be_imported_is_one_line(monkeypatch):
    def fail(_):
        raise OSError("libcuda.so.1: cannot open shared object file\nand more")

    monkeypatch.setattr(mxnet.importlib, "import_module", fail)
    with pytest.raises(InputError, match=r"libcuda.so.1.*fmi doctor") as caught:
        mxnet.import_mxnet()
    assert "\n" not in str(caught.value)


def test_the_proxy_is_mxnet():
    import mxnet

    assert mx.nd is mxnet.nd
