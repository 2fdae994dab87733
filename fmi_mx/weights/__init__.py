"""VGG-19's weights: the canonical form, and every other one that is read."""
