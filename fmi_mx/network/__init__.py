"""VGG-19 as a Symbol, and executors of Symbols on a device."""

from __future__ import annotations
