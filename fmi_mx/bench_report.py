"""The benchmark's numbers as lines to read and as a picture."""

import io
import math

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def pass_lines(found):
    """What a pass costs. found: dicts of ``bench.loop_against_executor``. Returns lines."""
    others = [key[len("ratio_") :] for key in found[0] if key.startswith("ratio_")]
    lines = ["layer    executor s  loop s  loop/executor" + "".join(f"  {name} s  {name}/loop" for name in others)]
    for one in found:
        line = f"{one['layer']}  {one['seconds_executor']:.4f}      {one['seconds_loop']:.4f}  {one['ratio']:.3f}        "
        for name in others:
            line += f"  {one[f'seconds_{name}']:.4f}".ljust(len(name) + 5) + f" {one[f'ratio_{name}']:.2f}"
        lines.append(line)
    return lines


def race_line(one, names):
    """One cell of ``bench.race``: passes and seconds to the authors' loss, and how many times faster than their way."""
    line = f"{one['name']}: authors {one['authors']['passes']} passes {one['authors']['seconds']:.1f} s"
    for name in names:
        found = one[name]
        if found["passes"] is None:
            line += f"; {name} not reached in {found['passes_in_all']} passes"
        else:
            line += f"; {name} {found['passes']} passes {found['seconds']:.1f} s, {speed(one, name):.1f} times faster"
    return line


def speed(one, name):
    """How many times faster than the authors' way a runner came to their loss, or None."""
    seconds = one[name]["seconds"]
    return one["authors"]["seconds"] / seconds if seconds else None


def race_summary(found, names):
    """For each runner: cells that reached the authors' loss, geometric mean and smallest of the speeds, saturated share."""
    summary = {}
    for name in names:
        speeds = [speed(one, name) for one in found if one[name]["passes"]]
        summary[name] = {
            "cells": len(found),
            "reached": len(speeds),
            "geometric_mean": math.exp(np.mean(np.log(speeds))) if speeds else None,
            "smallest": min(speeds, default=None),
            "saturated": float(np.mean([one[name]["saturated"] for one in found])),
        }
    return summary


def draw(found, names):
    """Loss against seconds, an axis a cell. found: of ``bench.race``. Returns the PNG's bytes."""
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
    data = io.BytesIO()
    FigureCanvasAgg(figure).print_png(data)
    return data.getvalue()
