"""Names for types: MXNet's, which ships none, and paths. A type checker alone imports MXNet's: a run must not, before
``mxnet`` has prepared the environment."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Dict, Protocol, Union

import numpy as np

if TYPE_CHECKING:
    from mxnet.context import Context
    from mxnet.executor import Executor
    from mxnet.ndarray import NDArray
    from mxnet.symbol import Symbol
else:
    Context = Executor = NDArray = Symbol = Any

Image = Union[NDArray, np.ndarray]  # of an optimiser that lives on the device, or on the host
Arrays = Dict[str, NDArray]  # name -> NDArray, all on one device
AnyPath = Union[str, "os.PathLike[str]"]


class AnyDevice(Protocol):
    """A device: MXNet's context, or what is known of it before MXNet is imported. device_type: ``cpu`` or ``gpu``."""

    @property
    def device_type(self) -> str: ...
    @property
    def device_id(self) -> int: ...
