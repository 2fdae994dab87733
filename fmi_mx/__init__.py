"""Feature map inversion (FMI) of VGG-19 with Apache MXNet: a reproduction of Xia, Zhu, Wang, Guo and Liu, "Every Filter
Extracts a Specific Texture in Convolutional Neural Networks"."""

__version__ = "0.1.0"

from .cell import Cell, cells
from .codes import draw_shares, energies, isolate, match_by_rank, reallocate
from .errors import InputError
from .experiment import Experiment, load_experiment
from .lbfgs import LBFGS
from .losses import gatys_loss, gram, inversion_loss, pmci_loss
from .optimisers import SGD, Adam, Descent, Pass, Step, Stop, descend
from .problem import Problem, encode
from .run import run
from .vgg19 import layer_code, vgg19
from .weights import load_weights

__all__ = [
    "Adam",
    "Cell",
    "Descent",
    "Experiment",
    "InputError",
    "LBFGS",
    "Pass",
    "Problem",
    "SGD",
    "Step",
    "Stop",
    "cells",
    "descend",
    "draw_shares",
    "encode",
    "energies",
    "gatys_loss",
    "gram",
    "inversion_loss",
    "isolate",
    "layer_code",
    "load_experiment",
    "load_weights",
    "match_by_rank",
    "pmci_loss",
    "reallocate",
    "run",
    "vgg19",
]
