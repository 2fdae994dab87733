"""Stored cells laid out as the paper does."""
