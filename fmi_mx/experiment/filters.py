"""Which filters an experiment inverts: the same ones of every layer, others of each, or all that a layer has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Dict, Tuple, Union

from ..errors import InputError
from ..files.readers import list_of, mapping
from ..network.vgg19 import check_filter, layer_table
from .entries import filters as numbers
from .entries import layer as known_layer

ALL = "all"
Chosen = Union[Tuple[int, ...], str]  # numbers, or ALL
Filters = Union[Chosen, Dict[str, Chosen]]  # of every layer, or by layer


def filters(value: object) -> Filters:
    """Reads the key ``filters``: numbers and ranges, ``all``, or either of these for each layer."""
    if not isinstance(value, dict):
        return _chosen(value)
    if not value:
        raise InputError("has no layer; give at least one, with its filters")
    found: dict[str, Chosen] = {}
    for layer, chosen in mapping(value).items():
        try:
            found[known_layer(layer)] = _chosen(chosen)
        except InputError as error:
            raise InputError(f"{layer}: {error}") from error
    return found


def _chosen(value: object) -> Chosen:
    return ALL if value == ALL else list_of(numbers)(value)


def filters_of(chosen: Any, layer: str, width: float = 1) -> tuple[int, ...]:
    """The filters of a layer. chosen: an experiment's ``filters``, also as JSON holds it. width: of the network, whose
    layers have so many of VGG-19's filters."""
    if isinstance(chosen, dict):
        chosen = chosen[layer]
    return tuple(range(layer_table(width)[layer][1])) if chosen == ALL else tuple(chosen)


def check_filters_fit(chosen: Filters, layers: Sequence[str], width: float = 1) -> None:
    """Raises InputError where filters are said by layer, and not of each of the layers, and where a layer lacks one."""
    if isinstance(chosen, dict):
        missing = [layer for layer in layers if layer not in chosen]
        more = [layer for layer in chosen if layer not in layers]
        if missing or more:
            wrong = f"says none of {', '.join(missing)}" if missing else f"has {', '.join(more)}, which layers has not"
            raise InputError(f"filters: {wrong}; by layer they are said of each of layers, and of no other")
    for layer in layers:
        for l in filters_of(chosen, layer, width):
            check_filter(layer, l, width)
