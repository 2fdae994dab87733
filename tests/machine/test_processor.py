import pytest

from fmi_mx.machine import instructions
from fmi_mx.machine.mxnet import mx
from fmi_mx.machine.processor import kinds, machine

CPUINFO = """processor : 0
model name : A Processor @ 3.00GHz
flags : fpu sse4_1 avx2 avx512f avx512_bf16 avx

processor : 1
model name : A Processor @ 3.00GHz
flags : fpu sse4_1 avx2 avx512f avx512_bf16 avx
"""


@pytest.fixture
def cpuinfo(tmp_path, monkeypatch):
    """Lets the processor be what a text says."""

    def cpuinfo(text):
        path = tmp_path / "cpuinfo"
        path.write_text(text, encoding="utf-8")
        monkeypatch.setattr(instructions, "CPUINFO", path)

    for name in ("DNNL_MAX_CPU_ISA", "ONEDNN_MAX_CPU_ISA"):
        monkeypatch.delenv(name, raising=False)
    return cpuinfo


def test_a_machine_is_its_processor_instructions_and_threads(cpuinfo, monkeypatch):
    cpuinfo(CPUINFO)
    monkeypatch.setenv("OMP_NUM_THREADS", "3,2")
    wanted = {
        "processor": "A Processor @ 3.00GHz",
        "instructions": ["sse4_1", "avx2", "avx512f", "avx512_bf16"],
        "threads": 3,
    }
    assert machine(mx.cpu()) == wanted
    monkeypatch.setenv("DNNL_MAX_CPU_ISA", "AVX2")
    assert machine(mx.cpu())["instructions"][-1] == "DNNL_MAX_CPU_ISA=AVX2"


@pytest.mark.parametrize("text", ["", "flags :\nmodel name :\n", "garbage"])
def test_an_unknown_processor_is_said_to_be_one(cpuinfo, text, monkeypatch):
    cpuinfo(text)
    monkeypatch.delenv("OMP_NUM_THREADS")
    found = machine(mx.cpu())
    assert (found["processor"], found["instructions"]) == ("unknown processor", [])
    assert found["threads"] >= 1


def test_a_gpu_is_named_by_its_compute_capability(monkeypatch):
    monkeypatch.setattr("fmi_mx.machine.gpu.compute_capabilities", lambda: [(7, 0), (8, 6)])
    assert machine(mx.gpu(1))["processor"] == "GPU of compute capability 8.6"


def test_kinds_are_counted():
    one = {"machine": {"processor": "A", "instructions": ["avx2"], "threads": 1}}
    two = {"machine": {"processor": "A", "instructions": ["avx2", "avx512f"], "threads": 1}}
    three = {"machine": {"processor": "A", "instructions": [], "threads": 2}}
    assert kinds([one, two, one, three, {}, {**two, "failed": "it exploded"}]) == {
        "A (avx2; threads: 1)": 2,
        "A (avx2, avx512f; threads: 1)": 1,
        "A (no special instructions; threads: 2)": 1,
    }
