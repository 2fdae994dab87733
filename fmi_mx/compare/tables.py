"""A comparison's report as lines to read."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

SHOWN = 3  # of names in a line


def lines(report: dict[str, Any]) -> list[str]:
    """The report, as ``compare`` returns it, as lines."""
    found = [f"{report['figure']}: {len(report['compared'])} cells of the run beside {report['panel']['file']}"]
    if report["missing"]:
        more = len(report["missing"]) - SHOWN
        names = ", ".join(report["missing"][:SHOWN]) + (f" and {more} more" if more > 0 else "")
        found.append(f"not in the run, so not compared: {names}")
    found += [f"left out: {label} ({reason})" for label, reason in report["left_out"].items()]
    if "layers" in report:
        return found + _spread(report["layers"])
    found += _retrieval(report["descriptors"], report["candidates"])
    apart = _mean(report["colour_distance"].values())
    found.append(f"mean colour apart from the own cell's: {apart:.1f} (CIELAB, mean over cells)")
    return found + (_similarity(report["similarity"]) if "similarity" in report else [])


def settings_lines(reports: dict[str, dict[str, Any]]) -> list[str]:
    """Comparisons of several runs with one panel, a row a run. reports: the run's folder -> report."""
    rows = [(_draws_row if "layers" in report else _cells_row)(name, report) for name, report in reports.items()]
    columns = max(rows, key=len)  # a run may lack the descriptor from a network
    return _aligned([list(columns), *([row.get(column, "-") for column in columns] for row in rows)])


def _cells_row(name: str, report: dict[str, Any]) -> dict[str, str]:
    """Of Figs. 3 and 5, column -> text: for each descriptor how many cells' nearest is their own, among each number of
    candidates, and how far mean colours are apart."""
    found = {
        label: "/".join(str(one["summaries"]["all"][key]["first"]) for key in report["candidates"])
        for label, one in report["descriptors"].items()
    }
    apart = f"{_mean(report['colour_distance'].values()):.1f}"
    return {"": name, "cells": str(len(report["compared"])), **found, "colour apart": apart}


def _draws_row(name: str, report: dict[str, Any]) -> dict[str, str]:
    """Of Fig. 4, column -> text: for each descriptor how many times as far from the mean of our draws the authors' are as
    one of ours is, the geometric mean over layers; and how many of the authors' are farther than every one of ours, with how
    many would be if they were further draws of ours."""
    spreads: dict[str, list[dict[str, Any]]] = {}
    for descriptors in report["layers"].values():
        for label, spread in descriptors.items():
            spreads.setdefault(label, []).append(spread["to_mean"])
    found = {}
    for label, layers in spreads.items():
        outside = sum(other > max(one["draws"]) for one in layers for other in one["others"])
        expected = sum(len(one["others"]) / (len(one["draws"]) + 1) for one in layers)
        found[label] = f"{_times_as_far(layers):.2f}, {outside} outside ({expected:.1f} by chance)"
    return {"": name, "draws": str(len(report["compared"])), **found}


def _times_as_far(layers: list[dict[str, Any]]) -> float:
    """The geometric mean of the authors' mean distance over our draws'; infinite where ours are all alike, as grey ones."""
    pairs = [(_mean(one["others"]), _mean(one["draws"])) for one in layers]
    alike = any(draws < 1e-9 for _, draws in pairs)
    return math.inf if alike else math.exp(_mean([math.log(others / draws) for others, draws in pairs]))


def _retrieval(descriptors: dict[str, Any], candidates: dict[str, int]) -> list[str]:
    """A row a group (all, a layer, a style, a method), a column a descriptor."""
    keys = list(candidates)
    among = [
        f"the {number}" + (f" of its {key.split('_')[-1]}" if key != "rank" else "") for key, number in candidates.items()
    ]
    found = ["", f"how many cells' nearest in the panel is their own, among {' / '.join(among)}; mean rank among all"]
    table = [["", "cells", *descriptors]]
    for group, ranks in next(iter(descriptors.values()))["summaries"].items():
        row = [group, str(ranks["rank"]["cells"])]
        for descriptor in descriptors.values():
            of_group = descriptor["summaries"][group]
            row.append(f"{'/'.join(str(of_group[key]['first']) for key in keys)}, {of_group['rank']['mean_rank']:.1f}")
        table.append(row)
    return found + _aligned(table)


def _similarity(similarity: dict[str, dict[str, float]]) -> list[str]:
    """A row a cell."""
    table = [["SSIM", "own cell", "other styles"]]
    table += [[name, f"{one['own']:.2f}", f"{one['other_styles']:.2f}"] for name, one in similarity.items()]
    return ["", *_aligned(table)]


def _spread(layers: dict[str, dict[str, Any]]) -> list[str]:
    """A row a layer, a column a descriptor."""
    labels = list(next(iter(layers.values())))
    table = [["", "draws", *labels]]
    for layer, descriptors in layers.items():
        row = [
            ", ".join("/".join(f"{share:.0f}" for share in spread["percentiles"]) for spread in descriptors[label].values())
            for label in labels
        ]
        table.append([layer, str(len(descriptors[labels[0]]["to_mean"]["draws"])), *row])
    head = (
        "where the authors' draws lie among ours: percent of ours that are nearer to the others' mean; to the nearest other"
    )
    return ["", head, *_aligned(table)]


def _mean(values: Collection[float]) -> float:
    return sum(values) / len(values)


def _aligned(table: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*table)]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in table]
