import ctypes
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from fmi_mx.machine import amx, instructions

WITH, WITHOUT = "flags : fpu avx512_bf16 amx_bf16 amx_tile\n", "flags : fpu avx512_bf16\n"


@pytest.fixture
def processor(monkeypatch, tmp_path):
    """Makes the processor say what it has, and Linux what it answers; returns the calls of the system."""

    def make(flags, answer):
        calls = []
        path = tmp_path / "cpuinfo"
        path.write_text(flags, encoding="utf-8")
        monkeypatch.setattr(instructions, "CPUINFO", path)
        monkeypatch.setattr(amx.platform, "machine", lambda: "x86_64")
        system = SimpleNamespace(syscall=lambda *numbers: calls.append(numbers) or answer)
        monkeypatch.setattr(amx, "ctypes", SimpleNamespace(CDLL=lambda _: system))
        monkeypatch.delenv("DNNL_MAX_CPU_ISA", raising=False)
        return calls

    return make


def test_linux_is_asked_and_onednn_is_let(processor):
    calls = processor(WITH, 0)
    assert amx.allow()
    assert calls == [(158, 0x1023, 18)]
    assert os.environ["DNNL_MAX_CPU_ISA"] == "AVX512_CORE_AMX"


def test_what_the_user_says_stays(processor, monkeypatch):
    processor(WITH, 0)
    monkeypatch.setenv("DNNL_MAX_CPU_ISA", "AVX2")
    assert amx.allow()
    assert os.environ["DNNL_MAX_CPU_ISA"] == "AVX2"


@pytest.mark.parametrize("flags, answer, asked", [(WITHOUT, 0, 0), (WITH, -1, 1)])
def test_without_amx_or_leave_it_is_not_used(processor, flags, answer, asked):
    calls = processor(flags, answer)
    assert not amx.allow()
    assert len(calls) == asked
    assert "DNNL_MAX_CPU_ISA" not in os.environ


def test_on_another_architecture_nothing_is_asked(processor, monkeypatch):
    calls = processor(WITH, 0)
    monkeypatch.setattr(amx.platform, "machine", lambda: "aarch64")
    assert not amx.allow()
    assert calls == []


def test_a_process_of_its_own_computes_in_bfloat16_by_amx(own_processor, monkeypatch):  # noqa: ARG001
    """By what oneDNN says of itself, where the processor has AMX and Linux gives it."""
    if "amx_bf16" not in instructions.bfloat16() or ctypes.CDLL(None).syscall(158, 0x1023, 18) != 0:
        pytest.skip("this processor has no AMX")
    monkeypatch.delenv("DNNL_MAX_CPU_ISA", raising=False)
    code = """
from fmi_mx.machine.mxnet import mx
from fmi_mx.machine.precision import in_bfloat16
x = mx.sym.Convolution(mx.sym.Variable("x"), mx.sym.Variable("w"), num_filter=32, kernel=(3, 3), pad=(1, 1), no_bias=True)
arrays = {"x": mx.nd.ones((1, 32, 8, 8)), "w": mx.nd.ones((32, 32, 3, 3))}
print(in_bfloat16(x).bind(mx.cpu(), arrays).forward()[0].asnumpy().max())
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "DNNL_VERBOSE": "1"}, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    assert "amx_bf16,forward" in done.stdout
    assert done.stdout.splitlines()[-1] == "288.0"
