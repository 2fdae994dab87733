"""Computes the cells of an experiment that are missing, and knows which are there."""

from __future__ import annotations
