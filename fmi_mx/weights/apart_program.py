"""The program that reads a weights file for ``apart``, which starts it: writes what the file holds to a pipe, and ends."""

from __future__ import annotations

import os
import resource
import signal
from pathlib import Path
from typing import NoReturn

import numpy as np

from ..errors import InputError, as_line
from ..network.vgg19 import weight_shapes, width_of
from .apart import FAILED, HEADER, LINE
from .checks import check_arrays
from .foreign import formats

_CANONICAL = ("MXNet .params", ".npz")


def main(pipe: str, wanted: str, room: str, seconds: str, source: str) -> NoReturn:
    """pipe: number of the descriptor to answer on. wanted: ``canonical`` or ``any``. room: bytes of memory beside what the
    imports take. seconds: of computing."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to every process of a terminal; the one that waits ends this
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_CPU, int(seconds))
    with open(int(pipe), "wb") as answer:
        foreign: formats.Foreign | None
        try:
            foreign = _read(Path(source), wanted == "canonical", int(room))
            lines = [str(width_of(foreign.arrays)), foreign.scale, foreign.kind, *foreign.done]
        except BaseException as error:  # what a damaged file makes of a library, Rust's panics too, is one line
            _limit(resource.RLIMIT_AS)  # or there may be no memory to say so
            foreign, lines = None, [FAILED, _words(error, int(room))]
        answer.write("\n".join(as_line(line, LINE) for line in lines).encode("utf-8", "replace")[:HEADER].ljust(HEADER))
        for array in foreign.arrays.values() if foreign else ():
            answer.write(array.data)
    os._exit(0)  # without giving back all memory first, which takes as long again


def _read(source: Path, canonical: bool, room: int) -> formats.Foreign:
    """``Foreign`` with float32 arrays, checked, in the network's order."""
    found = formats.format_of(source)
    if canonical and found.kind not in (*_CANONICAL, "zip"):
        raise InputError(_not_canonical(found.kind))
    formats.prepare(found)
    _limit(resource.RLIMIT_AS, _taken() + room)
    foreign = found.read(source)
    if canonical and (foreign.kind not in _CANONICAL or foreign.scale != "RGB"):
        raise InputError(_not_canonical(f"{foreign.kind} with other names"))
    arrays = {name: _float32(name, foreign.arrays.pop(name), canonical) for name in weight_shapes()}
    check_arrays(arrays)
    return foreign._replace(arrays=arrays)


def _not_canonical(kind: str) -> str:
    return f"neither MXNet's .params nor an .npz with conv1_1_weight, ...: it is {kind}; `fmi weights convert` reads that"


def _float32(name: str, array: object, canonical: bool) -> np.ndarray:
    """An array as float32 in rows; of the canonical form only float16 is not left as it is."""
    if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
        raise InputError(f"{name} is {as_line(str(getattr(array, 'dtype', type(array).__name__)))}, not floating point")
    return np.ascontiguousarray(array, array.dtype if canonical and array.dtype != np.float16 else np.float32)


def _taken() -> int:
    """Bytes of address space that this process has."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()


def _limit(what: int, most: int = resource.RLIM_INFINITY) -> None:
    """The soft limit, which can be lifted again, and not above what a user's own hard one is."""
    hard = resource.getrlimit(what)[1]
    allowed = [limit for limit in (most, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(what, (min(allowed, default=resource.RLIM_INFINITY), hard))


def _words(error: BaseException, room: int) -> str:
    """One line, without the file's name, for whatever reading has raised."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, MemoryError):
        return f"it takes its reader more than {room / 1e6:.0f} MB: it is damaged or hostile"
    if isinstance(error, RecursionError):
        return "the file is cut or damaged (it is nested too deeply)"
    return f"the file is cut or damaged ({as_line(f'{type(error).__name__}: {error}')})"
