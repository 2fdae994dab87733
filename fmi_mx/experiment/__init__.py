"""A YAML file as a checked experiment, and the cells that it has."""
