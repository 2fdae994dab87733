"""Feature map inversion (FMI) of VGG-19 with Apache MXNet: a reproduction of Xia, Zhu, Wang, Guo and Liu, "Every Filter
Extracts a Specific Texture in Convolutional Neural Networks"."""

__version__ = "0.1.0"

from .codes import energies, isolate
from .errors import InputError
from .experiment import Cell, Experiment, cells, load_experiment
from .losses import inversion_loss
from .optimisers import SGD, Descent, Pass, Stop, descend
from .problem import Problem, encode
from .run import run
from .vgg19 import layer_code, vgg19
from .weights import load_weights

__all__ = [
    "SGD",
    "Cell",
    "Descent",
    "Experiment",
    "InputError",
    "Pass",
    "Problem",
    "Stop",
    "cells",
    "descend",
    "encode",
    "energies",
    "inversion_loss",
    "isolate",
    "layer_code",
    "load_experiment",
    "load_weights",
    "run",
    "vgg19",
]
