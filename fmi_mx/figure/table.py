"""A sweep in a table: a row a combination, as Markdown and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from ..experiment.grid import Combination
from ..files import store, whole
from ..machine.aliases import AnyPath
from ..measure.descriptors import Descriptor, describe, positions
from .draw import named

Records = Sequence[Mapping[str, Any]]  # of a combination's cells


def write_table(out: AnyPath, grid: Sequence[Combination], records: Sequence[Records], beside: str) -> list[Path]:
    """Writes OUT.md and OUT.json, and returns their paths.

    out: the folder of the sweep. records: of each combination's cells. beside: name of the combination that the distances
    are from.
    """
    rows = table(out, grid, records, beside)
    data = {"beside": beside, "combinations": rows}
    whole.write_all(dict(zip(places(out), (markdown(rows, beside).encode(), whole.as_json(data)))))
    return places(out)


def places(out: AnyPath) -> list[Path]:
    """Where the table of a sweep's folder goes: OUT.md and OUT.json."""
    return [named(Path(out), suffix) for suffix in (".md", ".json")]


def table(out: AnyPath, grid: Sequence[Combination], records: Sequence[Records], beside: str) -> list[dict[str, Any]]:
    """For each combination: name, settings, cells, failed; of its descents the mean passes, the mean last loss, and that
    over the first; the mean share of energy that a filter reached; seconds in all; and how far its pictures are from those
    of ``beside``, by colour and texture, the mean over the cells that both have. None where there is nothing to say."""
    apart = _distances(out, grid, records, beside)
    rows = []
    for one, found, distance in zip(grid, records, apart):
        whole_ones = [record for record in found if "failed" not in record]
        descents = [record for record in whole_ones if "passes" in record]
        rows.append({
            "name": one.name,
            "settings": one.settings,
            "cells": len(found),
            "failed": len(found) - len(whole_ones),
            "passes": _mean([record["passes"] for record in descents]),
            "loss": _mean([record["loss_last"] for record in descents]),
            "loss left": _mean([record["loss_last"] / record["loss_first"] for record in descents if record["loss_first"]]),
            "energy share": _mean([record["energy_share"] for record in descents if "energy_share" in record]),
            "seconds": round(sum(record["seconds"] for record in descents), 1),
            "distance": distance,
        })  # fmt: skip
    return rows


def _mean(values: list[float]) -> float | None:
    return mean(values) if values else None


def _distances(out: AnyPath, grid: Sequence[Combination], records: Sequence[Records], beside: str) -> list[float | None]:
    described: list[dict[str, Descriptor]] = []
    for one, found in zip(grid, records):
        folder = Path(out) / one.name
        pictures = {record["specification"]["name"]: store.read_picture(folder, record)
                    for record in found if "failed" not in record}  # fmt: skip
        described.append({name: describe(picture) for name, picture in pictures.items() if picture is not None})
    every = [descriptor for of_one in described for descriptor in of_one.values()]
    if not every:
        return [None] * len(grid)
    points = iter(positions(every, ("colour", "texture")))
    placed = [{name: next(points) for name in of_one} for of_one in described]
    base = placed[[one.name for one in grid].index(beside)]
    return [
        _mean([float(np.linalg.norm(of_one[name] - base[name])) for name in of_one if name in base]) for of_one in placed
    ]


def markdown(rows: Sequence[Mapping[str, Any]], beside: str) -> str:
    """The rows as a table, each value that has a number in its folder's name in full."""
    keys = list(rows[0]["settings"])
    numbers = ("cells", "failed", "passes", "loss", "loss left", "energy share", "seconds", "distance")
    head = [*map(_plain, keys), *numbers[:-1], f"distance to {_plain(beside)}"]
    lines = [_line(head), _line(["---"] * len(head))]
    for row in rows:
        values = [_plain(json.dumps(row["settings"][key])) for key in keys]
        lines.append(_line([*values, *("" if row[key] is None else f"{row[key]:.4g}" for key in numbers)]))
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _plain(text: str) -> str:
    return text.replace("|", "\\|")
