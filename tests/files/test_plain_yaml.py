import os
import re
import time

import pytest
from conftest import ROOT

from fmi_mx import InputError, cli, load_experiment
from fmi_mx.claims.settings import load_settings
from fmi_mx.files.plain_yaml import BYTES, DEPTH, VALUES, read_data, read_text, read_yaml
from fmi_mx.files.sources import read_sources

FIG3 = ROOT / "experiments" / "fig3.yaml"
REFUSED = {
    "aliases that stand for millions": ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]", "line 1: 'a' is an anchor or alias"),
    "an alias of itself": ("a: &a [*a]", "line 1: 'a' is an anchor or alias"),
    "an alias of nothing": ("a: *.jpg", "anchor or alias|not YAML"),
    "an alias as a key": ("*a : 1", "'a' is an anchor or alias"),
    "a merge of an alias": ("a: &a {x: 1}\nb:\n  <<: *a", "'a' is an anchor or alias"),
    "a key twice": ("a: 1\nb: 2\na: 3", "line 3: key 'a' is given twice"),
    "a key twice, in quotes": ("a: 1\n'a': 2", "line 2: key 'a' is given twice"),
    "a key twice, deep": ("a:\n- b: {c: 1, c: 2}", "line 2: key 'c' is given twice"),
    "a list as a key": ("? [a, b]\n: 1", "line 1: a key must be text .*, is a list or keys"),
    "keys as a key": ("{{a: 1}: 2}", "a key must be text .*, is a list or keys"),
    "a number as a key": ("1.5: 2", "a key must be text .in quotes where it looks like something else., is '1.5'"),
    "nothing as a key": ("? \n: 1", "a key must be text"),
    "a tag of Python": (
        "a: !!python/object/apply:os.system ['true']",
        "line 1: 'tag:yaml.org,2002:python/object/apply:os.sys",
    ),
    "bytes": ("a: !!binary aGk=", "'tag:yaml.org,2002:binary' is a tag"),
    "a set": ("!!set {a, b}", "'tag:yaml.org,2002:set' is a tag"),
    "a number by its tag": ("a: !!int x", "'tag:yaml.org,2002:int' is a tag"),
    "a tag of one's own": ("a: !x 1", "'!x' is a tag"),
    "no tag": ("a: ! 1", "'!' is a tag"),
    "two documents": ("a: 1\n---\nb: 2", "not YAML .line 2: expected a single document"),
    "deep lists": ("a: " + "[" * 5000, f"line 1: lists and keys within each other are read to a depth of {DEPTH}"),
    "deep keys": ("{a: " * 5000, "depth of"),
    "deep blocks": ("- " * 5000, "depth of"),
    "a list that is not closed": ("a: [", "not YAML .line 1: while parsing a flow node"),
    "20,000 keys": ("\n".join(f"k{n}:" for n in range(20000)), f"more than {VALUES} values"),
    "20,000 entries": (f"a: [{'0, ' * 20000}]", f"more than {VALUES} values"),
    "a number of thousands of digits": ("a: " + "9" * 5000, "line 1: a number of 5000 characters; at most 100 are read"),
    "a fraction of thousands of digits": ("a: 0." + "9" * 5000, "a number of 5002 characters"),
    "a version of thousands of digits": ("%YAML " + "9" * 5000 + ".1\n---\na: 1", "not YAML"),
    "NUL": ("a: \0", "not YAML .unacceptable character #x0000"),
    "a control character": ("a: \x1b[31m", "not YAML .unacceptable character #x001b"),
    "a letter that is none": ('a: "\\UFFFFFFFF"', "not YAML"),
}


@pytest.mark.parametrize("text, message", REFUSED.values(), ids=list(REFUSED))
def test_refused_at_once_and_in_one_short_line(text, message):
    start = time.process_time()
    with pytest.raises(InputError, match=message) as caught:
        read_yaml(text)
    assert time.process_time() - start < 2
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("text, value", [
    ("a: 1", {"a": 1}), ("-5", -5), ("+5", 5), ("0", 0), ("0.5", 0.5), (".5", 0.5), ("1.", 1.0), ("1e-3", 0.001),
    ("1.0e-8", 1e-8), ("true", True), ("False", False), ("", None), ("~", None), ("null", None), ("[a, [2]]", ["a", [2]]),
    ("'5'", "5"), ("\ufeffa: 1", {"a": 1}), ("caf\u00e9", "caf\u00e9"), ("<<: 1", {"<<": 1}), ("# nothing", None),
    ("9" * 100, int("9" * 100)), *((text, text) for text in (
        "017", "0x1f", "0b11", "0o17", "1_000", "12:30", "1:30:00", "no", "yes", "on", "2001-12-14", "2001-13-45", ".inf",
        ".nan", "0-15", "=", "1.2.3", "1e", "--1",
    )),
], ids=lambda value: str(value)[:20])  # fmt: skip
def test_what_a_value_is(text, value):
    """As it looks: what YAML 1.1 alone takes for a number, a date or yes and no is text."""
    found = read_yaml(text)
    assert found == value
    assert type(found) is type(value)


def test_every_file_of_the_project_is_read():
    for path in (ROOT / "experiments").glob("*.yaml"):
        assert len(read_data(path)) > 2


def _experiment(path):
    load_experiment(path)


def _preset(path):
    load_experiment(FIG3, preset=str(path))


def _claims(path):
    load_settings(path, {})


DOORS = pytest.mark.parametrize("door", [_experiment, _preset, _claims, read_sources])


@DOORS
@pytest.mark.parametrize("case", ["aliases that stand for millions", "a key twice, deep", "a tag of Python"])
def test_every_file_is_read_by_the_same_reader(tmp_path, door, case):
    text, message = REFUSED[case]
    path = tmp_path / "x.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message) as caught:
        door(path)
    assert "x.yaml" in str(caught.value)


@DOORS
@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "too large", "latin", "utf-16", "binary", "gone", "loop"])
def test_what_is_no_text_file_is_refused_and_not_waited_for(tmp_path, door, kind):
    path = tmp_path / "x.yaml"
    messages = {
        "folder": "is a directory", "pipe": "is no regular file", "device": "is no regular file",
        "latin": "not text in UTF-8", "utf-16": "not text in UTF-8", "binary": "not text in UTF-8",
        "gone": "no such file|is missing", "too large": f"more than the {BYTES} bytes", "loop": "too many levels|is missing",
    }  # fmt: skip
    contents = {
        "too large": b"#" * (BYTES + 1), "latin": "caf\u00e9: 1".encode("latin-1"), "utf-16": "a: 1".encode("utf-16"),
        "binary": bytes(range(128, 256)),
    }  # fmt: skip
    if kind in contents:
        path.write_bytes(contents[kind])
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind != "gone":
        path.symlink_to("/dev/zero" if kind == "device" else path)
    with pytest.raises(InputError, match=messages[kind]) as caught:
        door(path)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["a\0b", "x" * 300, "a\nb\x1b.yaml", "\ud800.yaml", "/" + "a/" * 3000], ids=len)
def test_names_that_no_file_has(name):
    for door in (read_text, load_experiment, _preset):
        with pytest.raises(InputError) as caught:
            door(name)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 600


SET = [
    (["stop={passes: 1, passes: 2}"], "--set 'stop={passes: 1, passes: 2}': line 1: key 'passes' is given twice"),
    (["images=*.jpg"], "--set 'images=.*': .*line 1: while scanning an alias"),
    (["seed=" + "9" * 5000], "--set .*a number of 5000 characters"),
    (["images=[" + "a, " * 20000 + "]"], "--set .*more than"),
    (["images=" + "[" * 5000], "--set .*depth"),
    (["seed=!!int 3"], "--set .*is a tag"),
    (["images=\ud800"], "--set .*not YAML"),
    (["seed"], "--set takes KEY=VALUE, is 'seed'"),
    (["=3"], "--set takes KEY=VALUE, is '=3'"),
    (["seed=1", "seed=2"], "--set 'seed=2': the key 'seed' is set twice"),
    (["preset=fast", "preset=demo"], "the key 'preset' is set twice"),
    (["seed=1", "long_edge=64", "seed=1"], "is set twice"),
    (["stop.passes=1", "stop={passes: 2}"], "keys 'stop' and 'stop.passes' are both to be set, and one holds the other"),
    (["optimiser={name: sgd}", "optimiser.name=adam"], "one holds the other"),
    ([".a=1"], "key '.a' to set has an empty part"),
    (["a.=1"], "key 'a.' to set has an empty part"),
    (["stop..passes=1"], "has an empty part"),
    ([".=1"], "has an empty part"),
    (["x" * 10**4 + "=1"], "unknown key 'xxx"),
    (["." + "a." * 10**4 + "=1"], "has an empty part"),
    (["a." * 10**4 + "a=1"], "unknown key 'a.a."),
    (["seed=2001-13-45"], "seed: must be a whole number .*'2001-13-45'"),
    (["<<={seed: 1}"], "unknown key '<<'"),
    (["a\x1b=1"], r"unknown key 'a\\x1b'"),
]


@pytest.mark.parametrize("values, message", SET, ids=[str(pairs)[:40] for pairs, _ in SET])
def test_values_that_are_set(capsys, values, message):
    assert cli.main(["run", str(FIG3), *(word for value in values for word in ("--set", value))]) == 2
    out, err = capsys.readouterr()
    assert re.search(message, err)
    assert err.startswith("fmi: error: ")
    assert err[:-1].isprintable()
    assert len(err) < 900
    assert out == ""


def test_the_limits_leave_room_for_a_long_experiment():
    images = ", ".join(f"folder/of/many/textures/number{n}.jpg" for n in range(4000))
    assert len(read_yaml(f"images: [{images}]")["images"]) == 4000 < VALUES
