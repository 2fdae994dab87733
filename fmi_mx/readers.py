"""Readers: each takes a value as YAML gave it and returns it checked, or raises InputError with what is allowed."""

import re

from .errors import InputError, nearest, shown


def read_keys(data, schema):
    """The values of a mapping, each through the reader that schema (key -> reader) has for it; unknown keys and missing ones
    are refused. Returns a dict in the schema's order."""
    for key in data:
        if key not in schema:
            raise InputError(f"unknown key {key!r}{nearest(key, schema)}; known are {', '.join(schema)}")
    values = {}
    for key, reader in schema.items():
        if key not in data:
            raise InputError(f"key {key!r} is missing")
        try:
            values[key] = reader(data[key])
        except InputError as error:
            raise InputError(f"{key}: {error}") from error
    return values


def mapping(value):
    """Keys with values."""
    if not isinstance(value, dict):
        raise InputError(f"must be keys with values, is {shown(value)}")
    return value


def choice(*allowed):
    """One of the words allowed."""

    def read(value):
        if value not in allowed:
            raise InputError(f"must be {' or '.join(allowed)}, is {shown(value)}{nearest(value, allowed)}")
        return value

    return read


def whole(low, high=None):
    """A whole number from low to high, both allowed."""

    def read(value):
        if not isinstance(value, int) or isinstance(value, bool) or value < low or (high is not None and value > high):
            limits = f"at least {low}" if high is None else f"from {low} to {high}"
            raise InputError(f"must be a whole number {limits}, is {shown(value)}")
        return value

    return read


def number(low, above=False, high=1e30):
    """A number from low, or above it, to high; MXNet computes in float32, which holds little more. Comes out as float."""

    def read(value):
        given = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not given or not low <= value <= high or (above and value < low + 1e-30):
            advice = " (YAML reads 1e-3 as text: write 1.0e-3)" if isinstance(value, str) else ""
            limits = f"{'above' if above else 'of at least'} {low} and at most {high:g}"
            raise InputError(f"must be a number {limits}, is {shown(value)}{advice}")
        return float(value)

    return read


def name(value):
    """A word that can be part of a file's name."""
    if not isinstance(value, str) or not re.fullmatch(r"[\w-]{1,100}", value):
        raise InputError(f"must be a name of at most 100 letters, digits, - and _, is {shown(value)}")
    return value


def list_of(read_entry):
    """A list, or a single entry for a list of one. read_entry returns a list of values."""

    def read(value):
        entries = value if isinstance(value, list) else [value]
        values = [one for entry in entries for one in read_entry(entry)]
        if not values:
            raise InputError("is an empty list; give at least one")
        for one in values:
            if values.count(one) > 1:
                raise InputError(f"has {one!r} twice")
        return tuple(values)

    return read


def text(value):
    """Words."""
    if not isinstance(value, str) or not value:
        raise InputError(f"must be text, is {shown(value)}")
    return value
