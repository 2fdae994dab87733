"""Trains the small network, model/small.params: VGG-19 with 1/8 of the filters, from the photographs and textures that the
scikit-image package carries. Usage: python model/train_small.py [--steps N] [--seed N] [--to FILE]

The task: which region of which image does a crop come from? Every grey image is also there in two palettes, so that colour
tells classes apart too. A crop is scaled, turned, flipped, its colours and contrast vary, and it is noisy. The right quarter
of each region is held out. Every layer has to tell the classes apart by the mean activations of its feature maps, and pays
for activations: so each filter becomes a rare detector of some texture. With a classifier behind the deepest layer alone,
and nothing to pay, the inversions of the deep filters were mush.

Batch normalisation makes 16 plain layers trainable; it is folded into the convolutions at the end, and every layer is scaled
to the mean activation ACTIVATION, which leaves what a ReLU network tells apart unchanged.
"""

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
import skimage
import skimage.data

from fmi_mx import __version__
from fmi_mx.files.fetch import checksums
from fmi_mx.files.images import MEAN
from fmi_mx.files.store import write_json
from fmi_mx.machine.mxnet import mx
from fmi_mx.network.vgg19 import layer_table, weight_shapes
from fmi_mx.weights.canonical import array_digest
from fmi_mx.weights.rescale import mean_activations, rescaled

WIDTH = 1 / 8
CROP, BATCH = 64, 64  # pixels; crops
HELD_OUT = 1 / 4  # of each region's width, on the right
PIXELS = 64.0  # grey levels that count as 1 while training
ACTIVATION = 30.0  # mean over training crops, of every layer that has a ReLU
EPSILON = 1e-5
SPARSITY = 1.0  # price of the mean activation of a layer, beside the sum over the batch of the classifiers' losses

# Image -> regions down and across. All are free: CC0, or in the public domain (see LICENCES).
COLOUR = {
    "astronaut": (2, 2), "cat": (1, 2), "coffee": (2, 2), "rocket": (2, 2),
    "hubble_deep_field": (1, 1), "immunohistochemistry": (1, 1), "retina": (1, 1),
}  # fmt: skip
GREY = {"brick": (1, 1), "grass": (1, 1), "gravel": (1, 1), "cell": (1, 1), "camera": (2, 2), "clock": (1, 1),
        "coins": (1, 1), "text": (1, 1)}  # fmt: skip
# Dark and bright end of what a grey image is shown in.
PALETTES = (((0, 0, 0), (255, 255, 255)), ((60, 0, 70), (255, 200, 60)), ((0, 40, 110), (150, 245, 180)))
LICENCES = {
    "CC0": "brick, camera, cat, cell, coffee, grass, gravel, retina",
    "public domain": "astronaut (NASA), hubble_deep_field (NASA), rocket (SpaceX), clock, text",
    "no known copyright restrictions": "coins, immunohistochemistry",
}


def regions():
    """The regions, one a class: list of (name, uint8 (H, W, 3))."""
    found = []
    for name, (down, across) in {**COLOUR, **GREY}.items():
        image = getattr(skimage.data, name)()
        if max(image.shape) > 1024:
            image = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        for number, (dark, bright) in enumerate(PALETTES if name in GREY else [(None, None)]):
            shown = image if dark is None else _in_palette(image, dark, bright)
            for i, rows in enumerate(np.array_split(shown, down, axis=0)):
                for j, tile in enumerate(np.array_split(rows, across, axis=1)):
                    found.append((f"{name}.{number}.{i}{j}", np.ascontiguousarray(tile)))
    return found


def _in_palette(grey, dark, bright):
    share = grey.astype(np.float32)[..., None] / 255
    return np.rint(share * bright + (1 - share) * dark).astype(np.uint8)


def crop(generator, tile):
    """A crop with its augmentation: float32 (3, CROP, CROP), RGB minus the mean."""
    height, width = tile.shape[:2]
    side = CROP * 2 ** generator.uniform(-1.2, 0.7)
    centre = generator.uniform(0, width), generator.uniform(0, height)
    matrix = cv2.getRotationMatrix2D(centre, generator.uniform(-25, 25), CROP / side)
    matrix[:, 2] += CROP / 2 - np.array(centre)
    flags, border = cv2.INTER_LINEAR, cv2.BORDER_REFLECT_101
    image = cv2.warpAffine(tile, matrix, (CROP, CROP), flags=flags, borderMode=border).astype(np.float32)
    if generator.uniform() < 0.5:
        image = image[:, ::-1]
    contrast, gains = 2 ** generator.uniform(-0.7, 0.5), 2 ** generator.uniform(-0.2, 0.2, 3)
    image = (image - image.mean()) * contrast + image.mean() + generator.uniform(-25, 25)
    image = image * gains.astype(np.float32)
    image += generator.normal(0, generator.uniform(0, 12), image.shape).astype(np.float32)
    return (np.clip(image, 0, 255) - MEAN).transpose(2, 0, 1)


def batch(generator, tiles):
    """(crops (BATCH, 3, CROP, CROP), labels (BATCH,))."""
    labels = generator.integers(len(tiles), size=BATCH)
    return np.stack([crop(generator, tiles[label]) for label in labels]), labels.astype(np.float32)


def network(classes):
    """VGG-19 at WIDTH with batch normalisation, and behind each ReLU a classifier: the mean over positions, one dense layer.
    Returns their outputs, the deepest layer's first."""
    net, heads, label = mx.sym.Variable("data") / PIXELS, [], mx.sym.Variable("softmax_label")
    for name, (kind, filters, _) in layer_table(WIDTH).items():
        if kind == "conv":
            net = mx.sym.Convolution(net, name=name, num_filter=filters, kernel=(3, 3), pad=(1, 1), no_bias=True)
            net = mx.sym.BatchNorm(net, name=f"{name}_bn", fix_gamma=False, eps=EPSILON, momentum=0.95)
        elif kind == "relu":
            net = mx.sym.Activation(net, name=name, act_type="relu")
            energy = mx.sym.mean(net, axis=(2, 3))
            scores = mx.sym.FullyConnected(mx.sym.Dropout(energy, p=0.2), name=f"{name}_classes", num_hidden=classes)
            heads.append(mx.sym.SoftmaxOutput(scores, label, name=f"{name}_softmax", smooth_alpha=0.1))
            heads.append(mx.sym.MakeLoss(mx.sym.mean(energy), grad_scale=SPARSITY))
        else:
            net = mx.sym.Pooling(net, name=name, pool_type="avg", kernel=(2, 2), stride=(2, 2))
    return mx.sym.Group(heads[-2:] + heads[:-2])


def train(module, generator, tiles, steps, rate):
    """Adam, its rate warmed up over 200 steps and then falling to 0 along a cosine; a progress line every 100 steps."""
    module.init_optimizer(optimizer="adam", optimizer_params={"learning_rate": rate, "wd": 1e-4})
    started, right = time.perf_counter(), []
    for step in range(1, steps + 1):
        crops, labels = batch(generator, tiles)
        module._optimizer.lr = rate * min(step / 200, 0.5 * (1 + np.cos(np.pi * step / steps)))
        module.forward(mx.io.DataBatch([mx.nd.array(crops)], [mx.nd.array(labels)]), is_train=True)
        module.backward()
        module.update()
        right.append(mx.nd.argmax(module.get_outputs()[0], axis=1) == mx.nd.array(labels))
        if step % 100 == 0 or step == steps:
            share = float(mx.nd.concat(*right, dim=0).mean().asscalar())
            print(
                f"step {step}/{steps}  training crops right {share:.3f}  {time.perf_counter() - started:.0f} s", flush=True
            )
            right = []


def accuracy(module, generator, tiles, batches=40):
    """The share of held-out crops that are told apart."""
    right = []
    for _ in range(batches):
        crops, labels = batch(generator, tiles)
        module.forward(mx.io.DataBatch([mx.nd.array(crops)], [mx.nd.array(labels)]), is_train=False)
        right.append((module.get_outputs()[0].asnumpy().argmax(1) == labels).mean())
    return float(np.mean(right))


def folded(module):
    """The plain convolutions that do what convolutions and batch normalisation do: name -> float64 array."""
    arguments, auxiliary = ({n: a.asnumpy().astype(np.float64) for n, a in part.items()} for part in module.get_params())
    arrays = {}
    for name in (name[: -len("_weight")] for name in weight_shapes(WIDTH) if name.endswith("_weight")):
        scale = arguments[f"{name}_bn_gamma"] / np.sqrt(auxiliary[f"{name}_bn_moving_var"] + EPSILON)
        arrays[f"{name}_weight"] = arguments[f"{name}_weight"] * scale[:, None, None, None]
        arrays[f"{name}_bias"] = arguments[f"{name}_bn_beta"] - auxiliary[f"{name}_bn_moving_mean"] * scale
    arrays["conv1_1_weight"] /= PIXELS
    return arrays


def scaled(arrays, crops):
    """The same network with the mean activation of each ReLU at ACTIVATION: name -> float16 array."""
    means = mean_activations(arrays, [mx.nd.array(crops)])
    factors = {relu: np.full(len(mean), ACTIVATION / mean.mean()) for relu, mean in means.items()}
    return {name: array.astype(np.float16) for name, array in rescaled(arrays, factors).items()}


def main():
    parser = argparse.ArgumentParser(description="Trains the small network.")
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=0.002)
    parser.add_argument("--to", type=Path, default=Path(__file__).with_name("small.params"))
    options = parser.parse_args()

    mx.random.seed(options.seed)
    np.random.seed(options.seed)  # mx.init draws from it
    generator = np.random.default_rng(options.seed)
    classes = regions()
    splits = [int(tile.shape[1] * (1 - HELD_OUT)) for _, tile in classes]
    training = [tile[:, :split].copy() for (_, tile), split in zip(classes, splits)]
    held_out = [tile[:, split:].copy() for (_, tile), split in zip(classes, splits)]
    module = mx.mod.Module(network(len(classes)))
    module.bind([("data", (BATCH, 3, CROP, CROP))], [("softmax_label", (BATCH,))])
    module.init_params(mx.init.Xavier(factor_type="in", magnitude=2))
    train(module, generator, training, options.steps, options.rate)
    share = accuracy(module, generator, held_out)
    print(f"held-out crops right {share:.3f}, by chance {1 / len(classes):.3f}")

    arrays = scaled(folded(module), batch(generator, training)[0])
    mx.nd.save(str(options.to), {f"arg:{name}": mx.nd.array(array, dtype=np.float16) for name, array in arrays.items()})
    write_json(options.to.with_suffix(".provenance.json"), {
        "network": "small network of fmi_mx: VGG-19 with 1/8 of the filters, RGB, average pooling; not Oxford's",
        "command": f"python model/train_small.py --steps {options.steps} --seed {options.seed} --rate {options.rate}",
        "checksums": checksums(options.to),
        "versions": {"fmi_mx": __version__, "mxnet": mx.__version__, "scikit-image": skimage.__version__},
        "data": {"images": [*COLOUR, *GREY], "classes": len(classes), "licence": LICENCES},
        "accuracy": {"held_out": round(share, 4), "chance": round(1 / len(classes), 4)},
        "sha256": {name: array_digest(array.astype(np.float32)) for name, array in arrays.items()},
    })  # fmt: skip


if __name__ == "__main__":
    main()
