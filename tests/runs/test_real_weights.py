"""On VGG-19's weights and the paper's images: what random weights cannot show."""

import numpy as np
import pytest

from fmi_mx import encode, isolate, layer_code, load_experiment, run, vgg19
from fmi_mx.files import store
from fmi_mx.files.images import preprocess, read_image
from fmi_mx.machine.mxnet import mx
from fmi_mx.network.executors import to_device
from fmi_mx.weights.canonical import read_weights

pytestmark = pytest.mark.real_weights


def test_the_weights_are_oxfords(real):
    arrays = read_weights(real[0])
    expected = [0.7302, 0.0649, 0.0343, 0.8260, 0.2578, 0.5487]  # as published
    np.testing.assert_allclose(arrays["conv1_1_bias"][:6], expected, atol=5e-5)


def test_the_channel_order_is_rgb(real):
    """Oxford's conv1_1 weighs red more than blue; in the BGR order of Caffe it would be the other way round."""
    red, _, blue = (read_weights(real[0])["conv1_1_weight"] ** 2).sum((0, 2, 3))
    assert red > 1.1 * blue


def test_fmi_turns_the_energy_to_its_filter(real, fig3, tmp_path):
    weights, images = real
    experiment = load_experiment(fig3, images="golden_gate", layers=["relu2_2", "relu4_2"], filters=0, long_edge=64)
    for record in run(experiment, tmp_path, weights, images, "cpu"):
        assert record["stopped"] == "change"
        assert record["energy_share"] > 10 * record["energy_share_content"]


@pytest.mark.parametrize("layer, number", [("relu3_1", 124), ("relu5_2", 308), ("relu5_3", 130)])
def test_a_filter_that_is_silent_at_first_answers_to_the_linear_feature_map(real, fig3, tmp_path, layer, number):
    """Chosen as they are silent in the initial image; the last two stay so by Eq. (1) as printed."""
    weights, images = real
    chosen = {"images": "golden_gate", "layers": layer, "filters": number, "long_edge": 112, "preset": "fast"}
    (record,) = run(load_experiment(fig3, **chosen), tmp_path, weights, images, "cpu")
    assert record["silent_at_start"]
    assert not record["silent"]
    assert record["share_rose"]
    assert record["energy_share"] > 10 * record["energy_share_content"]


def test_the_authors_chain_gathers_energy(real, fig3, tmp_path):
    """Their later targets hold several times the energy of the content's code, which is what saturates the panel."""
    weights, images = real
    chosen = {"images": "golden_gate", "layers": "relu3_2", "filters": "0-2", "long_edge": 96}
    energy = [
        r["target_energy"] for r in run(load_experiment(fig3, target="authors", **chosen), tmp_path, weights, images, "cpu")
    ]
    content = preprocess(read_image(images / "golden_gate.jpg"), 96, "authors")
    code = layer_code(vgg19(), "relu3_2")
    target = encode(isolate(code, 0), to_device(read_weights(weights), mx.cpu()), mx.nd.array(content))
    np.testing.assert_allclose(energy[0], target.sum().asscalar(), rtol=1e-4)
    assert energy[1] > 2 * energy[0]
    assert energy[2] > 1.5 * energy[1]
    assert store.read_record(tmp_path, "golden_gate.relu3_2.f001")["specification"]["predecessor"]["name"].endswith("f000")
