"""The program that reads a stranger's weights: what it may take, how it can end, and that nothing it says is believed."""

import io
import os
import resource
import signal
import socket
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest
import weights_files as files

from fmi_mx import InputError
from fmi_mx.network.vgg19 import weight_shapes
from fmi_mx.weights import apart
from fmi_mx.weights.canonical import read_weights
from fmi_mx.weights.convert import read_any


@pytest.fixture
def ours(arrays, tmp_path):
    np.savez(tmp_path / "ours.npz", **arrays)
    return tmp_path / "ours.npz"


@pytest.fixture
def program_does(monkeypatch):
    """Makes the program do something (Python) where it would look at the file."""

    def does(code):
        start = apart._start()
        hook = (
            f"import fmi_mx.weights.apart_program as p, os, sys, time; p.formats.format_of = lambda source: exec({code!r})"
        )
        monkeypatch.setattr(apart, "_start", lambda: start.replace("; main(", f"; {hook}; main("))

    return does


@pytest.fixture
def program_is(monkeypatch):
    """Another program in its place, of which ``say(bytes)`` goes to the pipe."""

    def program(code):
        before = "import os, sys\ndef say(data): os.write(int(sys.argv[1]), data)\n"
        monkeypatch.setattr(apart, "_start", lambda: before + code)

    return program


def test_good_files_come_back_as_they_are(arrays, ours):
    back = apart.read(ours, canonical=True)
    assert (back.kind, back.scale, back.done) == (".npz", "RGB", ())
    for name, array in arrays.items():
        np.testing.assert_array_equal(back.arrays[name], array)
        back.arrays[name] += 1  # it can be written to, as any array


DEATHS = {
    "os.kill(os.getpid(), 11)": r"makes its reader crash \(SIGSEGV\): it is damaged or hostile",
    "import ctypes; ctypes.string_at(0)": r"makes its reader crash \(SIGSEGV\)",
    "os.abort()": r"makes its reader crash \(SIGABRT\)",
    "os.kill(os.getpid(), 9)": "got its reader killed",
    "os._exit(3)": r"makes its reader crash \(it ends with 3\)",
    "raise SystemExit(0)": r"cut or damaged \(SystemExit: 0\)",
    "raise KeyboardInterrupt": r"cut or damaged \(KeyboardInterrupt: \)",
    "bytearray(10**11)": "takes its reader more than 272 MB: it is damaged or hostile",
    "(lambda f: f(f))(lambda f: f(f))": r"cut or damaged \(it is nested too deeply\)",
    "raise ValueError('two\\nlines\\x1b[31m' + 9999 * 'x')": r"ValueError: two\\nlines\\x1b\[31mxxx",
    "os.write(1, b'noise'); os.write(2, b'noise'); print(os.read(0, 1)); raise ValueError('quiet')": "ValueError: quiet",
    "os.kill(os.getpid(), 2); raise ValueError('it went on')": "it went on",  # Ctrl-C is for the one that waits
}  # fmt: skip


@pytest.mark.parametrize("code", DEATHS)
def test_however_it_ends_there_is_one_line(ours, program_does, capfd, code):
    program_does(code)
    monkeypatched_room = apart.ROOM + 3 * ours.stat().st_size
    words = DEATHS[code].replace("272", f"{monkeypatched_room / 1e6:.0f}")
    with pytest.raises(InputError, match=words) as caught:
        apart.read(ours)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400
    assert capfd.readouterr() == ("", "")


def test_it_leaves_no_core_and_the_terminals_input_alone(ours, program_does):
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    reading, writing = os.pipe()
    keyboard = os.dup(0)
    os.write(writing, b"typed")
    os.close(writing)
    program_does("import resource; raise ValueError(resource.getrlimit(resource.RLIMIT_CORE)[0], os.read(0, 9))")
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
        os.dup2(reading, 0)
        with pytest.raises(InputError, match=r"ValueError: \(0, b''\)"):
            apart.read(ours)
    finally:
        os.dup2(keyboard, 0)
        os.close(keyboard)
        os.close(reading)
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


@pytest.mark.parametrize(
    "code, words",
    [
        ("while True: pass", "takes its reader more than 1 s of computing"),
        ("time.sleep(60)", "takes its reader more than 2 s:"),
    ],
)
def test_its_time_is_limited(ours, program_does, monkeypatch, code, words):
    monkeypatch.setattr(apart, "_SECONDS", 1)
    monkeypatch.setattr(apart, "_PATIENCE", 2 if "sleep" in code else 30)
    program_does(code)
    begun = time.monotonic()
    with pytest.raises(InputError, match=words):
        apart.read(ours)
    assert time.monotonic() - begun < 25


LIES = {
    "nothing": "",
    "noise": "say(bytes(range(256)) * 256)",
    "half a header": "say(b'0.125\\nRGB\\n.npz')",
    "another width": "say(b'0.3\\nRGB\\n.npz'.ljust(2**14) + bytes(10**5))",
    "another scale": "say(b'0.125\\nGBR\\n.npz'.ljust(2**14) + bytes(10**5))",
    "no numbers": "say(b'0.125\\nRGB\\n.npz'.ljust(2**14))",
    "too few numbers": "say(b'1\\nRGB\\n.npz'.ljust(2**14) + bytes(10**5))",
    "an error without words": "say(b'failed'.ljust(2**14))",
}


@pytest.mark.parametrize("what", LIES)
def test_an_answer_that_is_none_is_not_believed(ours, program_is, what):
    program_is(LIES[what])
    words = "makes its reader answer nonsense" if "another" in what else "makes its reader crash"
    with pytest.raises(InputError, match=words):
        apart.read(ours)


def test_an_endless_answer_is_not_read_to_its_end(ours, program_is):
    program_is("while True: say(b'0.125\\nRGB\\n.npz'.ljust(2**14))")
    back = apart.read(ours).arrays
    assert {name: array.shape for name, array in back.items()} == weight_shapes(1 / 8)


def test_numbers_and_words_of_an_answer_are_checked(ours, program_is):
    program_is("say(b'0.125\\nRGB\\n.npz'.ljust(2**14)); [say(b'\\xff' * 2**16) for _ in range(20)]")
    with pytest.raises(InputError, match="a number that is not finite"):
        read_weights(ours)
    program_is("say(b'failed\\n\\x1b[31m\\x07' + b'x' * 9999)")
    with pytest.raises(InputError, match=r"\\x1b\[31m\\x07xxx") as caught:
        apart.read(ours)
    assert len(str(caught.value)) < 700


def make(place, kind):
    if kind == "fifo":
        os.mkfifo(place)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            os.chdir(place.parent)  # a socket's name may have 107 bytes
            server.bind(place.name)
    elif kind == "too large":
        place.touch()
        os.truncate(place, apart.LARGEST + 1)
    elif kind == "empty":
        place.touch()
    elif kind == "folder":
        place.mkdir()
    else:
        place.symlink_to(kind)


@pytest.mark.parametrize("read", [read_any, read_weights])
@pytest.mark.parametrize("kind, words", [
    ("fifo", "is a FIFO; give a file"),
    ("socket", "is a socket; give a file"),
    ("/dev/zero", "is a device; give a file"),
    ("/proc/self/maps", "is empty"),
    ("empty", "is empty"),
    ("too large", "has 700 MB; weights of VGG-19 have at most 700"),
    ("x", "cannot be read .Too many levels of symbolic links"),
    ("nowhere", "no such file"),
    ("folder", "directory|folder without the model.json"),
])  # fmt: skip
def test_what_is_no_file_is_not_opened(tmp_path, monkeypatch, read, kind, words):
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "x", kind)
    monkeypatch.setattr(apart, "_start", lambda: 1 / 0)  # no program is started
    with pytest.raises(InputError, match=words):
        read(tmp_path / "x")


def test_a_file_without_the_right_to_read_it_and_nul_in_a_name(ours, monkeypatch):
    with pytest.raises(InputError, match="cannot be read .embedded null byte"):
        read_any("a\0b")
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may read everything
    with pytest.raises(InputError, match="cannot be read .no right to"):
        read_any(ours)


def test_a_link_to_a_file_is_a_file(arrays, ours, tmp_path):
    (tmp_path / "link").symlink_to(ours.name)
    assert list(read_weights(tmp_path / "link")) == list(arrays)


FOLDERS = {
    "a link out": (lambda shard: shard.symlink_to("/dev/zero"), "'group0-shard1of2' in it is a link that leads out"),
    "a link nowhere": (lambda shard: shard.symlink_to("gone"), "no such file"),
    "a fifo": (os.mkfifo, "'group0-shard1of2' in it is a FIFO"),
    "too large": (lambda shard: make(shard, "too large"), "it has 70[0-9] MB; weights of VGG-19 have at most 700"),
    "a folder": (os.mkdir, "cut or damaged .IsADirectoryError"),
}


@pytest.mark.parametrize("what", FOLDERS)
def test_a_folder_is_read_as_far_as_its_own_files_go(arrays, tmp_path, what):
    files.write_tensorflow_js(arrays, tmp_path / "model")
    shard = tmp_path / "model" / "group0-shard1of2"
    shard.unlink()
    spoil, words = FOLDERS[what]
    spoil(shard)
    with pytest.raises(InputError, match=words):
        read_any(tmp_path / "model")


def test_a_bomb_is_stopped_by_the_memory_it_may_take(tmp_path):
    """Some kilobytes on disk: zeros, 2 GB of them as their header says."""
    bomb = io.BytesIO()
    np.lib.format.write_array_header_1_0(bomb, {"descr": "<f4", "fortran_order": False, "shape": (5 * 10**8,)})
    bomb.write(bytes(10**6))
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in weight_shapes():
            archive.writestr(f"{name}.npy", bomb.getvalue())
    with pytest.raises(InputError, match="takes its reader more than .* MB: it is damaged or hostile"):
        read_any(tmp_path / "x.npz")


def test_a_hostile_folder_and_environment_change_nothing(ours, tmp_path, monkeypatch):
    trap = tmp_path / "trap"
    trap.mkdir()
    for name in ("numpy", "fmi_mx", "json", "zipfile", "sitecustomize", "usercustomize", "startup"):
        (trap / f"{name}.py").write_text(f"open({str(tmp_path / 'run')!r}, 'w')\n", encoding="utf-8")
    monkeypatch.chdir(trap)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    for name, value in (("PYTHONPATH", trap), ("PYTHONSTARTUP", trap / "startup.py"), ("PYTHONINSPECT", "1")):
        monkeypatch.setenv(name, str(value))
    assert len(read_weights(os.path.join("..", ours.name))) == 32
    assert not (tmp_path / "run").exists()


def test_only_what_a_format_needs_is_imported(ours, program_does):
    large = ("cv2", "mxnet", "h5py", "scipy", "skimage", "matplotlib", "requests", "yaml")
    found = f"[m for m in {large} if m in sys.modules]"
    program_does(f"import fmi_mx.weights.foreign.formats as f; f._zip({str(ours)!r}); raise ValueError({found})")
    with pytest.raises(InputError, match=r"ValueError: \[\]"):
        apart.read(ours)


def script(tmp_path, ours, code):
    """A user's script, without a guard, that reads weights; the program writes its number to a file, and does something."""
    instead = f"print(os.getpid(), file=open({str(tmp_path / 'pid')!r}, 'w'), flush=True); {code}"
    hook = f"; import fmi_mx.weights.apart_program as p, os, time; p.formats.format_of = lambda _: exec({instead!r}); main("
    lines = [
        "import fmi_mx.weights.apart as apart, sys",
        f"open({str(tmp_path / 'times')!r}, 'a').write('once ')",
        "start = apart._start()",
        f"apart._start = lambda: start.replace('; main(', {hook!r})",
        f"apart.read({str(ours)!r})",
    ]
    (tmp_path / "script.py").write_text("\n".join(lines), encoding="utf-8")
    return subprocess.Popen([sys.executable, str(tmp_path / "script.py")], stderr=subprocess.PIPE, start_new_session=True)


def until(true, seconds=20):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def gone(tmp_path):
    number = int((tmp_path / "pid").read_text(encoding="utf-8"))
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return True
    with open(f"/proc/{number}/stat", encoding="utf-8") as file:
        return file.read().rpartition(")")[2].split()[0] == "Z"  # dead, and nobody has asked yet


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_it_ends_with_the_process_that_waits_and_a_script_is_run_once(tmp_path, ours, how):
    process = script(tmp_path, ours, "time.sleep(2)")
    until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").stat().st_size)
    process.send_signal(how)
    assert process.wait(20) == -how
    assert (b"KeyboardInterrupt" in process.stderr.read()) == (how == signal.SIGINT)
    process.stderr.close()
    until(lambda: gone(tmp_path))
    assert (tmp_path / "times").read_text(encoding="utf-8") == "once "
