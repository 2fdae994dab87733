"""A stranger's weights file is read by a program of its own (``apart_program``), with limits on its memory and time, so that
what a file does to a library (a crash, an endless loop, gigabytes) happens there. Nothing comes back but a line and numbers,
and none of it is believed before it is checked.

Not by multiprocessing, which would run a user's unguarded script once more.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..errors import InputError, as_line, shown
from ..machine.aliases import AnyPath
from ..network.vgg19 import WIDTHS, weight_shapes
from .foreign.formats import Foreign
from .foreign.naming import SCALES

LARGEST = 700 * 10**6  # bytes; Caffe's and torchvision's files, with their fully connected layers, have 575
ROOM = 256 * 2**20  # bytes that reading may take beside three times the file: the network's own arrays, three times
HEADER = 2**14  # bytes before the numbers: lines (the network's width, ``Foreign``'s scale, kind and done), then spaces
FAILED = "failed"  # the first line where there are no numbers; the second says why
LINE, _LINES = 600, 16  # characters of a line and lines that are taken
_SECONDS, _BYTES_A_SECOND = 10, 10**7  # computing: so long, and longer for so many bytes
_PATIENCE = 6  # times as long on the clock: beside other programs, from a slow disk
_PACKAGE = Path(__file__).resolve().parents[1]


def read(path: AnyPath, canonical: bool = False) -> Foreign:
    """Reads a weights file in a process of its own.

    path: file, or folder of a TensorFlow.js model. canonical: whether only the canonical form is read, in which float64 is
    refused. Returns float32 arrays of VGG-19's shapes in one of its widths. Raises InputError, one line without the
    file's name, for whatever is no such file, and whatever reading it does.
    """
    size = _size(path, folders=not canonical)
    seconds = _SECONDS + size // _BYTES_A_SECOND
    room = ROOM + 3 * size
    with _program("canonical" if canonical else "any", room, seconds, os.path.realpath(path)) as (process, answers):
        deadline = time.monotonic() + _PATIENCE * seconds
        foreign = _foreign(answers, deadline)
        if foreign is None:
            raise InputError(_death(process, deadline, seconds, room))
        return foreign


def _size(path: AnyPath, folders: bool) -> int:
    """Bytes of a file, or of all in a folder. Raises InputError for what is neither, is too large or may not be read; it is
    not opened for that, since a FIFO or a device may never answer."""
    found = _stat(path)
    is_folder = folders and stat.S_ISDIR(found.st_mode)
    if not is_folder and not stat.S_ISREG(found.st_mode):
        raise InputError(f"it {_kind(found.st_mode)}; give a file")
    if not os.access(path, os.R_OK | os.X_OK if is_folder else os.R_OK):
        raise InputError("it cannot be read (no right to)")
    size = _folder_size(path) if is_folder else found.st_size
    if not size:
        raise InputError("it is empty")
    if size > LARGEST:
        raise InputError(f"it has {size / 1e6:.0f} MB; weights of VGG-19 have at most {LARGEST / 1e6:.0f}")
    return size


def _stat(path: AnyPath) -> os.stat_result:
    try:
        return os.stat(path)
    except FileNotFoundError as error:
        raise InputError("no such file") from error
    except (OSError, ValueError) as error:  # ValueError: NUL in the name
        raise InputError(f"it cannot be read ({getattr(error, 'strerror', None) or error})") from error


def _kind(mode: int) -> str:
    kinds = {stat.S_IFDIR: "is a directory", stat.S_IFIFO: "is a FIFO", stat.S_IFSOCK: "is a socket"}
    return kinds.get(stat.S_IFMT(mode), "is a device")


def _folder_size(folder: AnyPath) -> int:
    """Bytes of the files in a folder that has a model.json. Raises InputError for one that is elsewhere, or is no file."""
    if not os.path.isfile(os.path.join(folder, "model.json")):
        raise InputError("it is a folder without the model.json of a TensorFlow.js model")
    size, home = 0, os.path.realpath(folder)
    for name in os.listdir(folder):
        place = os.path.join(folder, name)
        if os.path.dirname(os.path.realpath(place)) != home:
            raise InputError(f"{shown(name)} in it is a link that leads out of the folder")
        found = _stat(place)
        if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
            raise InputError(f"{shown(name)} in it {_kind(found.st_mode)}; files are read")
        size += found.st_size if stat.S_ISREG(found.st_mode) else 0
    return size


@contextlib.contextmanager
def _program(*arguments: str | int) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Starts ``apart_program``; yields its process and the pipe it answers on. It ends with the block; where this process is
    killed, at its next word or when its time is up."""
    if not sys.executable:
        raise InputError(
            "it is read by a Python of its own, and where Python is here is not known (sys.executable is empty)"
        )
    answers, answering = os.pipe()
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-c", _start(), str(answering), *map(str, arguments)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=(answering,),
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},  # a thread takes memory and time
        )  # fmt: skip
    except BaseException:
        os.close(answers)
        raise
    finally:
        os.close(answering)
    try:
        yield process, answers
    finally:
        os.close(answers)
        process.kill()
        process.wait()


def _start() -> str:
    """The program in one line. ``-I`` and a path of its own in place of ``-m``, which would take modules from the folder the
    user is in, and let PYTHON... variables change it; what this process can import, that can too."""
    places = [place for place in sys.path if os.path.isabs(place)]
    if str(_PACKAGE.parent) not in places:
        places.insert(0, str(_PACKAGE.parent))
    return f"import sys; sys.path[:] = {ascii(places)}; from {__package__}.apart_program import main; main(*sys.argv[1:])"


def _received(pipe: int, count: int, deadline: float) -> np.ndarray:
    """The next bytes, so many unless the program ends or its time is up before."""
    data: np.ndarray = np.empty(count, np.uint8)
    got, ready = 0, select.poll()
    ready.register(pipe, select.POLLIN)
    while got < count:
        left = deadline - time.monotonic()
        step = os.readv(pipe, [data.data[got:]]) if left > 0 and ready.poll(1000 * left) else 0
        if not step:
            break
        got += step
    return data[:got]


def _foreign(answers: int, deadline: float) -> Foreign | None:
    """``Foreign`` as the program gives it on a pipe; None where it has not given all, or not as it should. Raises InputError
    with the program's words where it says that the file cannot be read."""
    lines = _received(answers, HEADER, deadline).tobytes().decode("utf-8", "replace").rstrip().split("\n")
    first, *rest = (as_line(line, LINE) for line in lines[:_LINES])
    if first == FAILED and rest:
        raise InputError(rest[0])
    width = next((width for width in WIDTHS if str(width) == first), None)
    if width is None or len(rest) < 2 or rest[0] not in SCALES:
        return None
    shapes = weight_shapes(width)
    ends = np.cumsum([4 * np.prod(shape) for shape in shapes.values()])
    numbers = _received(answers, ends[-1], deadline)
    if numbers.size < ends[-1]:
        return None
    parts = zip(shapes.items(), np.split(numbers, ends[:-1]))
    arrays: dict[str, np.ndarray] = {
        name: part.view("<f4").astype(np.float32).reshape(shape) for (name, shape), part in parts
    }
    return Foreign(arrays, kind=rest[1], scale=rest[0], done=tuple(rest[2:]))


def _death(process: subprocess.Popen[bytes], deadline: float, seconds: int, room: int) -> str:
    """Why a program has not said all, in words."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(max(0, min(1, deadline - time.monotonic())))
    if process.returncode == -signal.SIGXCPU:
        what = f"takes its reader more than {seconds} s of computing"
    elif process.returncode is None and time.monotonic() < deadline:
        what = "makes its reader answer nonsense"
    elif process.returncode is None:
        what = f"takes its reader more than {_PATIENCE * seconds} s"
    elif process.returncode == -signal.SIGKILL:
        what = f"got its reader killed (it may take {room / 1e6:.0f} MB)"
    else:
        what = f"makes its reader crash ({_signal(process.returncode)})"
    return f"it {what}: it is damaged or hostile"


def _signal(code: int) -> str:
    with contextlib.suppress(ValueError):
        return signal.Signals(-code).name
    return f"it ends with {code}"
