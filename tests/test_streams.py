import os
import subprocess
import sys

import pytest

PROGRAM = """
import sys
from fmi_mx.__main__ import main
from fmi_mx import commands
def say(_):
    for number in range(20000):
        print("line", number)
    print("progress", file=sys.stderr)
    open(sys.argv[3], "w").write("done")
commands.fetch_images = say
sys.exit(main())
"""


def run(tmp_path, redirection, environment=None):
    """Runs a command that says 20,000 lines and then writes a file, with its streams redirected by the shell. Returns (exit
    code, stdout, stderr, whether it did its work)."""
    done = tmp_path / "done"
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.replace("sys.argv[3]", repr(str(done))), encoding="utf-8")
    command = f'{{ "$0" "$1" images fetch; echo $? >"$2"; }} {redirection}'
    code = tmp_path / "code"
    shell = ["bash", "-c", command, sys.executable, str(program), str(code)]
    found = subprocess.run(
        shell, capture_output=True, encoding="utf-8", env={**os.environ, **(environment or {})}, timeout=60
    )
    return int(code.read_text(encoding="utf-8")), found.stdout, found.stderr, done.exists()


def test_what_is_said_is_there(tmp_path):
    code, out, err, done = run(tmp_path, "")
    assert (code, out.count("\n"), err, done) == (0, 20000, "progress\n", True)


@pytest.mark.parametrize("redirection", ["| head -1", "| true", "2>&- >&-", "<&- 2>&- >&-", "2>/dev/full", "2>&-"])
def test_who_does_not_listen_ends_no_command(tmp_path, redirection):
    """The reader has gone, or the stream is closed, or a stderr is full: silence, and the work is done."""
    code, _, err, done = run(tmp_path, redirection)
    assert (code, done) == (0, True)
    assert err in ("", "progress\n")


def test_a_full_stdout_is_one_line(tmp_path):
    """What was asked for cannot be given."""
    code, _, err, _ = run(tmp_path, ">/dev/full")
    assert code == 2
    assert err.startswith("fmi: error: ")
    assert "No space left on device" in err
    assert err.count("\n") == 1


def test_a_full_stdout_and_a_full_stderr_are_an_exit_code(tmp_path):
    assert run(tmp_path, ">/dev/full 2>/dev/full")[0] == 2


def test_letters_that_a_stream_lacks_are_escaped():
    program = "from fmi_mx.streams import sturdy\nwith sturdy(): print('figures/\\u65e5\\u672c.png \\udcff')"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, env=environment, timeout=60)
    assert (found.returncode, found.stdout, found.stderr) == (0, b"figures/\\u65e5\\u672c.png \\udcff\n", b"")


def test_files_opened_later_do_not_get_the_number_of_a_closed_stream(tmp_path):
    """Or what a library says on stderr would stand in them."""
    program = ("import os, sys\nfrom fmi_mx.streams import sturdy\nwith sturdy():\n"
               "    with open(sys.argv[1], 'w'): os.write(2, b'said by a library')\n")  # fmt: skip
    shell = ["bash", "-c", '"$0" -c "$1" "$2" <&- >&- 2>&-', sys.executable, program, str(tmp_path / "file")]
    assert subprocess.run(shell, timeout=60).returncode == 0
    assert (tmp_path / "file").read_text(encoding="utf-8") == ""
