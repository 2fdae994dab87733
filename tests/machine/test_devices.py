import pytest

from fmi_mx import InputError
from fmi_mx.machine import devices, gpu
from fmi_mx.machine.devices import Device, alone, as_seen, choose_device, find_device


@pytest.fixture
def machine(monkeypatch):
    """Sets the build and the GPUs that find_device sees."""

    def set_machine(build, capabilities):
        monkeypatch.setattr(devices, "installed_builds", lambda: {build: "1.9.1"})

        def answer(_=None):
            if capabilities is None:
                raise OSError("libcuda.so.1: no such file")
            return capabilities

        monkeypatch.setattr(gpu, "compute_capabilities", answer)

    return set_machine


@pytest.mark.parametrize("build, capabilities, text, device", [
    ("mxnet", None, "auto", "cpu(0)"), ("mxnet", [(7, 0)], "auto", "cpu(0)"), ("mxnet-cu112", None, "auto", "cpu(0)"),
    ("mxnet-cu112", [(7, 0)], "auto", "gpu(0)"), ("mxnet-cu112", [(9, 0), (8, 0)], "auto", "gpu(1)"),
    ("mxnet-cu112", [(9, 0)], "auto", "cpu(0)"), ("mxnet-cu112", [(7, 0)], "gpu", "gpu(0)"),
    ("mxnet-cu112", [(7, 0), (7, 0)], "gpu:1", "gpu(1)"), ("mxnet-cu112", [(7, 0)], "cpu", "cpu(0)"),
])  # fmt: skip
def test_devices(machine, build, capabilities, text, device):
    machine(build, capabilities)
    assert str(find_device(text)) == device


@pytest.mark.parametrize("build, capabilities, text, reason", [
    ("mxnet", None, "gpu", "CPU build"), ("mxnet-cu112", None, "gpu", "libcuda.so.1"),
    ("mxnet-cu112", [(9, 0)], "gpu", "the GPU here has 9.0"), ("mxnet-cu112", [(7, 0)], "gpu:1", "usable here: gpu:0"),
    ("mxnet-cu112", [], "gpu", "shows no GPU"), ("mxnet", None, "tpu", "auto, cpu, gpu and gpu:N"),
    ("mxnet", None, "gpu:", "gpu:N"), ("mxnet", None, "gpu:x", "gpu:N"), ("mxnet", None, "cpu:1", "gpu:N"),
    ("mxnet", None, "", "gpu:N"), ("mxnet", None, "gpu:" + 5000 * "1", "gpu:N"), ("mxnet", None, "gpu:\u0663", "gpu:N"),
])  # fmt: skip
def test_devices_that_cannot_be_had(machine, build, capabilities, text, reason):
    machine(build, capabilities)
    with pytest.raises(InputError, match=reason):
        find_device(text)


def test_what_is_known_before_the_import_is_mxnets_context():
    found = find_device("cpu")
    assert str(choose_device("cpu")) == str(found) == "cpu(0)"
    assert (choose_device("cpu").device_type, choose_device("cpu").device_id) == found


@pytest.mark.parametrize("users, device, wanted", [
    (None, Device("gpu", 3), "3"), ("4,5,7", Device("gpu", 2), "7"), ("GPU-a1,GPU-b2", Device("gpu", 0), "GPU-a1"),
])  # fmt: skip
def test_a_gpu_is_the_only_one_that_its_worker_sees(monkeypatch, users, device, wanted):
    """And there it is the first."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if users:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", users)
    assert as_seen(device) == device
    assert alone(device) == {"CUDA_VISIBLE_DEVICES": wanted}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", wanted)
    assert as_seen(device) == Device("gpu", 0)


def test_the_cpu_needs_nothing_of_it(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert (alone(Device("cpu")), as_seen(Device("cpu"))) == ({}, Device("cpu"))
