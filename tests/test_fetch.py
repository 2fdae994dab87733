import hashlib
import http.server
import threading

import pytest
import yaml
from conftest import ROOT

from fmi_mx import InputError, cli, commands
from fmi_mx.fetch import checksums, fetch, fetch_first, read_sources
from fmi_mx.weights import read_weights, weights_digest

CONTENT = bytes(range(256)) * 400
SHA256 = hashlib.sha256(CONTENT).hexdigest()
BLOB = hashlib.sha1(b"blob 102400\0" + CONTENT).hexdigest()


@pytest.fixture
def server():
    """Answers each request with the next of ``server.answers``, the last one for good: bytes, ("cut", bytes), a status,
    "drop" (hangs up) or "stall" (says nothing)."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            server.requests += 1
            wait = threading.Event().wait  # time.sleep is disabled here
            answer = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
            if answer == "drop":
                self.close_connection = True
                return
            if answer == "stall":
                wait(4)
                return
            cut, data = isinstance(answer, tuple), answer[1] if isinstance(answer, tuple) else answer
            self.send_response(data if isinstance(data, int) else 200)
            body = b"" if isinstance(data, int) else data
            self.send_header("Content-Length", str(len(body) + (1000 if cut else 0)))
            self.end_headers()
            for start in range(0, len(body), 8192):
                self.wfile.write(body[start : start + 8192])
                wait(server.pause)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.requests, server.pause = 0, 0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
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
        monkeypatch.setattr("fmi_mx.fetch.TIMEOUT", 1.5)
    server.answers = [failure, failure, CONTENT]
    fetch(entry(server), tmp_path / "files")
    assert (tmp_path / "files" / "one.bin").read_bytes() == CONTENT
    assert server.requests == 3


@pytest.mark.parametrize("failure, reason", [
    (CONTENT[:500], "its 500 bytes have the sha256"), (("cut", CONTENT[:500]), "IncompleteRead"),
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
    server.answers, server.pause = [CONTENT], 0.05
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


def test_the_lists_of_sources():
    for folder in ("model", "experiments/images", "experiments/panels"):
        for source in read_sources(ROOT / folder / "sources.yaml").values():
            assert source["url"].startswith("https://")
            assert {"sha256", "sha1", "md5", "git_blob_sha1"} & set(source)


SMALL = ROOT / "model" / "small.params"


@pytest.fixture
def fmi(tmp_path, server, monkeypatch, capsys):
    """Runs ``fmi`` in a clone whose sources of weights are two; the first is dead. Returns (exit code, stdout, stderr)."""
    (tmp_path / "model").mkdir()
    sum_ = hashlib.sha256(SMALL.read_bytes()).hexdigest()
    sources = {name: entry(server, name, sha256=sum_) for name in ("one", "two")}
    (tmp_path / "model" / "sources.yaml").write_text(yaml.safe_dump(sources))
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
    monkeypatch.setattr("fmi_mx.fetch.fetch", lambda entry, folder: (asked.append(folder / entry["file"]), True))
    assert cli.main([kind, "fetch"]) == 0
    assert asked == [ROOT / "experiments" / kind / name for name in names]


def test_no_list_of_sources(tmp_path):
    with pytest.raises(InputError, match="clone"):
        read_sources(tmp_path / "sources.yaml")
