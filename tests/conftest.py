import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from fmi_mx.network import weight_shapes

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def no_defaults_of_the_user(monkeypatch):
    """A user's own FMI_* settings decide nothing here."""
    for name in ("FMI_WEIGHTS", "FMI_IMAGES", "FMI_DEVICE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def arrays():
    """Random weights of VGG-19's shapes, scaled so that activations keep their size from layer to layer."""
    generator = np.random.default_rng(1)
    return {
        name: generator.normal(0, np.sqrt(2 / np.prod(shape[1:])) if len(shape) > 1 else 0.1, shape).astype(np.float32)
        for name, shape in weight_shapes().items()
    }


@pytest.fixture(scope="session")
def weights_file(arrays, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "random.npz"
    np.savez(path, **arrays)
    return path


@pytest.fixture(scope="session")
def images_folder(tmp_path_factory):
    """Two images that are not square, under the names of Fig. 3's."""
    folder = tmp_path_factory.mktemp("images")
    generator = np.random.default_rng(2)
    for name, shape in (("golden_gate", (48, 64)), ("neckarfront", (64, 48))):
        noise = generator.integers(0, 256, (*shape, 3)).astype(np.uint8)
        cv2.imwrite(str(folder / f"{name}.png"), cv2.GaussianBlur(noise, (0, 0), 3))
    return folder


@pytest.fixture
def fig3():
    return ROOT / "experiments" / "fig3.yaml"


_USERS = {name: os.environ.get(name) for name in ("FMI_WEIGHTS", "FMI_IMAGES")}


@pytest.fixture
def real():
    """(weights, images) of the real thing, where the user has said where they are."""
    if not all(_USERS.values()):
        pytest.skip("set FMI_WEIGHTS to VGG-19's weights and FMI_IMAGES to the paper's images to run this")
    return Path(_USERS["FMI_WEIGHTS"]), Path(_USERS["FMI_IMAGES"])
