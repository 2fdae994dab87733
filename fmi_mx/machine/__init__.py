"""The only place that prepares and imports MXNet, and what this machine can compute with."""

from __future__ import annotations
