"""On what a cell is computed: the processor, those of its instructions that decide how numbers are rounded, and the
threads."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from . import gpu, instructions
from .aliases import AnyDevice
from .mxnet import threads

_ROUNDING = ("sse4_1", "avx2", "fma", "avx512f", "avx512_vnni")  # what oneDNN's float32 kernels are chosen by
_LIMITS = ("DNNL_MAX_CPU_ISA", "ONEDNN_MAX_CPU_ISA")  # with which a user keeps oneDNN from some of them


def machine(device: AnyDevice) -> dict[str, Any]:
    """What a record says of where a cell was computed: ``processor``, its name; ``instructions``, those that it
    computes with; and ``threads``, of the CPU."""
    if device.device_type == "gpu":
        major, minor = gpu.compute_capabilities()[device.device_id]
        return {"processor": f"GPU of compute capability {major}.{minor}", "instructions": [], "threads": threads()}
    text = instructions.listed()
    flags = (re.findall(r"^flags\s*:\s*(.*)$", text, re.M) or [""])[0].split()
    names = re.findall(r"^model name\s*:\s*(.*\S)", text, re.M) or ["unknown processor"]
    found = [name for name in _ROUNDING if name in flags]
    limits = [f"{name}={os.environ[name]}" for name in _LIMITS if name in os.environ]
    return {"processor": names[0], "instructions": [*found, *instructions.bfloat16(), *limits], "threads": threads()}


def kinds(records: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """How many cells were computed on each kind of machine, in words -> count. records: of cells; pictures that no network
    made are of no kind."""
    found: dict[str, int] = {}
    for record in records:
        if "machine" in record and "failed" not in record:
            one = words(record["machine"])
            found[one] = found.get(one, 0) + 1
    return found


def words(found: Mapping[str, Any]) -> str:
    """A machine, as ``machine`` describes it, in words."""
    instructions = ", ".join(found["instructions"]) or "no special instructions"
    return f"{found['processor']} ({instructions}; threads: {found['threads']})"
