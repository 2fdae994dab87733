"""The benchmark's numbers as lines to read and as a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..figure.canvas import Figure, plain, png


def pass_lines(found: list[dict[str, Any]]) -> list[str]:
    """What a pass costs. found: of ``passes.loop_against_executor``. Returns lines."""
    others = [key[len("ratio_") :] for key in found[0] if key.startswith("ratio_")]
    lines = ["layer    executor s  loop s  loop/executor" + "".join(f"  {name} s  {name}/loop" for name in others)]
    for one in found:
        line = f"{one['layer']}  {one['seconds_executor']:.4f}      {one['seconds_loop']:.4f}  {one['ratio']:.3f}        "
        for name in others:
            line += f"  {one[f'seconds_{name}']:.4f}".ljust(len(name) + 5) + f" {one[f'ratio_{name}']:.2f}"
        lines.append(line)
    return lines


def lbfgs_lines(found: list[dict[str, Any]]) -> list[str]:
    """What L-BFGS adds to a pass. found: of ``passes.lbfgs_against_executor``. Returns lines."""
    line = "{layer} at long edge {long_edge}, {precision}: executor {seconds_executor:.4f} s, with L-BFGS "
    line += "{seconds_loop:.4f} s, {ratio:.3f} times as long, its own {milliseconds:.2f} ms"
    return [line.format(milliseconds=1000 * one["seconds_own"], **one) for one in found]


def growth_lines(found: dict[str, list[dict[str, float]]]) -> list[str]:
    """How the time grows. found: of ``passes.growth``."""
    pixels = [f"relu3_2 at long edge {one['long_edge']}: {one['seconds']:.4f} s a pass" for one in found["pixels"]]
    filters = "relu3_2 at long edge 128, {filters} filters: {seconds:.2f} s for ten passes each"
    return pixels + [filters.format(**one) for one in found["filters"]]


def race_line(one: dict[str, Any], names: Sequence[str]) -> str:
    """One cell of ``race``: passes and seconds, how many times faster than the authors' way, and whose loss is higher."""
    line = f"{one['name']}: authors {one['authors']['passes']} passes {one['authors']['seconds']:.1f} s"
    for name in names:
        found = one[name]
        line += f"; {name} {found['passes']} passes {found['seconds']:.1f} s, {speed(one, name):.1f} times faster"
        if not found["reached"]:
            line += f" but at {found['loss'] / one['loss']:.3f} of their loss"
    return line


def speed(one: dict[str, Any], name: str) -> float:
    """How many times faster than the authors' way a runner was."""
    return one["authors"]["seconds"] / one[name]["seconds"]


def race_summary(found: list[dict[str, Any]], names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """For each runner: how many cells reached the authors' loss; of those the geometric mean and the smallest of the speeds;
    of all cells the highest loss as a multiple of the authors', and the mean saturated share."""
    summary = {}
    for name in names:
        speeds = [speed(one, name) for one in found if one[name]["reached"]]
        summary[name] = {
            "cells": len(found),
            "reached": len(speeds),
            "geometric_mean": math.exp(np.mean(np.log(speeds))) if speeds else None,
            "smallest": min(speeds, default=None),
            "highest_loss": max(one[name]["loss"] / one["loss"] for one in found),
            "saturated": float(np.mean([one[name]["saturated"] for one in found])),
        }
    return summary


def summary_lines(summary: dict[str, dict[str, Any]]) -> list[str]:
    """What ``race_summary`` says, a line a runner."""
    lines = []
    for name, one in summary.items():
        line = f"{name}: {one['reached']} of {one['cells']} cells come to the authors' last loss"
        if one["reached"]:
            line += f", {one['geometric_mean']:.1f} times faster (geometric mean), at least {one['smallest']:.1f} times"
        lines.append(
            f"{line}; loss at most {one['highest_loss']:.3f} of theirs; at or beyond 0 and 255 are {one['saturated']:.1%}"
        )
    return lines


def beside_torch(found: list[dict[str, Any]], precisions: dict[str, str]) -> dict[str, dict[str, Any]]:
    """For each L-BFGS of the race: PyTorch's seconds over ours, their geometric mean and the least, over all cells. A
    descent that does not arrive has the seconds of its last pass. precisions: of the racers, by name."""
    summary = {}
    for name, precision in precisions.items():
        if name.startswith("lbfgs"):
            ratios = {one["name"]: one[f"torch_{precision}"]["seconds"] / one[name]["seconds"] for one in found}
            least = min(ratios, key=ratios.__getitem__)
            mean = math.exp(np.mean(np.log(list(ratios.values()))))
            summary[name] = {"geometric_mean": mean, "least": ratios[least], "least_cell": least, "cells": len(ratios)}
    return summary


def torch_lines(summary: dict[str, dict[str, Any]]) -> list[str]:
    """What ``beside_torch`` says, a line a racer."""
    line = "{name}: PyTorch's L-BFGS takes {geometric_mean:.2f} times as long (geometric mean of {cells} cells)"
    line += ", at least {least:.2f} times, at {least_cell}"
    return [line.format(name=name, **one) for name, one in summary.items()]


@plain()
def draw(found: list[dict[str, Any]], names: Sequence[str]) -> bytes:
    """Loss against seconds, an axis a cell. found: of ``race``. Returns the PNG."""
    columns = max(1, math.ceil(math.sqrt(len(found))))
    rows = math.ceil(len(found) / columns)
    figure = Figure(figsize=(3 * columns, 2.4 * rows), dpi=100, layout="tight")
    for place, one in enumerate(found, start=1):
        axis = figure.add_subplot(rows, columns, place)
        for name in names:
            seconds, losses = zip(*one[name]["curve"])
            axis.plot(seconds, np.minimum.accumulate(losses), label=name)
        share = one["authors"]["seconds"] / one["sgd"]["curve"][-1][0]
        seconds, losses = zip(*one["sgd"]["curve"])
        axis.plot(np.array(seconds) * share, np.minimum.accumulate(losses), label="the authors' way", color="black")
        axis.axhline(one["loss"], color="grey", linewidth=0.5)
        axis.set_title(one["name"], fontsize=8)
        axis.tick_params(labelsize=6)
        if place == 1:
            axis.legend(fontsize=6)
    figure.supxlabel("seconds")
    figure.supylabel("lowest loss so far")
    return png(figure)
