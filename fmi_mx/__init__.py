"""Feature map inversion (FMI) of VGG-19 with Apache MXNet: a reproduction of Xia, Zhu, Wang, Guo and Liu, "Every Filter
Extracts a Specific Texture in Convolutional Neural Networks".

Each name of ``__all__`` is imported from its module when it is first asked for, so that what needs one of them does not wait
for all."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "experiment.cell": ("Cell", "cells"),
    "method.codes": ("draw_shares", "energies", "isolate", "match_by_rank", "reallocate"),
    "errors": ("InputError",),
    "experiment.experiment": ("Experiment", "load_experiment"),
    "descent.lbfgs": ("LBFGS",),
    "method.losses": ("gatys_loss", "gram", "inversion_loss", "pmci_loss"),
    "descent.optimisers": ("SGD", "Adam", "Descent", "Pass", "Step", "Stop", "descend"),
    "network.executors": ("Problem", "encode"),
    "machine.devices": ("Device",),
    "runs.jobs": ("Pool", "pool"),
    "runs.run": ("run",),
    "network.vgg19": ("layer_code", "vgg19"),
    "weights.canonical": ("load_weights",),
}
_MODULE_OF = {name: module for module, names in _PUBLIC.items() for name in names}

__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_MODULE_OF[name]}", __name__), name)
