"""Runs for the tests of the gallery: pictures and numbers that nobody computed, known to the tests."""

import numpy as np
from conftest import ROOT
from stored import finished_run

from fmi_mx.experiment.experiment import as_data, load_experiment

HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)<script>\"'& ünï 名"
LAYERS = ["relu2_1", "relu3_1"]
FILTERS = 10
IMAGES = ["one", "two"]


def textures(names, shape=(24, 32)):
    """A picture for each name: stripes of a width and a colour of its own."""
    generator, columns = np.random.default_rng(3), np.arange(shape[1])
    found = {}
    for name in names:
        stripes = np.sin(columns * generator.uniform(0.3, 3))[None, :, None] * generator.uniform(10, 90, 3)
        noise = generator.normal(0, 10, (*shape, 3))
        found[name] = np.clip(128 + stripes + noise, 0, 255).astype(np.uint8)
    return found


def facts_of(number):
    """What a record says; each number rises or falls with the filter's. Every fifth filter is silent."""
    return {
        "loss_first": 1000.0,
        "loss_last": 500.0 - 10 * number,
        "loss_printed": 600.0,
        "passes": 40,
        "stopped": "change",
        "seconds": 1.0,
        "energy_share": 0.01 * (FILTERS - number),
        "energy_share_content": 0.001,
        "silent": number % 5 == 4,
        "measures": {"colourfulness": float(number), "intricacy": float(-number)},
    }


def filters_run(folder, images=IMAGES, shape=(24, 32), **more):
    """A run of FMI with two layers of ten filters. more: see ``finished_run``."""
    experiment = as_data(
        load_experiment(ROOT / "experiments" / "fig3.yaml", images=images, layers=LAYERS, filters=f"0-{FILTERS - 1}")
    )
    cells = {f"{image}.{layer}.f{l:03d}": l for image in images for layer in LAYERS for l in range(FILTERS)}
    generator = np.random.default_rng(4)
    described = {name: {"colour": generator.normal(size=9), "texture": generator.normal(size=48)} for name in cells}
    arrays = {name: {"loss": np.geomspace(1000, 500, 40, dtype=np.float32), **one} for name, one in described.items()}
    facts = {name: facts_of(l) for name, l in cells.items()}
    pictures = {name: one for name, one in textures(cells, shape).items() if name not in more.get("failed", ())}
    return finished_run(folder, experiment, pictures, facts=facts, arrays=arrays, **more)


def transfer_run(folder, images=IMAGES, styles=("ink",)):
    """A run of Fig. 5."""
    experiment = as_data(load_experiment(ROOT / "experiments" / "fig5.yaml", images=images, styles=list(styles)))
    names = [f"{style}.style" for style in styles]
    names += [f"{image}.{style}.{loss}" for style in styles for image in images for loss in ("gatys", "pmci")]
    return finished_run(folder, experiment, textures(names))
