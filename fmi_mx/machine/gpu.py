"""Which GPUs this machine has, and whether MXNet 1.9.1 for CUDA 11.2 has code for them.

Asks the driver's library alone and imports nothing beyond the standard library: ``make setup`` runs this file to
choose the build before anything is installed (it prints the extra to install, and on stderr the reason).
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

# The cu112 wheel holds machine code for sm_50, 60, 70, 80 and 86 and no PTX. Machine code runs on any GPU of the
# same major version and an equal or higher minor one, so 5.x to 8.x work and 9.0 (Hopper) and newer cannot.
OLDEST, NEWEST = (5, 0), (8, 9)

_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR of cuda.h


def compute_capabilities(driver: Any = None) -> list[tuple[int, int]]:
    """The compute capability (major, minor) of every GPU, in the driver's order.

    driver: a loaded ``libcuda.so.1`` (or what acts like one); loaded here when None.
    Raises OSError, with the reason as text, where there is no driver or it refuses.
    """
    if driver is None:
        driver = ctypes.CDLL("libcuda.so.1")

    def ask(function: str, *arguments: object) -> None:
        status = getattr(driver, function)(*arguments)
        if status != 0:
            raise OSError(f"the NVIDIA driver answers {function} with error {status}")

    ask("cuInit", 0)
    count = ctypes.c_int()
    ask("cuDeviceGetCount", ctypes.byref(count))
    found = []
    for device in range(count.value):
        capability = []
        for attribute in (_MAJOR, _MINOR):
            value = ctypes.c_int()
            ask("cuDeviceGetAttribute", ctypes.byref(value), attribute, device)
            capability.append(value.value)
        major, minor = capability
        found.append((major, minor))
    return found


def can_run(capability: tuple[int, int]) -> bool:
    """Whether mxnet-cu112 has machine code for a GPU of this (major, minor) compute capability."""
    return OLDEST <= tuple(capability) <= NEWEST


def choose_build(driver: Any = None) -> tuple[str, str]:
    """Which build of MXNet suits this machine.

    Returns (extra, reason): ``"cu112"`` where a GPU of compute capability 5.0 to 8.9 answers, else ``"cpu"``.
    """
    try:
        found = compute_capabilities(driver)
    except OSError as error:
        return "cpu", f"no GPU can be used ({error})"
    if not found:
        return "cpu", "the NVIDIA driver is there but shows no GPU"
    listed = ", ".join(f"{major}.{minor}" for major, minor in found)
    if any(can_run(capability) for capability in found):
        return "cu112", f"GPU of compute capability {listed}"
    return "cpu", f"mxnet-cu112 has code for compute capability 5.0 to 8.9, the GPU here has {listed}"


if __name__ == "__main__":
    extra, reason = choose_build()
    print(extra)
    print(f"MXNet build: {extra}, because {reason}", file=sys.stderr)
