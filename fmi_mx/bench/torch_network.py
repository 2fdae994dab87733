"""VGG-19 and Eq. (1) in PyTorch, channels last, for what PyTorch is timed with."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from ..network.vgg19 import LAYERS


def tensors(arrays: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """Weights as PyTorch has them, name -> tensor."""
    return {name: channels_last(array) if array.ndim == 4 else torch.tensor(array) for name, array in arrays.items()}


def channels_last(array: np.ndarray) -> torch.Tensor:
    """An array of four axes, its second the last in memory."""
    return torch.tensor(array).contiguous(memory_format=torch.channels_last)


def code(image: torch.Tensor, layer: str, weights: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """The code of an image, (1, 3, H, W) minus the mean, at a layer, by average pooling."""
    image = image.contiguous(memory_format=torch.channels_last)
    for name, (kind, _, _) in LAYERS.items():
        if kind == "conv":
            image = torch.nn.functional.conv2d(image, weights[f"{name}_weight"], weights[f"{name}_bias"], padding=1)
        else:
            image = torch.relu(image) if kind == "relu" else torch.nn.functional.avg_pool2d(image, 2)
        if name == layer:
            break
    return image


def loss(image: torch.Tensor, target: torch.Tensor, layer: str, weights: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Eq. (1), in float32 whatever the convolutions compute in."""
    return (code(image, layer, weights).float() - target).square().sum()
