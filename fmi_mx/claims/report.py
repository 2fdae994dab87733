"""The report of the claims: as plain data, as lines and as a page of Markdown."""

from __future__ import annotations

from dataclasses import asdict, is_dataclass
from typing import Any

import numpy as np

from .verdicts import FAILS, HOLDS, OPEN, RANDOM

# The paper's abstract, for claims 1 to 3; 4 is what its Fig. 3 shows with two content images, in our words.
CLAIMS = {
    1: "Every filter extracts a specific texture.",
    2: "The texture from higher layer contains more colours and more intricate structures.",
    3: "Style of images could be a combination of these texture primitives: the energies of the feature maps represent it.",
    4: "The texture primitives do not depend on the image.",
}


def plain(value: object) -> Any:
    """Settings, rows and estimates as JSON holds them."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if hasattr(value, "_asdict"):
        return plain(value._asdict())
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return value.tolist() if isinstance(value, (np.generic, np.ndarray)) else value


def lines(report: dict[str, Any]) -> list[str]:
    """The report, as ``assess`` returns it, as lines: a row a line, claim by claim."""
    found: list[str] = []
    for number, sentence in CLAIMS.items():
        found += ["", f"{number}. {sentence} {tally(report, number)}"]
        for row in report["rows"]:
            if row["claim"] == number:
                found.append(f"   {row['where']}: {row['measure']} {measured(row)}; {controls(row)}; {verdict(row)}")
    return found[1:]


def markdown(report: dict[str, Any]) -> str:
    """The report as a page of Markdown."""
    settings = report["settings"]
    share = f"{100 * settings['confidence']:g} %"
    found = ["# The paper's claims, tested", ""]
    found += [
        f"Inversions at long edge {settings['long_edge']}, {len(settings['filters'])} filters of each layer, "
        f"{len(settings['images'])} images, {len(settings['seeds'])} seeds; {share} intervals, {settings['resamples']} "
        "resamples. docs/claims.md says what is measured and when a claim holds.",
        "",
    ]
    if report["width"] != 1:
        found += ["**The network is a small one and not the paper's VGG-19.**", ""]
    found += [f"{number}. {sentence} {tally(report, number)}" for number, sentence in CLAIMS.items()]
    found += ["", *head("claim", "where", "measure", "measured", "controls", "verdict")]
    for row in report["rows"]:
        cells = [CLAIMS[row["claim"]], row["where"], row["measure"], measured(row), controls(row), verdict(row)]
        found.append(f"| {' | '.join(cells)} |")
    for table in (_missed, _levels, _components, _descents):
        found += ["", *table(report)]
    return "\n".join(found) + "\n"


def tally(report: dict[str, Any], number: int) -> str:
    """How many of a claim's rows have which verdict."""
    verdicts = [row["verdict"] for row in report["rows"] if row["claim"] == number]
    counts = [f"{verdict} {verdicts.count(verdict)}" for verdict in (HOLDS, OPEN, FAILS) if verdict in verdicts]
    return f"Of {len(verdicts)} rows: {', '.join(counts)}."


def measured(row: dict[str, Any]) -> str:
    """A row's number with its interval, in words."""
    return interval(row["measured"])


def interval(estimate: dict[str, float]) -> str:
    """An ``Estimate`` of the report, as JSON holds it: value, and in brackets its interval, each to three digits."""
    return f"{estimate['value']:.3g} [{estimate['low']:.3g}, {estimate['high']:.3g}]"


def controls(row: dict[str, Any]) -> str:
    """Every control's number with the margin to it, the p of shuffled labels, and what stands beside."""
    found = [f"{name} {value:.3g} (margin {interval(row['margins'][name])})" for name, value in row["controls"].items()]
    if row["p"] is not None:
        found.append(f"shuffled labels p = {row['p']:.2g}")
    beside = [f"{name} {interval(one) if isinstance(one, dict) else f'{one:.3g}'}" for name, one in row["beside"].items()]
    return ", ".join(found) + (f"; beside: {', '.join(beside)}" if beside else "")


def verdict(row: dict[str, Any]) -> str:
    """A row's verdict; behind one that does not hold, what took it away."""
    return row["verdict"] if row["verdict"] == HOLDS else f"{row['verdict']} ({', '.join(row['because'])})"


def head(*columns: str) -> list[str]:
    """The first two lines of a table."""
    return [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]


def _missed(report: dict[str, Any]) -> list[str]:
    """Which filters claim 1 does not find."""
    lost = "; ".join(f"{layer}: {', '.join(map(str, filters)) or 'none'}" for layer, filters in report["missed"].items())
    return [f"Filters that are not found in most of their pictures: {lost}."]


def _components(report: dict[str, Any]) -> list[str]:
    """A table of claim 4's variance components, shares of the whole, layer by layer."""
    found = head("share of the variance", *report["settings"]["layers"])
    for weights, layers in report["components"].items():
        for name in next(iter(layers.values())):
            shares = [f"{one[name] / (sum(one.values()) or 1.0):.3f}" for one in layers.values()]
            found.append(f"| {'filter x image' if name == 'both' else name}, {weights} | {' | '.join(shares)} |")
    return found


def _descents(report: dict[str, Any]) -> list[str]:
    """A table of how the inversions came down, layer by layer."""
    found = head("inversions", *report["settings"]["layers"])
    for weights, layers in report["descents"].items():
        for name in next(iter(layers.values())):
            found.append(f"| {name}, {weights} | {' | '.join(f'{one[name]:.3g}' for one in layers.values())} |")
    return found


def _levels(report: dict[str, Any]) -> list[str]:
    """A table of claim 2's measures, layer by layer."""
    found = head("mean", *report["settings"]["layers"], "white noise", "content images")
    for measure, level in report["levels"].items():
        own = ", ".join(f"{image} {value:.3g}" for image, value in level["content images"].items())
        for weights in ("trained", RANDOM):
            of_layers = " | ".join(map(interval, level[weights]))
            found.append(f"| {measure}, {weights} | {of_layers} | {interval(level['white noise'])} | {own} |")
    return found
