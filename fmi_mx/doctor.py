"""What this machine has for a run, what is missing, and the command that mends it."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path
from typing import Tuple

from .errors import InputError
from .files.finding import find_image
from .machine import amx, gpu, instructions
from .machine.aliases import AnyPath
from .machine.devices import find_device
from .machine.mxnet import CUDA_LIBRARIES, cuda_library, import_mxnet, installed_builds, threads, usable_cores
from .weights.canonical import read_weights

Fact = Tuple[bool, str, str]  # whether it is as it should be, one line, and what mends it (empty where good)
PAPER_IMAGES = ("golden_gate", "neckarfront", "frida_kahlo", "seated_nude", "starry_night", "the_scream")


def examine(weights: AnyPath, images: AnyPath, device: str) -> list[Fact]:
    """Looks at everything a run needs. weights: file. images: folder. device: as ``--device``.

    Nothing is raised: what cannot be found out is itself a fact.
    """
    machine = [_python(), _numpy(), _opencv(), _build(), *_cuda(), _gpus(), _threads(), _import(), _bfloat16()]
    found = [*machine, _device(device), _weights(weights), *_images(images)]
    return [(good, " ".join(fact.split()), remedy) for good, fact, remedy in found]


def _python() -> Fact:
    version = ".".join(map(str, sys.version_info[:3]))
    good = (3, 8) <= sys.version_info[:2] <= (3, 12)
    return good, f"Python {version}", "" if good else "Python 3.8 to 3.12: make clean setup PYTHON=python3.11"


def _numpy() -> Fact:
    version = metadata.version("numpy")
    good = int(version.split(".")[0]) < 2
    return good, f"NumPy {version}", "" if good else "MXNet 1.9.1 needs NumPy 1: pip install 'numpy<2' 'opencv-python<4.12'"


def _opencv() -> Fact:
    try:
        import cv2

        return True, f"OpenCV {cv2.__version__}", ""
    except ImportError as error:
        remedy = "apt-get install libgl1 libglib2.0-0, or opencv-python-headless<4.12 in place of opencv-python"
        return False, f"OpenCV cannot be imported ({error})", remedy


def _build() -> Fact:
    builds = installed_builds()
    listed = ", ".join(f"{name} {version}" for name, version in builds.items())
    if len(builds) == 1:
        return True, f"MXNet build: {listed}", ""
    if builds:
        return False, f"MXNet builds: {listed}, and both write the module mxnet", "make clean setup"
    extra, _ = gpu.choose_build()
    return False, "MXNet is not installed", f"make setup, or pip install -e '.[{extra}]'"


def _import() -> Fact:
    try:
        return True, f"import mxnet: {import_mxnet().__version__}", ""
    except InputError as error:
        why = f"import mxnet: {error.__cause__ or error}"
        return False, why.splitlines()[0], "what is marked above; else make clean setup"


def _cuda() -> list[Fact]:
    if "mxnet-cu112" not in installed_builds():
        return [(True, "CUDA libraries: not needed by the CPU build", "")]
    missing = [library for module, library in CUDA_LIBRARIES if not cuda_library(module, library)]
    if missing:
        return [(False, f"CUDA libraries: {', '.join(missing)} not in this environment", "pip install -e '.[cu112]'")]
    return [(True, f"CUDA libraries: all {len(CUDA_LIBRARIES)} from PyPI", "")]


def _gpus() -> Fact:
    try:
        found = gpu.compute_capabilities()
    except OSError as error:
        needed = "mxnet-cu112" in installed_builds()
        remedy = "install NVIDIA's driver, or take the CPU build: make clean setup EXTRA=cpu" if needed else ""
        return not needed, f"GPUs: none ({error})", remedy
    listed = ", ".join(
        f"gpu:{n} of compute capability {c[0]}.{c[1]} ({'can' if gpu.can_run(c) else 'cannot'} run mxnet-cu112)"
        for n, c in enumerate(found)
    )
    return True, f"GPUs: {listed or 'none'}", ""


def _threads() -> Fact:
    try:
        return True, f"threads: {threads()}, of {usable_cores()} cores that may be used", ""
    except InputError as error:
        return False, f"threads: {error}", "unset OMP_NUM_THREADS"


def _bfloat16() -> Fact:
    found = instructions.bfloat16()
    if not found:
        return True, "bfloat16 on the CPU: no instructions for it, so that the fast preset takes float32", ""
    refused = "; AMX is not used, as Linux refuses it" if "amx_bf16" in found and not amx.allow() else ""
    return True, f"bfloat16 on the CPU: {', '.join(found)}{refused}", ""


def _device(text: str) -> Fact:
    try:
        return True, f"device {text}: {find_device(text)}", ""
    except InputError as error:
        return False, f"device {text}: {error}", "--device cpu, or mend what is marked above"


def _weights(path: AnyPath) -> Fact:
    try:
        read_weights(path)
        return True, f"weights: {path}", ""
    except (InputError, OSError) as error:
        return False, str(error).rpartition(";")[0] or str(error), "make model, or --weights FILE"


def _images(folder: AnyPath) -> list[Fact]:
    missing = []
    for name in PAPER_IMAGES:
        try:
            find_image(name, folder)
        except (InputError, OSError):
            missing.append(name)
    if missing:
        return [(False, f"images: {', '.join(missing)} not in {Path(folder)}", "make images, or --images DIR")]
    return [(True, f"images: all {len(PAPER_IMAGES)} of the paper in {Path(folder)}", "")]
