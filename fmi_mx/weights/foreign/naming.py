"""Which key of a weights file is which array of VGG-19: by the names that each library gives them, whatever stands before.

A scheme of names also says what the network is fed, which no file says otherwise."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import NamedTuple

from ...errors import InputError, shown
from ...network.vgg19 import weight_shapes

MOST = 10_000  # names in a file
SCALES = ("RGB", "BGR", "torchvision")  # 0..255 minus the mean in that order; or RGB, (x / 255 - mean) / standard deviation
_CONVOLUTIONS = {"VGG-19": (2, 2, 4, 4, 4), "VGG-16": (2, 2, 3, 3, 3), "VGG-13": (2, 2, 2, 2, 2), "VGG-11": (1, 1, 2, 2, 2)}
_FEWEST = 8  # convolutions of VGG-11
_NORMALISATION = re.compile("running_mean|moving_mean|batchnorm|batch_norm")


class Naming(NamedTuple):
    """keys: canonical name -> the file's key. scale: one of ``SCALES``. said: what the names told, in words, or empty."""

    keys: dict[str, str]
    scale: str
    said: str


class _Scheme(NamedTuple):
    """pattern: groups ``before``, ``layer`` and ``part``. layers: a network's convolutions per block, and the layers from
    one convolution to the next, -> what ``layer`` is for each convolution."""

    pattern: re.Pattern[str]
    layers: Callable[[tuple[int, ...], int], list[str]]
    scale: str
    said: str


def conv_names(convolutions: tuple[int, ...]) -> list[str]:
    """The names of a network's convolutions (``conv1_1``, ...). convolutions: how many each block has."""
    return [f"conv{block}_{n}" for block, count in enumerate(convolutions, 1) for n in range(1, count + 1)]


def _by_name(convolutions: tuple[int, ...], _: int) -> list[str]:
    return conv_names(convolutions)


def _by_number(convolutions: tuple[int, ...], _: int) -> list[str]:
    return [str(n) for n in range(sum(convolutions))]


def _by_position(convolutions: tuple[int, ...], step: int) -> list[str]:
    """Counted with ReLUs and poolings: step is 2, and 3 with batch normalisation."""
    found, position = [], 0
    for count in convolutions:
        found += [str(position + step * n) for n in range(count)]
        position += step * count + 1
    return found


def _pattern(before: str, layer: str) -> re.Pattern[str]:
    return re.compile(rf"(?P<before>(?:arg:)?{before}){layer}(?P<part>weight|bias)", re.ASCII)


_SCHEMES = (
    _Scheme(_pattern("", r"(?P<layer>conv\d_\d)_"), _by_name, "RGB", ""),
    _Scheme(_pattern(r"(?:.*\.)?", r"(?P<layer>conv\d_\d)\."), _by_name, "BGR",
            "names as in Gatys' vgg_conv.pth, so taken as fed with BGR, 0..255 minus the mean"),
    _Scheme(_pattern(r"(?:.*_)?", r"conv(?P<layer>\d{1,3})_"), _by_number, "torchvision",
            "names as MXNet's gluon model zoo exports them"),
    _Scheme(_pattern(r"(?:.*\.)?", r"(?P<layer>\d{1,3})\."), _by_position, "torchvision", ""),
)  # fmt: skip


def choose(keys: list[str]) -> Naming:
    """The keys of VGG-19's arrays among those of a file.

    Raises InputError where they are of another network (VGG-16, one with batch normalisation), where an array is missing,
    and where two networks are there.
    """
    if len(keys) > MOST:
        raise InputError(
            f"it has {len(keys)} arrays; VGG-19 has 38 with its fully connected layers, and {MOST} are looked at"
        )
    found = [(scheme, before, layers) for scheme in _SCHEMES for before, layers in _groups(scheme, keys).items()]
    large = [one for one in found if len(one[2]) >= _FEWEST]
    whole = [one for one in large if _names(*one[::2]).keys() == weight_shapes().keys() and not _normalised(one[1], keys)]
    if len(whole) > 1:
        befores = shown([before for _, before, _ in whole])
        raise InputError(
            f"it holds {len(whole)} networks, whose names begin with {befores}; a file with one of them is read"
        )
    if not whole:
        for scheme, before, layers in large:
            _refuse_relatives(scheme, layers, _normalised(before, keys))
        check_whole(max((_names(scheme, layers) for scheme, _, layers in found), key=len, default={}), keys)
    scheme, _, layers = whole[0]
    return Naming(_names(scheme, layers), scheme.scale, scheme.said)


def _groups(scheme: _Scheme, keys: list[str]) -> dict[str, dict[str, dict[str, str]]]:
    """What stands before the layer -> layer -> part (``weight`` or ``bias``) -> key."""
    groups: dict[str, dict[str, dict[str, str]]] = {}
    for key in keys:
        if match := scheme.pattern.fullmatch(key):
            groups.setdefault(match["before"], {}).setdefault(match["layer"], {})[match["part"]] = key
    return groups


def _names(scheme: _Scheme, layers: dict[str, dict[str, str]]) -> dict[str, str]:
    """Canonical name -> key, in the network's order, of what there is of VGG-19 in a group."""
    ours = zip(conv_names(_CONVOLUTIONS["VGG-19"]), scheme.layers(_CONVOLUTIONS["VGG-19"], 2))
    found = {name: layers.get(layer, {}) for name, layer in ours}
    return {f"{name}_{part}": parts[part] for name, parts in found.items() for part in ("weight", "bias") if part in parts}


def _normalised(before: str, keys: list[str]) -> bool:
    return any(key.startswith(before) and _NORMALISATION.search(key) for key in keys)


def _refuse_relatives(scheme: _Scheme, layers: dict[str, dict[str, str]], normalised: bool) -> None:
    """Raises InputError where a group's layers are those of another VGG."""
    for network, convolutions in _CONVOLUTIONS.items():
        theirs = set(scheme.layers(convolutions, 3 if normalised else 2))
        if normalised and theirs <= set(layers):
            raise InputError("it is a VGG with batch normalisation, another network; VGG-19 without it is needed")
        # Counted by position, the fully connected layers are in the group too, and no network's places are another's.
        if theirs <= set(layers) if scheme.layers is _by_position else theirs == set(layers):
            _refuse(network)


def _refuse(network: str) -> None:
    if network != "VGG-19":
        raise InputError(f"it is a {network}, another network; VGG-19 is needed")


def check_whole(names: Collection[str], keys: Collection[str]) -> None:
    """Raises InputError unless every array of VGG-19 is among names (canonical). keys: the file's own, some of which the
    message shows."""
    missing = [name for name in weight_shapes() if name not in names]
    if not missing:
        return
    convolutions = {name.rpartition("_")[0] for name in names}
    for network, theirs in _CONVOLUTIONS.items():
        if convolutions == set(conv_names(theirs)):
            _refuse(network)
    more = f", and {len(missing) - 1} more" if missing[1:] else ""
    first = f"; the first names in the file are {shown(list(keys)[:4])}" if keys else ""
    raise InputError(f"{missing[0]} is missing{more}{first}")
