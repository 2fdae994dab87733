import json

import numpy as np
import oracles
import pytest
from conftest import ROOT

from fmi_mx import InputError
from fmi_mx.cli import main
from fmi_mx.machine.mxnet import mx
from fmi_mx.network.vgg19 import LAYERS
from fmi_mx.weights.canonical import read_weights, weights_digest, write_weights
from fmi_mx.weights.rescale import mean_activations, normalise, rescaled

SMALL = ROOT / "model" / "small.params"
PICTURES = ["coffee", "astronaut"]  # scikit-image's own


def images(generator, *sizes):
    return [mx.nd.array(generator.uniform(-100, 100, (1, 3, *size))) for size in sizes]


def test_the_mean_activations_are_those_of_plain_numpy():
    arrays, shown, layers = read_weights(SMALL), images(np.random.default_rng(0), (32, 48), (16, 16)), list(LAYERS)
    found = mean_activations(arrays, shown)
    assert list(found)[:3] == ["relu1_1", "relu1_2", "relu2_1"]
    assert len(found) == 16
    for relu, mean in found.items():
        means = [
            oracles.code(image.asnumpy(), arrays, layers[: layers.index(relu) + 1]).mean(axis=(0, 2, 3)) for image in shown
        ]
        wanted = np.average(means, axis=0, weights=[32 * 48, 16 * 16])
        np.testing.assert_allclose(mean, wanted, rtol=1e-3, atol=1e-3)


def test_rescaling_multiplies_the_feature_maps_and_nothing_else():
    generator, arrays = np.random.default_rng(0), read_weights(SMALL)
    shown = images(generator, (32, 32))
    before = mean_activations(arrays, shown)
    factors = {relu: generator.uniform(0.1, 10, len(mean)) for relu, mean in before.items()}
    after = mean_activations(rescaled(arrays, factors), shown)
    for relu, mean in before.items():
        np.testing.assert_allclose(after[relu], mean * factors[relu], rtol=1e-3, atol=1e-4 * mean.max())


def test_normalised_weights_have_unit_means_and_say_where_they_come_from(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("fmi_mx.weights.rescale.LONG_EDGE", 96)
    target = tmp_path / "unit.params"
    provenance = normalise(SMALL, target, PICTURES, tmp_path)
    assert json.loads(target.with_suffix(".provenance.json").read_text(encoding="utf-8")) == provenance
    with monkeypatch.context() as patch:
        patch.setattr("fmi_mx.weights.rescale.mean_activations", lambda *_: 1 / 0)
        assert normalise(SMALL, target, PICTURES, tmp_path) == provenance  # made once
        with pytest.raises(ZeroDivisionError):
            normalise(SMALL, target, PICTURES[:1], tmp_path)
    again = normalise(target, tmp_path / "again.params", PICTURES, tmp_path)  # there is nothing left to scale
    one, two = read_weights(target), read_weights(tmp_path / "again.params")
    for name in one:
        np.testing.assert_allclose(two[name], one[name], rtol=1e-3, atol=1e-5)
    assert again["silent"] == provenance["silent"]
    assert main(["weights", "check", str(target)]) == 0
    assert "scaled to a mean activation of 1" in capsys.readouterr().out
    assert weights_digest(one) != weights_digest(read_weights(SMALL))


def test_weights_that_overflow_are_refused_in_one_line(tmp_path, monkeypatch, recwarn):
    monkeypatch.setattr("fmi_mx.weights.rescale.LONG_EDGE", 32)
    arrays = read_weights(SMALL)
    write_weights({name: array * np.float32(1e30) for name, array in arrays.items()}, tmp_path / "huge.npz")
    with pytest.raises(InputError, match="unit.npz are not written: conv[1-5]_[1-4]_weight has a number that is not finite"):
        normalise(tmp_path / "huge.npz", tmp_path / "unit.npz", PICTURES[:1], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["huge.npz"]
    assert not [one for one in recwarn if issubclass(one.category, RuntimeWarning)]


def test_weights_normalise_without_images_writes_nothing(tmp_path, capsys):
    arguments = ["weights", "normalise", "--weights", str(SMALL), "--images", str(tmp_path), "--to", str(tmp_path / "u.npz")]
    assert main(arguments) == 2
    assert "golden_gate" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
