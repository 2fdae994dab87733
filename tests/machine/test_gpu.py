import ctypes
import subprocess
import sys

import pytest
from conftest import ROOT

from fmi_mx.machine import gpu


class Driver:
    """Answers as libcuda.so.1 does. fails: name of the function that returns an error."""

    def __init__(self, *capabilities, fails=None):
        self.capabilities, self.fails = capabilities, fails

    def __getattr__(self, name):
        return lambda *arguments: 100 if name == self.fails else getattr(self, f"_{name}")(*arguments)

    def _cuInit(self, flags):
        return flags

    def _cuDeviceGetCount(self, count):
        ctypes.cast(count, ctypes.POINTER(ctypes.c_int))[0] = len(self.capabilities)
        return 0

    def _cuDeviceGetAttribute(self, value, attribute, device):
        ctypes.cast(value, ctypes.POINTER(ctypes.c_int))[0] = self.capabilities[device][{75: 0, 76: 1}[attribute]]
        return 0


def test_capabilities_are_read_device_by_device():
    assert gpu.compute_capabilities(Driver((7, 5), (9, 0))) == [(7, 5), (9, 0)]


@pytest.mark.parametrize("function", ["cuInit", "cuDeviceGetCount", "cuDeviceGetAttribute"])
def test_a_driver_that_refuses_is_named(function):
    with pytest.raises(OSError, match=f"answers {function} with error 100"):
        gpu.compute_capabilities(Driver((7, 5), fails=function))


@pytest.mark.parametrize("capability, expected", [
    ((3, 7), False), ((5, 0), True), ((5, 2), True), ((6, 1), True), ((7, 5), True), ((8, 6), True), ((8, 9), True),
    ((9, 0), False), ((10, 0), False), ((12, 0), False),
])  # fmt: skip
def test_what_cu112_has_code_for(capability, expected):
    assert gpu.can_run(capability) is expected


@pytest.mark.parametrize("driver, extra, reason", [
    (Driver((8, 6)), "cu112", "compute capability 8.6"), (Driver((9, 0), (7, 0)), "cu112", "9.0, 7.0"),
    (Driver((9, 0)), "cpu", "5.0 to 8.9, the GPU here has 9.0"), (Driver(), "cpu", "shows no GPU"),
    (Driver((7, 0), fails="cuInit"), "cpu", "cuInit with error 100"),
])  # fmt: skip
def test_the_build_that_suits(driver, extra, reason):
    chosen, why = gpu.choose_build(driver)
    assert chosen == extra
    assert reason in why


def test_make_setup_runs_the_file_without_the_package():
    done = subprocess.run(
        [sys.executable, "-I", "-S", ROOT / "fmi_mx" / "machine" / "gpu.py"],
        check=True,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.stdout.strip() in ("cpu", "cu112")
    assert done.stderr.startswith(f"MXNet build: {done.stdout.strip()}, because ")
