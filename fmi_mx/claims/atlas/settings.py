"""experiments/atlas_claims.yaml -> Settings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...errors import InputError, as_line
from ...experiment import entries
from ...experiment.overlay import lay_over
from ...files.plain_yaml import read_data
from ...files.readers import Reader, list_of, number, read_keys, whole
from ...machine.aliases import AnyPath
from ...network.vgg19 import check_relu
from ..settings import check_decidable


@dataclass(frozen=True)
class Settings:
    """The keys of atlas_claims.yaml, where each is explained."""

    random_filters: int
    duplicates: float
    least: int
    shown_layers: tuple[str, ...]
    shown_filters: tuple[int, ...]
    resamples: int
    confidence: float
    seed: int

    def generator(self, purpose: str) -> np.random.Generator:
        """The random numbers of a purpose, from the seed and the purpose's name alone."""
        return np.random.default_rng([self.seed, *purpose.encode()])


def load_settings(path: AnyPath, overrides: dict[str, object]) -> Settings:
    """Reads the settings. path: YAML file. overrides: dotted key -> value, which replace the file's. Raises InputError,
    naming the file and the key, for anything unknown, missing or not allowed."""
    try:
        data = read_data(path)
        if "preset" in overrides:
            raise InputError("unknown key 'preset' to set; the atlas has been computed by one already")
        lay_over(data, overrides, list(_SCHEMA))
        settings = Settings(**read_keys(data, _SCHEMA))
        if settings.random_filters == 1:
            raise InputError("random_filters: must be at least two, to be told apart, or 0 for none")
        check_decidable(settings.resamples, settings.confidence)
    except InputError as error:
        raise InputError(f"claims of the atlas {as_line(str(path))}: {error}") from error
    return settings


def _relu(value: object) -> str:
    layer = entries.layer(value)
    check_relu(layer)
    return layer


_SCHEMA: dict[str, Reader] = {
    "random_filters": whole(0, 512),
    "duplicates": number(0, above=True, high=1),
    "least": whole(1, 100),
    "shown_layers": list_of(entries.one(_relu)),
    "shown_filters": list_of(entries.filters),
    "resamples": whole(100, 20_000),  # times 512 filters, they are in memory
    "confidence": number(0.5, high=0.999),
    "seed": whole(0, 2**63),
}
