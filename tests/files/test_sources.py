import pytest
import yaml
from conftest import ROOT

from fmi_mx import InputError
from fmi_mx.files.sources import CHECKSUMS, LARGEST, read_sources

GOOD = {"file": "one.bin", "url": "https://example.org/one", "sha256": "0" * 64}


def read(folder, **entry):
    path = folder / "sources.yaml"
    path.write_text(yaml.safe_dump({"one": entry}), encoding="utf-8")
    return read_sources(path)["one"]


@pytest.mark.parametrize("folder", ["model", "experiments/images", "experiments/panels"])
def test_the_lists_of_the_project(folder):
    given = yaml.safe_load((ROOT / folder / "sources.yaml").read_text(encoding="utf-8"))
    assert read_sources(ROOT / folder / "sources.yaml") == given
    for source in given.values():
        assert source["url"].startswith("https://")
        assert CHECKSUMS.keys() & source


@pytest.mark.parametrize("kind", CHECKSUMS)
def test_one_checksum_is_enough(tmp_path, kind):
    digits = "aB" * (CHECKSUMS[kind] // 2)
    entry = {"file": "a b.bin", "url": "http://127.0.0.1:80/x%20y?z#w", kind: digits, "bytes": LARGEST}
    assert read(tmp_path, **entry) == {**entry, kind: digits.lower()}


FILES = [
    "../x",
    "a/b",
    "/etc/passwd",
    "..",
    ".",
    "",
    ".bashrc",
    "a\\b",
    "a\nb",
    "a\0b",
    "\x1b[31m",
    "x" * 240,
    5,
    ["x"],
    True,
    "/",
]
ADDRESSES = [
    "file:///etc/passwd", "ftp://example.org/x", "example.org/x", "https://", "https:///x", "//example.org", "", 5, ["x"],
    "https://[::1", "https://example.org:x/", "https://example.org:99999/", "https://a\nb/", "https://a/\x1b", "javascript:",
    True, "https://a/" + "x" * 300, "data:text/plain,x", "HTTPS", "https://example.org:0/",
]  # fmt: skip
DIGITS = [
    ("sha256", "0" * 63), ("sha256", "0" * 65), ("sha256", "g" * 64), ("sha256", ""), ("sha256", 10**63), ("md5", True),
    ("sha256", ["0" * 64]), ("sha1", "0" * 64), ("md5", "0" * 40), ("git_blob_sha1", "0" * 39 + "\n"), 
    ("md5", " " + "0" * 31), ("sha256", "\u0660" * 64),
]  # fmt: skip
WRONG = [
    ({"sha256": None, "sha265": "0" * 64}, "one: unknown key 'sha265' .did you mean 'sha256'..; known are file,"),
    ({"sha256": None}, "one: has no checksum.* give sha256 or sha1 or md5 or git_blob_sha1"),
    ({"mirror": "x"}, "one: unknown key 'mirror'"),
    ({"file": None}, "one: key 'file' is missing"),
    ({"url": None}, "one: key 'url' is missing"),
    ({"licence": "a\x1b"}, "one: licence: must"),
    ({"format": 5}, "one: format: must be text"),
    ({"credit": ["x"]}, "one: credit: must be text"),
    *(({"file": name}, "one: file: must") for name in FILES),
    *(({"url": url}, "one: url: must be an address, https:// or http://") for url in ADDRESSES),
    *(({kind: digits}, f"one: {kind}: must be {CHECKSUMS[kind]} hexadecimal digits") for kind, digits in DIGITS),
    *(({"bytes": number}, "one: bytes: must be a whole number from 1")
      for number in (0, -1, 1.5, "5", True, LARGEST + 1, float("nan"), float("inf"), [5])),
]  # fmt: skip


@pytest.mark.parametrize("change, message", WRONG, ids=[str(change)[:40] for change, _ in WRONG])
def test_an_entry_that_cannot_be_downloaded_and_checked_is_refused(tmp_path, change, message):
    entry = {key: value for key, value in {**GOOD, **change}.items() if value is not None}
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path, **entry)
    assert str(caught.value).startswith(f"{tmp_path}/sources.yaml: ")
    assert str(caught.value).isprintable()
    assert len(str(caught.value).replace(str(tmp_path), "")) < 300


@pytest.mark.parametrize("text, message", [
    ("- one", "must be keys with values"), ("", "must be keys with values"),
    ("one: two", "one: must be keys with values, is 'two'"), ("one:", "one: must be keys with values, is None"),
    ("a/b: {}", "must be a name of letters, digits, - and _"), ("one: {}\none: {}", "key 'one' is given twice"),
    ("one: {file: a, file: b}", "key 'file' is given twice"),
])  # fmt: skip
def test_a_list_that_is_none(tmp_path, text, message):
    (tmp_path / "sources.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_sources(tmp_path / "sources.yaml")


def test_no_list_of_sources(tmp_path):
    with pytest.raises(InputError, match="is missing; downloads work from a clone"):
        read_sources(tmp_path / "sources.yaml")
