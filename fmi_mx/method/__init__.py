"""The paper's equations (1) to (5), and Gatys et al., as Symbols."""

from __future__ import annotations
