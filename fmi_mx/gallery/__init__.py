"""A run as pages that a browser opens without a server or a network."""

from __future__ import annotations
