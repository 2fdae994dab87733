"""No text is read or written as the user's locale has it: every file and stream names its encoding."""

import ast

import pytest
from conftest import ROOT

SOURCES = sorted(path.relative_to(ROOT) for folder in ("fmi_mx", "tests", "model") for path in (ROOT / folder).rglob("*.py"))
OPEN_NO_TEXT = ("os", "Image")  # whose ``open`` is of another kind
PROCESSES = ("run", "Popen", "check_output", "check_call", "call")


def without_encoding(text):
    """The lines of a program's text that open a text without saying how it is encoded."""
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    return [call.lineno for call in calls if is_text(call) and not says_encoding(call)]


def is_text(call):
    """Whether a call opens, reads or writes a text, or a process's streams as text."""
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    given = {word.arg: word.value for word in call.keywords}
    if name == "open" and getattr(getattr(call.func, "value", None), "id", "") in OPEN_NO_TEXT:
        return False
    if name in ("open", "fdopen", "NamedTemporaryFile", "TemporaryFile"):
        modes = [given["mode"]] if "mode" in given else [argument for argument in call.args if is_mode(argument)]
        return not any("b" in getattr(mode, "value", "b") for mode in modes) and (modes or name in ("open", "fdopen"))
    if name in PROCESSES:
        return "text" in given or "universal_newlines" in given
    return isinstance(call.func, ast.Attribute) and name in ("read_text", "write_text")


def is_mode(argument):
    return isinstance(argument, ast.Constant) and isinstance(argument.value, str) and set(argument.value) <= set("rwxab+t")


def says_encoding(call):
    """Whether it names one, or may: what is given with a star is not seen."""
    return any(word.arg in ("encoding", None) for word in call.keywords) or any(
        isinstance(one, ast.Starred) for one in call.args
    )


@pytest.mark.parametrize("source", [*SOURCES, "setup.py"], ids=str)
def test_every_text_names_its_encoding(source):
    assert without_encoding((ROOT / source).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("line, found", [
    ("path.read_text()", True), ("path.read_text(encoding='utf-8')", False), ("path.write_text('x')", True),
    ("read_text(path)", False), ("path.read_bytes()", False), ("path.open()", True), ("open(path)", True),
    ("open(path, 'w')", True), ("open(path, 'rb')", False), ("open(path, mode='wb')", False), ("Image.open(path)", False),
    ("os.open(path, os.O_RDONLY)", False), ("os.fdopen(2, 'w', encoding='utf-8')", False), ("subprocess.run(x)", False),
    ("subprocess.run(x, text=True)", True), ("subprocess.run(x, text=True, encoding='utf-8')", False),
    ("NamedTemporaryFile()", False), ("NamedTemporaryFile('w')", True), ("open(*how)", False),
])  # fmt: skip
def test_the_check_sees_what_it_looks_for(line, found):
    assert bool(without_encoding(line)) == found
