"""On which device to compute: a GPU that the installed build of MXNet can drive, or the CPU."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from ..errors import InputError, shown
from . import gpu
from .aliases import Context
from .mxnet import installed_builds, mx

_VISIBLE = "CUDA_VISIBLE_DEVICES"  # the GPUs that CUDA shows a process, which counts them anew from 0


class Device(NamedTuple):
    """A device by MXNet's words, ``cpu`` or ``gpu`` and its number, known before MXNet is imported."""

    device_type: str
    device_id: int = 0

    def __str__(self) -> str:
        return f"{self.device_type}({self.device_id})"


def find_device(text: str = "auto") -> Device:
    """The device a user asked for.

    text: ``auto`` (the first GPU this build can drive, else the CPU), ``cpu``, ``gpu`` (= ``gpu:0``) or ``gpu:N``.
    Raises InputError for another text, or a GPU that is not there or has no code in this build.
    """
    if not re.fullmatch(r"auto|cpu|gpu(:[0-9]{1,4})?", text):
        raise InputError(f"device {shown(text)} is not known; allowed are auto, cpu, gpu and gpu:N")
    if text == "cpu":
        return Device("cpu")
    usable, reason = usable_gpus()
    if text == "auto":
        return Device("gpu", usable[0]) if usable else Device("cpu")
    wanted = int(text[len("gpu:") :] or 0)
    if wanted not in usable:
        there = f"usable here: {', '.join(f'gpu:{n}' for n in usable)}" if usable else reason
        raise InputError(f"device {shown(text)} cannot be used; {there}; take --device cpu or auto")
    return Device("gpu", wanted)


def choose_device(text: str = "auto") -> Context:
    """``find_device`` as MXNet's context. Raises InputError as it does."""
    return context(find_device(text))


def context(device: Device) -> Context:
    """MXNet's context of a device."""
    return mx.Context(device.device_type, device.device_id)


def alone(device: Device) -> dict[str, str]:
    """What a process has to find in its environment before it imports MXNet, for its GPU to be the only one it sees."""
    if device.device_type == "cpu":
        return {}
    seen = os.environ.get(_VISIBLE)
    return {_VISIBLE: seen.split(",")[device.device_id] if seen else str(device.device_id)}


def as_seen(device: Device) -> Device:
    """A device as this process counts them: the only GPU that it sees is its first."""
    seen = os.environ.get(_VISIBLE)
    return Device("gpu") if device.device_type == "gpu" and seen and "," not in seen else device


def usable_gpus() -> tuple[list[int], str]:
    """Numbers of the GPUs that the installed build can drive, and where there are none the reason."""
    if "mxnet-cu112" not in installed_builds():
        return [], "the CPU build of MXNet is installed"
    try:
        found = gpu.compute_capabilities()
    except OSError as error:
        return [], str(error)
    usable = [n for n, capability in enumerate(found) if gpu.can_run(capability)]
    return usable, gpu.choose_build()[1]
