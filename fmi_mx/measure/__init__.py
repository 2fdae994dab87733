"""Numbers about pictures and codes, with their intervals."""

from __future__ import annotations
