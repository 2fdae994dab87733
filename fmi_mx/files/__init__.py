"""Everything that touches the disk: images, downloads, YAML, and files that are there whole or not at all."""

from __future__ import annotations
