"""The report of the atlas, as lines and as a page of Markdown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...errors import as_line
from ..report import CLAIMS, controls, head, interval, measured, tally, verdict
from ..verdicts import RANDOM

GROUPS = 5  # of near duplicates that the page lists for each layer; atlas_claims.json has all


def lines(report: dict[str, Any]) -> list[str]:
    """The report, as ``assess`` returns it, as lines."""
    found = [_about(report)]
    for number in _claims(report):
        found += ["", f"{number}. {CLAIMS[number]} {tally(report, number)}"]
        found += [f"   {one['where']}: {one['measure']} {measured(one)}; {controls(one)}; {verdict(one)}"
                  for one in report["rows"] if one["claim"] == number]  # fmt: skip
    found += ["", _silent(report), *([_distinct(report)] if _compares(report) else [])]
    return [*found, *_fair(report)]


def markdown(report: dict[str, Any]) -> str:
    """The report as a page."""
    found = ["# The paper's claims, by every filter", "", _about(report)]
    found += ["What is measured, and when a claim holds: docs/atlas.md.", ""]
    if report["width"] != 1:
        found += ["**The network is a small one and not the paper's VGG-19.**", ""]
    found += [f"{number}. {CLAIMS[number]} {tally(report, number)}" for number in _claims(report)]
    found += ["", *head("claim", "where", "measure", "measured", "controls", "verdict")]
    for one in report["rows"]:
        cells = [CLAIMS[one["claim"]], one["where"], one["measure"], measured(one), controls(one), verdict(one)]
        found.append(_line(cells))
    for title, table, has in (
        ("Layer by layer", _layers, True),
        ("Near duplicates", _duplicates, _compares(report)),
        ("The filters that the paper shows", _fairness, bool(report["fairness"])),
        ("Least like a texture of their own", _least, _compares(report)),
    ):
        if has:
            found += ["", f"## {title}", "", *table(report)]
    return "\n".join(found) + "\n"


def _claims(report: dict[str, Any]) -> list[int]:
    return [number for number in CLAIMS if any(row["claim"] == number for row in report["rows"])]


def _compares(report: dict[str, Any]) -> bool:
    """Whether it has more than one image's inversions, and so what compares them."""
    return len(report["images"]) > 1


def _about(report: dict[str, Any]) -> str:
    """What the report is of, and what it lacks."""
    settings, sample = report["settings"], report["sample"]
    there = sum(layer["filters"] for layer in report["layers"].values())
    images = f"{len(report['images'])} images" if _compares(report) else f"{report['images'][0]} alone"
    found = (f"{there} filters of {len(report['layers'])} layers, each inverted from {images} at long "
             f"edge {report['long_edge']} in {report['precision']}; {100 * settings['confidence']:g} % intervals over "
             f"filters, {settings['resamples']} resamples.")  # fmt: skip
    lacking = [f"{layer} {sum(one.values())} ({one['failed']} failed, {one['missing']} missing)"
               for layer, one in report["lacking"].items()]  # fmt: skip
    if lacking:
        found += f" Of {report['cells']} cells some are not there, and their filters are left out: {', '.join(lacking)}."
    if sample is None:
        return f"{found} Random weights and white noise were not computed (random_filters: 0), so no claim holds."
    if sample["failed"]:
        found += f" Through random weights {sample['failed']} inversions failed, and their filters are left out."
    if sample["precision"] != report["precision"]:
        found += f" Those through random weights were computed in {sample['precision']}."
    return found


def _silent(report: dict[str, Any]) -> str:
    every = report["layers"].values()
    counts = [sum(len(one[f"{fact}, filters"]) for one in every) for fact in ("silent_at_start", "silent", "stuck")]
    where = "from at least one image" if _compares(report) else f"from {report['images'][0]}"
    return f"Filters that are silent {where}: {counts[0]} at the start, {counts[1]} in the end; stuck: {counts[2]}."


def _distinct(report: dict[str, Any]) -> str:
    every = report["layers"].values()
    textures = sum(one["distinct"]["textures"]["value"] for one in every)
    return f"Distinct textures within their layers: {textures:g} of {sum(one['filters'] for one in every)} filters."


def _fair(report: dict[str, Any]) -> list[str]:
    """Where the paper's filters lie, in a line each."""
    return [
        f"Filters {_filters(report)} in {where}: {measure} at {one['place']['value']:.2g} of all, where 0.5 is the middle; "
        f"random draws {one['place']['low']:.2g} to {one['place']['high']:.2g}, p = {one['p']:.2g}"
        for where, measures in report["fairness"].items()
        for measure, one in measures.items()
    ]


def _filters(report: dict[str, Any]) -> str:
    return ", ".join(map(str, report["settings"]["shown_filters"]))


def _line(cells: Iterable[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _layers(report: dict[str, Any]) -> list[str]:
    """Means, silent filters and distinct textures of each layer."""
    titles = [
        "layer",
        "filters",
        "colourfulness",
        RANDOM,
        "intricacy",
        RANDOM,
        "silent at the start",
        "silent in the end",
        "stuck",
    ]
    if _compares(report):
        titles += ["found, centred", "of the sample, centred: trained", f"{RANDOM}, centred"]
        titles += ["distinct textures", "with a near duplicate", "distinct of the sample: trained", RANDOM, "white noise"]
    found = head(*titles)
    for layer, one in report["layers"].items():
        measures = [
            _maybe(one.get(measure + whose)) for measure in ("colourfulness", "intricacy") for whose in ("", f", {RANDOM}")
        ]
        cells = [layer, one["filters"], *measures, *(interval(one[fact]) for fact in ("silent_at_start", "silent", "stuck"))]
        if _compares(report):
            cells.append(interval(one["found, centred"]))
            cells += [_maybe(one["found of the sample, centred"].get(name)) for name in ("trained", RANDOM)]
            cells += [interval(one["distinct"][of]) for of in ("textures", "duplicated")]
            cells += [_maybe(one["distinct of the sample"].get(name)) for name in ("trained", RANDOM, "white noise")]
        found.append(_line(cells))
    return found


def _maybe(estimate: dict[str, float] | None) -> str:
    return interval(estimate) if estimate else "not computed"


def _duplicates(report: dict[str, Any]) -> list[str]:
    """The largest groups of each layer."""
    found = head("layer", "pairs no farther apart than", "pairs", "groups", "filters of the largest groups")
    for layer, one in report["layers"].items():
        groups = one["distinct"]["groups"]
        listed = "; ".join(_some(group) for group in groups[:GROUPS])
        found.append(
            _line([layer, interval(one["distinct"]["threshold"]), one["distinct"]["pairs"], len(groups), listed or "none"])
        )
    return found


def _some(filters: list[int], most: int = 10) -> str:
    more = len(filters) - most
    return ", ".join(map(str, filters[:most])) + (f" and {more} more" if more > 0 else "")


def _fairness(report: dict[str, Any]) -> list[str]:
    found = [
        f"Filters {_filters(report)} among all of their layers: 0.5 is the middle. In brackets, where as many "
        "filters drawn at random lie.",
        "",
        *head("where", "measure", "theirs", "the others'", "place", "p", "by layer"),
    ]
    for where, measures in report["fairness"].items():
        for measure, one in measures.items():
            layers = ", ".join(f"{layer} {place:.2f}" for layer, place in one["by_layer"].items())
            numbers = [f"{one['shown']:.3g}", f"{one['rest']:.3g}", interval(one["place"]), f"{one['p']:.2g}"]
            found.append(_line([where, measure, *numbers, layers]))
    return found


def _least(report: dict[str, Any]) -> list[str]:
    """The list of atlas_least.png."""
    found = head("layer", "filter", "share of the other filters that are nearer", "nearest other", "silent", "stuck")
    for one in report["least"]:
        cells = [
            one["layer"],
            one["filter"],
            f"{one['others nearer']:.3g}",
            one["nearest other"],
            f"{one['silent']:g}",
            f"{one['stuck']:g}",
        ]
        found.append(_line(cells))
    return [*found, "", f"Their pictures: atlas_least.png, from {as_line(', '.join(report['images']), 500)}."]
