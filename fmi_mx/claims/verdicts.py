"""When a claim holds."""

from __future__ import annotations

from typing import NamedTuple

from ..measure.intervals import Estimate

HOLDS, FAILS, OPEN = "holds", "does not hold", "undecided"
LABELS, RANDOM = "shuffled labels", "random weights"


class Row(NamedTuple):
    """One number that a claim is about. claim: its number. where: layer, or what of it. measure: what the number is.
    measured: with its interval. controls: name -> value that the claim sets the number apart from. margins: name -> how far
    the number is on the claim's side of it, with interval. beside: name -> value, to compare with only. p: of shuffled
    labels. verdict: as ``judged`` has it. because: the controls or other reasons that it comes from, none where the claim
    holds."""

    claim: int
    where: str
    measure: str
    measured: Estimate
    controls: dict[str, float]
    margins: dict[str, Estimate]
    beside: dict[str, float | Estimate]
    p: float | None
    verdict: str
    because: tuple[str, ...]


def judged(
    claim: int,
    where: str,
    measure: str,
    measured: Estimate,
    controls: dict[str, float],
    margins: dict[str, Estimate],
    confidence: float,
    beside: dict[str, float | Estimate] | None = None,
    p: float | None = None,
) -> Row:
    """A row with its verdict. The claim holds where the interval of every margin lies above 0 and p, if there is one, is
    at most 1 - confidence; it does not hold where the interval of one margin lies below 0, but for the margin to random
    weights: those say only whether it is because of what the network has learnt. Else it is undecided."""
    below = tuple(name for name, margin in margins.items() if margin.high < 0 and name != RANDOM)
    within = tuple(name for name, margin in margins.items() if not margin.low > 0)
    if p is not None and not p <= 1 - confidence:
        within += (LABELS,)
    verdict = FAILS if below else OPEN if within else HOLDS
    return Row(claim, where, measure, measured, controls, margins, beside or {}, p, verdict, below or within)


def undecided(row: Row, *reasons: str) -> Row:
    """A row that for these reasons decides nothing."""
    return row._replace(verdict=OPEN, because=reasons)


def uncontrolled(row: Row, *controls: str) -> Row:
    """A row whose controls, by their names, were not computed: it cannot hold."""
    return undecided(row, *(f"{name} not computed" for name in controls)) if row.verdict == HOLDS else row
