"""What every test begins with: the same environment on every machine, a small network of random weights, two images."""

import os
import signal
import tempfile
from pathlib import Path

# One MXNet thread a process, for tests run side by side, a process a core. Read at MXNet's import, so before any.
os.environ["OMP_NUM_THREADS"] = "1"

# A shell's job in the background begins deaf to Ctrl-C, and so would every program that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A user's own matplotlibrc and proxies decide nothing here, nor does whether his HOME can be written.
if "PYTEST_XDIST_WORKER" not in os.environ:  # a worker has the folder of the process that started it
    _matplotlib = tempfile.TemporaryDirectory(prefix="fmi_mx_tests_")  # there until this process ends
    os.environ["MPLCONFIGDIR"] = _matplotlib.name
for _name in ("MATPLOTLIBRC", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
    os.environ.pop(_name, None)

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402

from fmi_mx.machine import instructions  # noqa: E402
from fmi_mx.machine.mxnet import usable_cores  # noqa: E402
from fmi_mx.network.vgg19 import weight_shapes  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
WIDTH = 1 / 8  # of the network of the fixtures ``arrays`` and ``weights_file``: its blocks have 8, 16, 32, 64, 64 filters
USERS = {name: os.environ.get(name) for name in ("FMI_WEIGHTS", "FMI_IMAGES")}
CPUINFO = instructions.CPUINFO


def pytest_addoption(parser):
    parser.addoption(
        "--instructions",
        choices=("real", "none", "all"),
        default="real",
        help="which bfloat16 instructions the processor seems to have; the suite says the same of each",
    )


@pytest.hookimpl(optionalhook=True)  # where pytest-xdist is installed
def pytest_xdist_auto_num_workers():
    """A container's quota counts, which pytest-xdist does not ask for."""
    return usable_cores()


@pytest.fixture(scope="session")
def cpuinfo(request, tmp_path_factory):
    """The file that lists the processor's instructions, as asked for with --instructions."""
    asked = request.config.getoption("instructions")
    if asked == "real":
        return CPUINFO
    path = tmp_path_factory.mktemp("processor") / "cpuinfo"
    path.write_text(f"flags : fpu {' '.join(instructions.BFLOAT16) if asked == 'all' else ''}\n", encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def nobodys_machine(monkeypatch, cpuinfo):
    """A user's own FMI_* settings decide nothing here, nor does the width of his terminal."""
    for name in [name for name in os.environ if name.startswith("FMI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("FMI_JOBS", "1")  # a worker takes seconds to begin; the tests of side by side ask for theirs
    monkeypatch.setattr(instructions, "CPUINFO", cpuinfo)


@pytest.fixture
def own_processor(monkeypatch):
    """The processor as it is, whatever --instructions says: as the programs that a test starts see it."""
    monkeypatch.setattr(instructions, "CPUINFO", CPUINFO)


@pytest.fixture
def bfloat16(own_processor):  # noqa: ARG001
    """For what computes in bfloat16: skipped where the processor itself cannot."""
    if not instructions.bfloat16():
        pytest.skip("this processor does not multiply bfloat16")


@pytest.fixture(scope="session")
def arrays():
    """Random weights of the network that has ``WIDTH`` of VGG-19's filters, scaled so that activations keep their size from
    layer to layer."""
    generator = np.random.default_rng(1)
    return {
        name: generator.normal(0, np.sqrt(2 / np.prod(shape[1:])) if len(shape) > 1 else 0.1, shape).astype(np.float32)
        for name, shape in weight_shapes(WIDTH).items()
    }


@pytest.fixture(scope="session")
def weights_file(arrays, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "random.npz"
    np.savez(path, **arrays)
    return path


@pytest.fixture(scope="session")
def images_folder(tmp_path_factory):
    """Two images that are not square, under the names of Fig. 3's."""
    folder = tmp_path_factory.mktemp("images")
    generator = np.random.default_rng(2)
    for name, shape in (("golden_gate", (48, 64)), ("neckarfront", (64, 48))):
        noise = generator.integers(0, 256, (*shape, 3)).astype(np.uint8)
        cv2.imwrite(str(folder / f"{name}.png"), cv2.GaussianBlur(noise, (0, 0), 3))
    return folder


@pytest.fixture
def fig3():
    return ROOT / "experiments" / "fig3.yaml"


@pytest.fixture
def real():
    """(weights, images) of the real thing, where the user has said where they are."""
    if not all(USERS.values()):
        pytest.skip("set FMI_WEIGHTS to VGG-19's weights and FMI_IMAGES to the paper's images to run this")
    return Path(USERS["FMI_WEIGHTS"]), Path(USERS["FMI_IMAGES"])
