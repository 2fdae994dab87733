"""The paper's four claims, tested: computes what they need, measures it, and judges."""

from pathlib import Path

import numpy as np

from . import claims_figure, claims_report, claims_runs, store
from .cell import image_name
from .claim_layers import levels, trend_rows
from .claim_style import crops_row
from .claim_textures import dependence_rows, points_of, retrieval_row
from .claim_transfers import transfer_rows
from .colourfulness import colourfulness
from .descriptors import describe
from .energy_vectors import energy_vectors, gram_matrices
from .images import postprocess
from .intricacy import intricacy
from .materials import network_images
from .statistics import Bootstrap, variance_components
from .vgg19 import width_of


def assess(settings, out, weights, images, device, stream):
    """Tests the claims, and writes claims.json, claims.md and claims.png into a folder.

    settings: ``Settings``. out: the folder; the runs go into out/claims, and resume. weights: file. images: folder. device:
    see ``choose_device``. stream: where progress goes. Returns the report, as claims.json holds it. Raises InputError before
    anything is computed for whatever is wrong with the input.
    """
    pictures = claims_runs.compute(settings, out, weights, images, device, _generator(settings, "random weights"), stream)
    print("measuring the pictures", file=stream, flush=True)
    noise = _white_noise(pictures.trained, _generator(settings, "white noise"))
    bootstrap = Bootstrap(settings.resamples, settings.confidence, _generator(settings, "bootstrap"))
    shuffles = _generator(settings, "shuffles")
    textures, components = _textures(settings, pictures, noise, bootstrap, shuffles)
    trends, found = _layers(settings, pictures, noise, bootstrap)
    style = _crops(settings, pictures, bootstrap, shuffles)
    transferred, ways = transfer_rows(settings, pictures, bootstrap, shuffles)
    rows = sorted([*textures, *trends, style, *transferred], key=lambda row: row.claim)
    report = {
        "settings": claims_report.plain(settings),
        "width": width_of(pictures.materials.weights),
        "rows": [claims_report.plain(row) for row in rows],
        "levels": claims_report.plain(found),
        "components": components,
        "pmci": ways,
    }
    store.write_json(Path(out) / "claims.json", report)
    store.write_file(Path(out) / "claims.md", claims_report.markdown(report).encode())
    store.write_file(Path(out) / "claims.png", claims_figure.draw(report))
    return report


def _generator(settings, purpose):
    """The random numbers of a purpose, from the seed and the purpose's name alone."""
    return np.random.default_rng([settings.seed, *purpose.encode()])


def _white_noise(pictures, generator):
    """As many pictures of white noise as a layer has inversions, of their sizes: [filter][image][seed]."""
    first = next(iter(pictures.values()))
    return [[[generator.integers(0, 256, one.shape, np.uint8) for one in seeds] for seeds in images] for images in first]


def _textures(settings, pictures, noise, bootstrap, generator):
    """Claims 1 and 4: their rows, and the variance components, of which weights -> layer -> component."""
    rows, components = [], {"trained": {}, "random weights": {}}
    of_noise = points_of(noise)
    for layer in settings.layers:
        points, random = points_of(pictures.trained[layer]), points_of(pictures.random[layer])
        rows.append(retrieval_row(layer, points, random, of_noise, settings, bootstrap, generator))
        rows += dependence_rows(layer, points, random, settings, bootstrap)
        components["trained"][layer] = variance_components(points)
        components["random weights"][layer] = variance_components(random)
    return rows, components


def _layers(settings, pictures, noise, bootstrap):
    """Claim 2: its rows, and for each measure whose pictures -> their mean, of inversions one a layer, with interval."""
    generator = _generator(settings, "surrogates")
    rows, found = [], {}
    for name, measure in (
        ("colourfulness", colourfulness),
        ("intricacy", lambda picture: intricacy(picture, settings.surrogates, generator)),
    ):
        trained, random = (
            np.array([_by_filter(one[layer], measure) for layer in settings.layers])
            for one in (pictures.trained, pictures.random)
        )
        rows += trend_rows(name, trained, random, settings, bootstrap)
        found[name] = {
            "trained": levels(trained, bootstrap),
            "random weights": levels(random, bootstrap),
            "white noise": levels([_by_filter(noise, measure)], bootstrap)[0],
            "content images": {image_name(image): measure(_content(pictures, image)) for image in settings.images},
        }
    return rows, found


def _by_filter(pictures, measure):
    """The mean of a measure over each filter's pictures, [filter][image][seed]: float64 (filters,)."""
    return np.array([np.mean([measure(one) for seeds in images for one in seeds]) for images in pictures])


def _content(pictures, image):
    """A content image as the network sees it: uint8 (H, W, 3)."""
    cell = next(cell for cell in pictures.outputs if cell.image == image)
    return postprocess(network_images(pictures.transfer, cell, pictures.materials.sources)[0], denoise=0)


def _crops(settings, pictures, bootstrap, generator):
    """Claim 3: the row of the crops."""
    pool, layers, crops = pictures.transfer.pool, settings.style_layers, pictures.crops
    weights = pictures.materials.weights
    descriptors = {
        "energies": energy_vectors(crops, weights, layers, pool),
        "random weights": energy_vectors(crops, pictures.random_weights, layers, pool),
        "Gram matrices": gram_matrices(crops, weights, layers, pool),
        "colour": [{"colour": describe(postprocess(crop, denoise=0))["colour"]} for crop in crops],
    }
    images = len(settings.images) + len(settings.styles)
    return crops_row(descriptors, images, settings, bootstrap, generator)
