"""The formats of weights files, a reader each."""
