"""AMX, the matrix unit of newer Intel processors, by which bfloat16 convolutions are several times as fast.

oneDNN 2.4, which MXNet 1.9.1 has in it, takes it only where DNNL_MAX_CPU_ISA says so, and the first instruction of it ends a
process that has not asked Linux (5.16 and newer) for it.
"""

from __future__ import annotations

import ctypes
import os
import platform

from . import instructions

ISA = "AVX512_CORE_AMX"  # as DNNL_MAX_CPU_ISA names it
_ARCH_PRCTL, _REQUEST, _TILES = 158, 0x1023, 18  # the call on x86_64, ARCH_REQ_XCOMP_PERM and XFEATURE_XTILEDATA of Linux


def allow() -> bool:
    """Asks Linux for AMX and lets oneDNN use it, unless the user has set DNNL_MAX_CPU_ISA. To be called before MXNet is
    imported. Returns whether this process may use it."""
    if "amx_bf16" not in instructions.bfloat16() or platform.machine() != "x86_64":
        return False
    if ctypes.CDLL(None).syscall(_ARCH_PRCTL, _REQUEST, _TILES) != 0:
        return False
    os.environ.setdefault("DNNL_MAX_CPU_ISA", ISA)
    return True
