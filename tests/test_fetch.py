import hashlib
import http.server
import threading

import pytest
import yaml

from fmi_mx import InputError
from fmi_mx.fetch import fetch

CONTENT = bytes(range(256)) * 400
SHA256 = hashlib.sha256(CONTENT).hexdigest()
BLOB = hashlib.sha1(b"blob 102400\0" + CONTENT).hexdigest()


@pytest.fixture
def server():
    """Answers each request with the next of ``server.answers``: bytes, ("cut", bytes), or a status; the last one repeats."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            server.requests += 1
            answer = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
            cut, data = isinstance(answer, tuple), answer[1] if isinstance(answer, tuple) else answer
            self.send_response(data if isinstance(data, int) else 200)
            body = b"" if isinstance(data, int) else data
            self.send_header("Content-Length", str(len(body) + (1000 if cut else 0)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.requests = 0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)


def sources(tmp_path, server, **checksum):
    path = tmp_path / "sources.yaml"
    url = f"http://127.0.0.1:{server.server_port}/some%20file"
    path.write_text(yaml.safe_dump({"one": {"file": "one.bin", "url": url, **(checksum or {"sha256": SHA256})}}))
    return path


def there(folder):
    return sorted(p.name for p in folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("checksum", [{"sha256": SHA256}, {"git_blob_sha1": BLOB}])
def test_a_file_arrives_once(tmp_path, server, checksum):
    server.answers = [CONTENT]
    folder = tmp_path / "files"
    assert list(fetch(sources(tmp_path, server, **checksum), folder)) == [(folder / "one.bin", True)]
    assert (folder / "one.bin").read_bytes() == CONTENT
    assert list(fetch(sources(tmp_path, server, **checksum), folder)) == [(folder / "one.bin", False)]
    assert server.requests == 1
    assert there(folder) == ["one.bin"]


def test_a_damaged_file_is_fetched_again(tmp_path, server):
    server.answers = [CONTENT]
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "one.bin").write_bytes(CONTENT[:-1])
    list(fetch(sources(tmp_path, server), tmp_path / "files"))
    assert (tmp_path / "files" / "one.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("failure", [CONTENT[:500], ("cut", CONTENT[:500]), b"x" * len(CONTENT), 404, 503])
def test_it_tries_again(tmp_path, server, failure):
    server.answers = [failure, failure, CONTENT]
    list(fetch(sources(tmp_path, server), tmp_path / "files"))
    assert (tmp_path / "files" / "one.bin").read_bytes() == CONTENT
    assert server.requests == 3


@pytest.mark.parametrize("failure, reason", [
    (CONTENT[:500], "the 500 bytes that came have the checksum"), (("cut", CONTENT[:500]), "IncompleteRead"),
    (b"x" * len(CONTENT), "102400 bytes"), (404, "404"),
])  # fmt: skip
def test_what_never_comes_right_is_not_kept(tmp_path, server, failure, reason):
    server.answers = [failure]
    with pytest.raises(InputError, match=reason) as caught:
        list(fetch(sources(tmp_path, server), tmp_path / "files"))
    message = str(caught.value)
    assert "by hand" in message
    assert SHA256 in message
    assert str(tmp_path / "files" / "one.bin") in message
    assert "\n" not in message
    assert there(tmp_path / "files") == []


def test_a_closed_network(tmp_path, server):
    path = sources(tmp_path, server)
    server.shutdown()
    server.server_close()
    with pytest.raises(InputError, match="by hand"):
        list(fetch(path, tmp_path / "files"))


def test_no_list_of_sources(tmp_path):
    with pytest.raises(InputError, match="clone"):
        list(fetch(tmp_path / "sources.yaml", tmp_path))
