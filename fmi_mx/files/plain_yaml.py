"""The one reader of YAML: files and values of ``--set``, which may be a stranger's.

Read are text, decimal numbers, true, false, null, lists and keys with values, as YAML 1.2 has them. What YAML 1.1 takes for
something else, ``no``, ``12:30``, ``017``, ``0x1f``, ``1_000`` or a date, is text here, as it looks. Anchors and aliases are
refused altogether: an experiment is a page, and a few lines of them stand for more values than a machine can hold.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Hashable
from typing import Any

import yaml

from ..errors import InputError, as_line, shown
from ..machine.aliases import AnyPath
from .readers import mapping

BYTES = 200_000  # of a file: fifty times the longest experiment here, and a quarter of a second
VALUES = 10_000  # keys and entries count too
DEPTH = 20  # of lists and keys within each other; ours have 3
DIGITS = 100  # characters of a number
# What PyYAML raises for what is not YAML: of its own, and of the conversions that it leaves unguarded.
_ERRORS = (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError)


def read_data(path: AnyPath) -> dict[str, Any]:
    """The keys and values of a YAML file. Raises InputError, without the file's name, where it has none or is not YAML."""
    return mapping(read_yaml(read_text(path)))


def read_text(path: AnyPath, most: int = BYTES) -> str:
    """The text of a file, UTF-8. Raises InputError, without the file's name, where there is none that can be read, and for
    anything but a regular file: a pipe would be waited for, and a device may have no end."""
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            content = file.read(most + 1) if regular else None  # so are files of /proc that would be waited for
    except OSError as error:
        raise InputError((error.strerror or "cannot be read").lower()) from error
    except ValueError as error:
        raise InputError("is not a name that a file can have") from error
    if content is None:
        raise InputError("is no regular file")
    if len(content) > most:
        raise InputError(f"has more than the {most} bytes that are read")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError("is not text in UTF-8; save it as that") from error


def read_yaml(text: str) -> object:
    """The value of a YAML text: str, int, float, bool, None, list or dict with text as keys. Raises InputError, with the
    line, for what is not YAML, for what is not read (see above), for a key given twice and beyond the limits above."""
    try:
        return _Loader(text).get_single_data()
    except InputError:
        raise
    except _ERRORS as error:
        raise InputError(f"not YAML ({_problem(error)})") from error


def _problem(error: Exception) -> str:
    """What PyYAML says, in one line and without the text around it."""
    mark = getattr(error, "problem_mark", None)
    said = [getattr(error, part, None) for part in ("context", "problem")]
    words = ", ".join(part for part in said if part) or str(error).split("\n")[0]
    return as_line(f"line {mark.line + 1}: {words}" if mark else words, 150)


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, which asks of each node, before it is read, whether it is allowed."""

    yaml_implicit_resolvers = {}  # YAML 1.1's; those of 1.2 are added below

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.values = self.depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()
        self.values += 1
        if self.values > VALUES:
            raise _refused(event.start_mark, f"more than {VALUES} values; no more are read")
        if self.depth >= DEPTH:
            raise _refused(event.start_mark, f"lists and keys within each other are read to a depth of {DEPTH}")
        if event.anchor is not None:
            why = "is an anchor or alias (& or *), which is not read; write the value itself, and text in quotes"
            raise _refused(event.start_mark, f"{shown(event.anchor)} {why}")
        if getattr(event, "tag", None) is not None:
            raise _refused(event.start_mark, f"{shown(event.tag)} is a tag (!), which is not read; write text in quotes")
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = set()
        for key, _ in node.value:
            if key.tag == _TAG + "int" and key.value.isdecimal():
                key.tag = _TAG + "str"  # a filter's number, which JSON has as text too
            if key.tag != _TAG + "str":
                what = shown(key.value) if isinstance(key, yaml.ScalarNode) else "a list or keys"
                raise _refused(
                    key.start_mark, f"a key must be text (in quotes where it looks like something else), is {what}"
                )
            if key.value in keys:
                raise _refused(key.start_mark, f"key {shown(key.value)} is given twice")
            keys.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_number(self, node: yaml.ScalarNode) -> int | float:
        if len(node.value) > DIGITS:
            raise _refused(node.start_mark, f"a number of {len(node.value)} characters; at most {DIGITS} are read")
        return int(node.value) if node.tag == _TAG + "int" else float(node.value)


def _refused(mark: yaml.Mark, why: str) -> InputError:
    return InputError(f"line {mark.line + 1}: {why}")


_TAG = "tag:yaml.org,2002:"
# YAML 1.2's core schema. Its octal and hexadecimal numbers, infinity and "not a number" are left as text: no key takes them.
for _kind, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(0|[1-9][0-9]*)", list("-+0123456789")),
    ("float", r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
):
    _Loader.add_implicit_resolver(_TAG + _kind, re.compile(rf"(?:{_pattern})\Z"), _first)
for _kind in ("int", "float"):
    _Loader.add_constructor(_TAG + _kind, _Loader.construct_number)
