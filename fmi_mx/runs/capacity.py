"""How many cells a machine computes side by side, and on which devices."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import InputError, shown
from ..machine import memory
from ..machine.devices import Device, usable_gpus
from ..machine.mxnet import usable_cores
from .materials import Materials

MOST_JOBS = 256
SHARE = 0.8  # of the memory that is available
# What a worker takes at most, measured at all depths from relu1_1 to relu5_4 and long edges from 32 to 1024: bytes, and
# bytes for each pixel of the image.
ITSELF, A_PIXEL = 0.55e9, 2600


def devices_of(materials: Sequence[Materials], device: str) -> list[Device]:
    """The devices that workers share out among themselves. device: what they were gathered for; ``gpu`` and ``auto`` mean
    every GPU there is."""
    found = {one.device for one in materials if one.weights} or {Device("cpu")}
    if device in ("gpu", "auto") and any(one.device_type == "gpu" for one in found):
        return [Device("gpu", number) for number in usable_gpus()[0]]
    return sorted(found)


def count_of(jobs: str, threads: int, materials: Sequence[Materials], devices: Sequence[Device]) -> int:
    """The number of worker processes.

    jobs: a number, or ``auto``: on a CPU as many as cores / threads and memory allow, on GPUs one each; never more than
    there are cells. Raises InputError for anything else.
    """
    if jobs != "auto":
        if not (jobs.isdecimal() and len(jobs) < 5 and 0 < int(jobs) <= MOST_JOBS):
            raise InputError(f"jobs {shown(jobs)} is not known; allowed are auto and 1 to {MOST_JOBS}")
        return int(jobs)
    most = sum(len(one.cells) for one in materials)
    if devices[0].device_type == "gpu":
        return min(len(devices), most)
    found, free = min(max(1, usable_cores() // threads), most), memory.available()
    return found if free is None else max(1, min(found, int(SHARE * free / max(map(need, materials)))))


def need(materials: Materials) -> float:
    """Bytes that a worker takes at most for a cell of a run."""
    return ITSELF + A_PIXEL * max(content[0][0, 0].size for content in materials.shown.values())
