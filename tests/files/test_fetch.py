import gzip
import hashlib
import http.server
import os
import resource
import threading
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

from fmi_mx import InputError, cli, commands
from fmi_mx.files.fetch import PICTURE, checksums, fetch, fetch_first
from fmi_mx.weights.canonical import read_weights, weights_digest

CONTENT = bytes(range(256)) * 400
SHA256 = hashlib.sha256(CONTENT).hexdigest()
BLOB = hashlib.sha1(b"blob 102400\0" + CONTENT).hexdigest()


@pytest.fixture
def server():
    """Answers each request with the next of ``server.answers``, the last one for good: bytes, ("cut", bytes), a status,
    "drop" (hangs up), "stall" (says nothing), or what writes an answer of its own (a function of the handler)."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            server.requests += 1
            answer = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
            if answer == "drop":
                self.close_connection = True
            elif answer == "stall":
                server.over.wait(4)
            elif callable(answer):
                self.close_connection = True
                answer(self)
            else:
                self.say(answer)

        def say(self, answer):
            cut, data = isinstance(answer, tuple), answer[1] if isinstance(answer, tuple) else answer
            self.send_response(data if isinstance(data, int) else 200)
            body = b"" if isinstance(data, int) else data
            self.send_header("Content-Length", str(len(body) + (1000 if cut else 0)))
            self.end_headers()
            for start in range(0, len(body), 8192):
                self.wfile.write(body[start : start + 8192])
                server.over.wait(server.pause)

        def head(self, status=200, **headers):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # a client that hangs up
    server.requests, server.pause, server.over, server.sent = 0, 0, threading.Event(), 0
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.over.set()
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def no_waiting_and_no_proxy(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")


def entry(server, name="one", **checksum):
    url = f"http://127.0.0.1:{server.server_port}/some%20{name}"
    return {"file": f"{name}.bin", "url": url, **(checksum or {"sha256": SHA256})}


def there(folder):
    return sorted(p.name for p in folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("checksum", [
    {"sha256": SHA256}, {"git_blob_sha1": BLOB}, {"md5": hashlib.md5(CONTENT).hexdigest(), "bytes": 102400},
    {"sha1": hashlib.sha1(CONTENT).hexdigest()},
])  # fmt: skip
def test_a_file_arrives_once(tmp_path, server, checksum):
    server.answers = [CONTENT]
    folder = tmp_path / "files"
    assert fetch(entry(server, **checksum), folder) == (folder / "one.bin", True)
    assert (folder / "one.bin").read_bytes() == CONTENT
    assert fetch(entry(server, **checksum), folder) == (folder / "one.bin", False)
    assert server.requests == 1
    assert there(folder) == ["one.bin"]


def test_another_file_of_that_name_is_left_alone(tmp_path, server):
    server.answers = [CONTENT]
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "one.bin").write_bytes(b"the user's own")
    with pytest.raises(InputError, match="one.bin is there but is not the file to be downloaded.*move it away"):
        fetch(entry(server), tmp_path / "files")
    assert (tmp_path / "files" / "one.bin").read_bytes() == b"the user's own"


@pytest.mark.parametrize("failure", [CONTENT[:500], ("cut", CONTENT[:500]), b"x" * len(CONTENT), 404, 503, "drop", "stall"])
def test_it_tries_again(tmp_path, server, failure, monkeypatch):
    if failure == "stall":
        monkeypatch.setattr("fmi_mx.files.fetch.TIMEOUT", 0.3)
    server.answers = [failure, failure, CONTENT]
    fetch(entry(server), tmp_path / "files")
    assert (tmp_path / "files" / "one.bin").read_bytes() == CONTENT
    assert server.requests == 3


@pytest.mark.parametrize("failure, reason", [
    (CONTENT[:500], "its 500 bytes have the sha256"), (("cut", CONTENT[:500]), "IncompleteRead|its 500 bytes"),
    (b"x" * len(CONTENT), "102400 bytes"), (404, "404"),
])  # fmt: skip
def test_what_never_comes_right_is_not_kept(tmp_path, server, failure, reason):
    server.answers = [failure]
    with pytest.raises(InputError, match=reason) as caught:
        fetch(entry(server), tmp_path / "files")
    message = str(caught.value)
    assert "by hand" in message
    assert SHA256 in message
    assert str(tmp_path / "files" / "one.bin") in message
    assert "\n" not in message
    assert there(tmp_path / "files") == []


def test_a_slow_server_is_waited_for(tmp_path, server):
    server.answers, server.pause = [CONTENT], 0.01
    fetch(entry(server), tmp_path / "files")
    assert (tmp_path / "files" / "one.bin").read_bytes() == CONTENT


def test_a_closed_network(tmp_path, server):
    server.shutdown()
    server.server_close()
    with pytest.raises(InputError, match="by hand"):
        fetch(entry(server), tmp_path / "files")


@pytest.mark.parametrize(
    "checksum", [{"bytes": 5, "sha256": SHA256}, {"md5": "0" * 32, "sha256": SHA256}, {"sha1": "0" * 40}]
)
def test_every_checksum_and_the_size_count(tmp_path, server, checksum):
    server.answers = [CONTENT]
    with pytest.raises(InputError, match="bytes"):
        fetch(entry(server, **checksum), tmp_path / "files")
    assert there(tmp_path / "files") == []


def endless(handler):
    """Announces nothing and does not end."""
    handler.head()
    while not handler.server.over.is_set():
        handler.server.sent += handler.wfile.write(b"x" * 2**16)


def endless_chunks(handler):
    handler.protocol_version = "HTTP/1.1"
    handler.head(Transfer_Encoding="chunked")
    while not handler.server.over.is_set():
        handler.server.sent += handler.wfile.write(b"10000\r\n" + b"x" * 2**16 + b"\r\n")


def endless_elsewhere(handler):
    """Sends one on with a body that does not end."""
    handler.head(302, Location="/there")
    while not handler.server.over.is_set():
        handler.server.sent += handler.wfile.write(b"x" * 2**16)


def of_many_terabytes(handler):
    handler.head(Content_Length=str(10**13))
    handler.server.over.wait(2)


def compressed(handler):
    """A thousand times what it is."""
    body = gzip.compress(bytes(10**7))
    handler.head(Content_Encoding="gzip", Content_Length=str(len(body)))
    handler.wfile.write(body)


def to_a_file(handler):
    handler.head(302, Location=Path(__file__).as_uri())


def around(handler):
    handler.head(302, Location=handler.path)


def a_size_that_is_none(handler):
    handler.head(Content_Length="many")
    handler.wfile.write(CONTENT)


def nonsense(handler):
    handler.wfile.write(b"\0" * 1000)


def red(handler):
    handler.send_response(500, "\x1b[31mred\x07" + "x" * 5000)
    handler.end_headers()


@pytest.mark.parametrize("answer, reason, tries", [
    (endless, "more than 150000 bytes", 1), (endless_chunks, "more than 150000 bytes", 1), (nonsense, "no connection", 3),
    (of_many_terabytes, "more than 150000 bytes", 1), (compressed, "the server compresses what it sends", 1),
    (to_a_file, "No connection adapters", 3), (a_size_that_is_none, "cannot be downloaded", 3),
    (red, r"500 Server Error: \\x1b.31mred\\x07xxx", 3), (around, "Exceeded 30 redirects", 93),
])  # fmt: skip
def test_a_server_that_means_no_good(tmp_path, server, answer, reason, tries):
    server.answers = [answer]
    with pytest.raises(InputError, match=reason) as caught:
        fetch(entry(server), tmp_path, most=150_000)
    assert str(caught.value).isprintable()
    assert len(str(caught.value).replace(str(tmp_path), "")) < 500
    assert there(tmp_path) == []
    assert server.requests == tries
    assert server.sent < 10**8


def test_what_a_redirection_says_beside_its_address_is_not_read(tmp_path, server):
    server.answers = [endless_elsewhere, CONTENT]
    assert fetch(entry(server), tmp_path) == (tmp_path / "one.bin", True)
    assert server.requests == 2
    assert server.sent < 10**8


@pytest.mark.parametrize("size, most, arrives", [
    (len(CONTENT), 1, True), (len(CONTENT) - 1, 10**9, False), (None, len(CONTENT), True), (None, len(CONTENT) - 1, False),
])  # fmt: skip
def test_a_download_ends_at_its_size_or_at_the_limit(tmp_path, server, size, most, arrives):
    server.answers = [CONTENT]
    given = {**entry(server), **({"bytes": size} if size else {})}
    if arrives:
        assert fetch(given, tmp_path, most)[1]
    else:
        with pytest.raises(InputError, match=f"more than {size or most} bytes"):
            fetch(given, tmp_path, most)
        assert there(tmp_path) == []
        assert server.requests == 1


@pytest.mark.parametrize("unchecked", [{"sha265": SHA256}, {"bytes": len(CONTENT)}])
def test_what_cannot_be_checked_is_not_kept(tmp_path, server, unchecked):
    """Also where no sources.yaml was read."""
    server.answers = [CONTENT]
    with pytest.raises(InputError, match="no checksum of it is known"):
        fetch(entry(server, **unchecked), tmp_path)
    assert there(tmp_path) == []


@pytest.mark.parametrize("kind", ["link to nothing", "link to a file", "link to a link", "folder", "pipe", "device"])
def test_what_is_no_file_of_that_name_is_left_alone(tmp_path, server, kind):
    server.answers = [CONTENT]
    path, other = tmp_path / "files" / "one.bin", tmp_path / "other"
    path.parent.mkdir()
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero" if kind == "device" else path if kind == "link to a link" else other)
    if kind == "link to a file":
        other.write_bytes(b"the user's own")
    with pytest.raises(InputError, match="is there but is not the file to be downloaded.*move it away"):
        fetch(entry(server), path.parent)
    assert there(path.parent) == ["one.bin"]
    assert there(tmp_path) == (["files", "other"] if kind == "link to a file" else ["files"])
    assert kind != "link to a file" or other.read_bytes() == b"the user's own"
    assert server.requests == 0


def test_a_full_disk_is_one_line(tmp_path, server):
    """As one: no file may be longer than a part of what comes."""
    server.answers = [CONTENT]
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, old[1]))
    try:
        with pytest.raises(InputError, match="cannot be downloaded .*File too large") as caught:
            fetch(entry(server), tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert str(caught.value).isprintable()
    assert there(tmp_path) == []
    assert server.requests == 1


def test_a_folder_that_cannot_be(tmp_path, server):
    server.answers = [CONTENT]
    (tmp_path / "files").write_text("no folder", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be downloaded"):
        fetch(entry(server), tmp_path / "files")


def test_the_first_source_that_arrives_whole(tmp_path, server):
    server.answers = [404, 404, 404, b"x", b"x", b"x", CONTENT]
    sources = {name: entry(server, name) for name in ("one", "two", "three", "four")}
    steps = list(fetch_first(sources, tmp_path / "files", checksums))
    path = tmp_path / "files" / "three.bin"
    assert steps[-1] == (checksums(path), path)
    assert [step.split(":")[0] for step in steps[:-1] if "cannot be downloaded" in step] == ["one", "two"]
    assert steps[-2] == "three: arrived, checksum right"
    assert server.requests == 7
    assert there(tmp_path / "files") == ["three.bin"]


@pytest.mark.parametrize("by_hand", [False, True])
def test_a_source_that_cannot_be_read_is_not_the_last(tmp_path, server, by_hand):
    """As a Keras file without h5py; only what was downloaded is deleted."""
    server.answers, sources = [CONTENT], {name: entry(server, name) for name in ("one", "two", "three")}

    def read(path):
        if path.name == "one.bin":
            raise InputError("Keras files need h5py")
        return path.name

    (tmp_path / "files").mkdir()
    for name in ("one.bin", "two.bin") if by_hand else ():
        (tmp_path / "files" / name).write_bytes(CONTENT)
    steps = list(fetch_first(sources, tmp_path / "files", read))
    assert "one: Keras files need h5py" in steps
    assert steps[-1] == ("two.bin", None if by_hand else tmp_path / "files" / "two.bin")
    assert there(tmp_path / "files") == ["one.bin", "two.bin"] if by_hand else ["two.bin"]


def test_one_source_by_name(tmp_path, server):
    server.answers = [CONTENT]
    sources = {name: entry(server, name) for name in ("one", "two")}
    assert list(fetch_first(sources, tmp_path / "files", lambda path: path.name, "two"))[-1][0] == "two.bin"
    with pytest.raises(InputError, match="source 'tow' is not known .did you mean 'two'.*one, two"):
        list(fetch_first(sources, tmp_path / "files", checksums, "tow"))


def test_no_source_arrives(tmp_path, server):
    server.answers = [404]
    sources = {name: entry(server, name) for name in ("one", "two")}
    steps = []
    with pytest.raises(InputError, match="tried one, two.*WEIGHTS=FILE.*fmi weights convert") as caught:
        for step in fetch_first(sources, tmp_path / "files", checksums):
            steps.append(step)
    assert "\n" not in str(caught.value)
    assert len(steps) == 4
    assert there(tmp_path / "files") == []


def test_checksums(tmp_path):
    (tmp_path / "x").write_bytes(CONTENT)
    found = checksums(tmp_path / "x")
    assert (found["sha256"], found["git_blob_sha1"]) == (SHA256, BLOB)
    assert found["md5"] == hashlib.md5(CONTENT).hexdigest()


SMALL = ROOT / "model" / "small.params"


@pytest.fixture
def fmi(tmp_path, server, monkeypatch, capsys):
    """Runs ``fmi`` in a clone whose sources of weights are two; the first is dead. Returns (exit code, stdout, stderr)."""
    (tmp_path / "model").mkdir()
    sum_ = hashlib.sha256(SMALL.read_bytes()).hexdigest()
    sources = {name: entry(server, name, sha256=sum_) for name in ("one", "two")}
    (tmp_path / "model" / "sources.yaml").write_text(yaml.safe_dump(sources), encoding="utf-8")
    server.answers = [404, 404, 404, SMALL.read_bytes()]
    monkeypatch.setattr(commands, "ROOT", tmp_path)

    def fmi(*arguments):
        capsys.readouterr()
        return (cli.main(list(arguments)), *capsys.readouterr())

    return fmi


def test_weights_fetch_leaves_the_canonical_file_alone(fmi, tmp_path, server):
    target = tmp_path / "model" / "vgg19.params"
    code, out, _ = fmi("weights", "fetch")
    assert code == 0
    assert out.splitlines()[-1] == f"{target}: written"
    assert there(tmp_path / "model") == ["sources.yaml", "vgg19.params", "vgg19.provenance.json"]
    assert weights_digest(read_weights(target)) == weights_digest(read_weights(SMALL))
    assert fmi("weights", "fetch")[:2] == (0, f"{target}: there already, and whole\n")
    assert server.requests == 4


def test_weights_fetch_from_a_source_by_name_keeps_what_was_brought_by_hand(fmi, tmp_path, server):
    (tmp_path / "model" / "two.bin").write_bytes(SMALL.read_bytes())
    assert fmi("weights", "fetch", "--from", "two")[0] == 0
    assert server.requests == 0
    assert there(tmp_path / "model") == ["sources.yaml", "two.bin", "vgg19.params", "vgg19.provenance.json"]
    code, _, err = fmi("weights", "fetch", "--from", "three")
    assert (code, err.count("\n")) == (2, 1)
    assert "source 'three' is not known" in err


def test_weights_fetch_keeps_a_download_that_has_the_name_of_the_canonical_file(fmi, tmp_path, server):
    (tmp_path / "model" / "sources.yaml").write_text(
        yaml.safe_dump(
            {"mirror": {**entry(server, sha256=hashlib.sha256(SMALL.read_bytes()).hexdigest()), "file": "vgg19.params"}}
        ),
        encoding="utf-8",
    )
    server.answers = [SMALL.read_bytes()]
    assert fmi("weights", "fetch")[0] == 0
    assert "vgg19.params" in there(tmp_path / "model")


def test_weights_fetch_does_not_take_a_damaged_file_for_weights(fmi, tmp_path, server):
    (tmp_path / "model" / "vgg19.params").write_bytes(SMALL.read_bytes()[:1000])
    code, _, err = fmi("weights", "fetch")
    assert (code, err.count("\n"), server.requests) == (2, 1, 0)
    assert "vgg19.params is there but cannot be used (`fmi weights check` says why); move it away first" in err


@pytest.mark.parametrize("kind, names", [
    ("panels", ["fig3_golden_gate.png", "fig4.png", "fig5.png"]),
    ("images", ["golden_gate.jpg", "neckarfront.jpg", "frida_kahlo.jpg", "seated_nude.jpg", "starry_night.png",
                "the_scream.jpg"]),
])  # fmt: skip
def test_images_and_panels_are_fetched_each_into_its_folder(monkeypatch, kind, names):
    asked = []
    monkeypatch.setattr(
        "fmi_mx.files.fetch.fetch", lambda entry, folder, most: (asked.append((folder / entry["file"], most)), True)
    )
    assert cli.main([kind, "fetch"]) == 0
    assert asked == [(ROOT / "experiments" / kind / name, PICTURE) for name in names]


@pytest.mark.parametrize("kind", ["images", "panels"])
def test_where_images_or_panels_cannot_be_fetched_the_line_offers_what_needs_none(
    monkeypatch, capsys, tmp_path, server, kind
):
    folder = tmp_path / "experiments" / kind
    folder.mkdir(parents=True)
    (folder / "sources.yaml").write_text(yaml.safe_dump({"one": entry(server)}), encoding="utf-8")
    monkeypatch.setattr(commands, "ROOT", tmp_path)
    server.answers = [404]
    assert cli.main([kind, "fetch"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.endswith(f"; `make demo` needs no {kind}\n")
    assert there(folder) == ["sources.yaml"]
