"""The only place that prepares and imports MXNet 1.9.1. Everything else takes ``mx`` from here.

``mx`` imports MXNet at its first use, so that ``fmi doctor``, a mistake in a YAML file and ``fmi --help`` need no
MXNet. What has to happen before that import:

- NumPy 1.24 removed the aliases ``np.bool`` etc., which MXNet 1.9.1 still uses (apache/mxnet issue 21165);
- the CUDA 11 libraries that mxnet-cu112 links to come from PyPI, where the loader does not look;
- oneDNN takes AMX, several times as fast in bfloat16, only where it is let (``amx``);
- MXNet starts one OpenMP thread on a machine with two cores, and cannot change their number later;
- OpenMP's threads spin while they wait, and take from others what they do not use;
- each bind would log the oneDNN subgraph backend.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import importlib.util
import math
import os
import re
import sys
import threading
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..errors import InputError, shown
from . import amx

# (module of the wheel, library), each after what it needs.
CUDA_LIBRARIES = (
    ("nvidia.cuda_runtime", "libcudart.so.11.0"),
    ("nvidia.cuda_nvrtc", "libnvrtc.so.11.2"),
    ("nvidia.nvtx", "libnvToolsExt.so.1"),
    ("nvidia.cublas", "libcublasLt.so.11"),
    ("nvidia.cublas", "libcublas.so.11"),
    ("nvidia.cufft", "libcufft.so.10"),
    ("nvidia.curand", "libcurand.so.10"),
    ("nvidia.cusolver", "libcusolver.so.11"),
    ("nvidia.nccl", "libnccl.so.2"),
    ("nvidia.cudnn", "libcudnn.so.8"),
)
_REMOVED_ALIASES = {"bool": bool, "int": int, "float": float, "object": object, "str": str, "complex": complex}
MOST_THREADS = 1024  # with more, OpenMP ends the process
_import_lock = threading.Lock()


def usable_cores() -> int:
    """The number of cores this process may use: its affinity, and a container's quota (cgroup v2), at least 1."""
    cores = len(os.sched_getaffinity(0))
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="utf-8").split()
        cores = min(cores, math.ceil(int(quota) / int(period)))
    except (OSError, ValueError):  # no cgroup v2, or its quota is "max"
        pass
    return max(1, cores)


def threads() -> int:
    """The number of threads that MXNet computes with on a CPU: OMP_NUM_THREADS where it is set, else ``usable_cores()``.
    Raises InputError where it is set to what OpenMP would not take."""
    asked = os.environ.get("OMP_NUM_THREADS") or str(usable_cores())
    first = asked.partition(",")[0].strip()  # those behind are for parallel regions inside others
    if not re.fullmatch("[0-9]{1,4}", first) or not 0 < int(first) <= MOST_THREADS:
        raise InputError(f"OMP_NUM_THREADS is {shown(asked)}; it must be from 1 to {MOST_THREADS}, or not be set")
    return int(first)


def compute_with(number: int) -> bool:
    """Has MXNet compute with so many threads on a CPU, whatever OMP_NUM_THREADS says. Returns whether it will: it cannot
    change their number once it is imported."""
    with _import_lock:
        if "mxnet" not in sys.modules:
            os.environ["OMP_NUM_THREADS"] = str(number)
        return threads() == number


def installed_builds() -> dict[str, str]:
    """The MXNet distributions in this environment, name -> version. More than one is a mistake: both write ``mxnet``."""
    builds = {}
    for name in ("mxnet", "mxnet-cu112"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            builds[name] = metadata.version(name)
    return builds


def cuda_library(module: str, library: str) -> Path | None:
    """Path of a CUDA library inside its PyPI wheel, or None where the wheel is not installed."""
    try:
        found = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        found = None
    for folder in (found.submodule_search_locations or []) if found else []:
        path = Path(folder) / "lib" / library
        if path.exists():
            return path
    return None


def load_cuda_libraries(load: Callable[..., object] = ctypes.CDLL) -> list[Path]:
    """Loads the CUDA 11 libraries of PyPI, in order, for every symbol to be found when ``libmxnet.so`` is loaded.

    One that is not installed is left to the system's loader. Returns the paths loaded; raises OSError as the loader does.
    """
    paths = [path for path in (cuda_library(*entry) for entry in CUDA_LIBRARIES) if path]
    for path in paths:
        load(str(path), mode=ctypes.RTLD_GLOBAL)
    return paths


def prepare_environment() -> None:
    """Sets what MXNet reads from the environment at its import; a value the user has set stays. Raises InputError as
    ``threads`` does."""
    os.environ["OMP_NUM_THREADS"] = str(threads())  # MXNet ends the process at the list that OpenMP takes
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("MXNET_SUBGRAPH_VERBOSE", "0")
    amx.allow()
    # The same command gives the same bytes: cuDNN's choice of algorithm must not depend on a stopwatch.
    os.environ.setdefault("MXNET_CUDNN_AUTOTUNE_DEFAULT", "0")
    os.environ.setdefault("MXNET_ENFORCE_DETERMINISM", "1")


def import_mxnet() -> ModuleType:
    """Prepares and imports MXNet. Raises InputError (one line, with the remedy) where it cannot."""
    with _import_lock:
        if "mxnet.contrib.amp" in sys.modules:
            return sys.modules["mxnet"]
        prepare_environment()
        for name, kind in _REMOVED_ALIASES.items():
            if name not in np.__dict__:
                setattr(np, name, kind)
        try:
            if "mxnet-cu112" in installed_builds():
                load_cuda_libraries()
            importlib.import_module("mxnet.contrib.amp")  # which MXNet itself does not import
            return importlib.import_module("mxnet")
        except (ImportError, OSError, AttributeError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"MXNet cannot be imported ({reason}); `fmi doctor` says what is missing") from error


class _LazyMXNet:
    """Stands for the module ``mxnet``, imported at the first attribute asked for."""

    def __getattr__(self, name: str) -> Any:
        value = getattr(import_mxnet(), name)
        setattr(self, name, value)  # found without this detour from now on
        return value


mx = _LazyMXNet()
