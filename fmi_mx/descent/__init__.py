"""The one descent loop and what drives it: SGD, Adam, L-BFGS with its preconditioner."""

from __future__ import annotations
