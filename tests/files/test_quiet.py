import os
import subprocess
import sys

import pytest

from fmi_mx.files.quiet import captured


def test_what_is_written_to_stderr_is_read_and_not_shown(capfd):
    with captured() as said:
        os.write(2, b"kept\n")
    os.write(2, b"shown\n")
    assert bytes(said) == b"kept\n"
    assert capfd.readouterr().err == "shown\n"


def test_stderr_is_given_back_after_an_error(capfd):
    with pytest.raises(KeyError), captured():
        raise KeyError
    os.write(2, b"shown\n")
    assert capfd.readouterr().err == "shown\n"


def test_more_than_a_pipe_holds_stops_nobody(capfd):
    with captured() as said:
        for _ in range(100):
            try:
                os.write(2, b"x" * 10000)
            except BlockingIOError:
                break
    assert 10000 <= len(said) <= 65536
    assert capfd.readouterr().err == ""


def test_it_works_where_stderr_is_closed():
    """Then nothing is to be written into the next file that is opened, which would be file 2."""
    code = """if True:
        import os, sys
        from fmi_mx.files.quiet import captured
        os.close(2)
        with captured() as said:
            os.write(2, b"kept")
        file = os.open(sys.argv[1], os.O_RDWR)
        os.write(2, b"nowhere")
        print(bytes(said), file > 2)
    """
    found = subprocess.run([sys.executable, "-c", code, os.devnull], stdout=subprocess.PIPE, check=True)
    assert found.stdout == b"b'kept' True\n"
