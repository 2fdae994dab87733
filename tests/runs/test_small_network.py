"""The network of this repository: what it is, and that its filters extract textures, each its own."""

import json

import numpy as np
import pytest
from conftest import ROOT

from fmi_mx import InputError, cells, load_experiment, run
from fmi_mx.cli import main
from fmi_mx.files.fetch import checksums
from fmi_mx.measure.descriptors import describe, positions
from fmi_mx.network.vgg19 import width_of
from fmi_mx.runs.compute import Given, compute, load_network
from fmi_mx.runs.materials import gather
from fmi_mx.weights.canonical import array_digest, read_weights
from fmi_mx.weights.convert import network_of
from fmi_mx.weights.random import he_normal

SMALL = ROOT / "model" / "small.params"
FILTERS = {"relu3_2": "0-6", "relu4_2": "0-6"}  # fourteen, of which 8 to 13 are recognised, depending on the seed
IMAGES = ["astronaut", "ihc"]


def test_the_file_is_small_and_is_what_its_provenance_says():
    provenance = json.loads(SMALL.with_suffix(".provenance.json").read_text(encoding="utf-8"))
    arrays = read_weights(SMALL)
    assert SMALL.stat().st_size < 1_000_000
    assert width_of(arrays) == 1 / 8
    assert provenance["checksums"] == checksums(SMALL)
    assert provenance["sha256"] == {name: array_digest(array) for name, array in arrays.items()}
    assert provenance["accuracy"]["held_out"] > 10 * provenance["accuracy"]["chance"]
    assert "1/8" in network_of(arrays, SMALL)
    assert "not Oxford's" in network_of(arrays, SMALL)


def test_a_filter_that_the_network_does_not_have_is_refused(fig3, tmp_path):
    experiment = load_experiment(fig3, preset="demo", layers=["relu4_2"], filters="60-64")
    with pytest.raises(InputError, match="small.params: filter 64 is not in relu4_2 of a network with 1/8"):
        run(experiment, tmp_path / "run", SMALL, tmp_path)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("figure", ["fig3", "fig4", "fig5"])
def test_the_demo_draws_figures_that_say_whose_network_it_is(figure, tmp_path, capsys, monkeypatch):
    from fmi_mx.figure import draw

    notes = []
    lay_out = draw.lay_out
    monkeypatch.setattr(draw, "lay_out", lambda parts, note="": notes.append(note) or lay_out(parts, note))
    tiny = ["--set", "long_edge=32", "--set", "stop.passes=2", "--set", "images=[coffee]"]
    files = ["--weights", str(SMALL), "--images", str(tmp_path), "--out", str(tmp_path / figure)]
    arguments = ["run", str(ROOT / "experiments" / f"{figure}.yaml"), "--set", "preset=demo", *tiny, *files]
    assert main(arguments) == 0, capsys.readouterr().err
    assert notes == ["small network, 1/8 of VGG-19's filters: not the paper's"]
    assert (tmp_path / f"{figure}.png").stat().st_size > 10_000


def inversions(weights, tmp_path):
    """(layer, filter) -> the two pictures of IMAGES."""
    found = {}
    for layer, filters in FILTERS.items():
        small = {"long_edge": 64, "start": 0.1, "stop.passes": 20, "images": IMAGES, "layers": [layer], "filters": filters}
        experiment = load_experiment(ROOT / "experiments" / "fig3.yaml", preset="demo", **small)
        materials = gather(experiment, weights, tmp_path, "cpu")
        network = load_network(materials.weights, experiment.pool, materials.device)
        for cell in cells(experiment):
            given = Given(experiment, cell, materials.shown[cell.image, cell.style])
            picture, _, _ = compute(given, network)
            found.setdefault((layer, cell.filter), []).append(picture)
    return found


def recognised(found):
    """How many filters' two pictures are nearer to each other than either is to a picture of another filter."""
    pictures = [picture for pair in found.values() for picture in pair]
    points = positions([describe(picture) for picture in pictures], ("colour", "texture"))
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    count = 0
    for number in range(len(found)):
        own = [2 * number, 2 * number + 1]
        others = np.delete(distances[own], own, axis=1)
        count += distances[own[0], own[1]] < others.min()
    return count


def test_the_inversions_of_a_filter_are_of_one_texture(tmp_path):
    trained = recognised(inversions(SMALL, tmp_path))
    np.savez(tmp_path / "random.npz", **he_normal(1 / 8, np.random.default_rng(1)))
    by_chance = recognised(inversions(tmp_path / "random.npz", tmp_path))
    assert trained >= 7, f"{trained} of 14 filters are recognised"
    assert by_chance <= 3, f"{by_chance} of 14 with random weights, {trained} with the trained ones"
