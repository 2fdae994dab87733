"""The paper's four claims, tested: computes what they need, measures it, and judges."""

from pathlib import Path

import numpy as np

from . import claims_figure, claims_report, claims_runs, store
from .cell import image_name
from .claim_layers import levels, trend_row
from .claim_style import crops_row, distances, frobenius
from .claim_textures import dependence_rows, missed, nearest, points_of, retrieval_row
from .claim_transfers import transfer_rows
from .colourfulness import colourfulness
from .descriptors import describe
from .energy_vectors import energy_vectors, gram_matrices
from .images import MEAN, postprocess
from .intricacy import intricacy
from .materials import network_images
from .statistics import Bootstrap, variance_components
from .verdicts import RANDOM
from .vgg19 import width_of


def assess(settings, out, weights, images, device, stream):
    """Tests the claims, and writes claims.json, claims.md and claims.png into a folder.

    settings: ``Settings``. out: the folder; the runs go into out/claims, and resume. weights: file. images: folder. device:
    see ``choose_device``. stream: where progress goes. Returns the report, as claims.json holds it. Raises InputError before
    anything is computed for whatever is wrong with the input.
    """
    pictures = claims_runs.compute(settings, out, weights, images, device, _generator(settings, "random weights"), stream)
    print("measuring the pictures", file=stream, flush=True)
    noise = _white_noise(pictures, _generator(settings, "white noise"))
    bootstrap = Bootstrap(settings.resamples, settings.confidence, _generator(settings, "bootstrap"))
    shuffles = _generator(settings, "shuffles")
    textures, components, lost = _textures(settings, pictures, noise, bootstrap, shuffles)
    trends, found = _layers(settings, pictures, noise, bootstrap)
    style = _crops(settings, pictures, bootstrap, shuffles)
    transferred, ways = transfer_rows(settings, pictures, bootstrap, shuffles)
    rows = sorted([*textures, *trends, style, *transferred], key=lambda row: row.claim)
    report = {
        "settings": claims_report.plain(settings),
        "width": width_of(pictures.materials.weights),
        "rows": [claims_report.plain(row) for row in rows],
        "levels": claims_report.plain(found),
        "missed": lost,
        "components": components,
        "descents": pictures.descents,
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
    """As many pictures of white noise as a layer has inversions, of their sizes and denoised as they are:
    [filter][image][seed]."""

    def noise(like):
        return _denoised(generator.uniform(0, 255, (1, 3, *like.shape[:2])) - MEAN.reshape(1, 3, 1, 1), pictures)

    first = next(iter(pictures.trained.values()))
    return [[[noise(one) for one in seeds] for seeds in images] for images in first]


def _denoised(pixels, pictures):
    """Pixels (1, 3, H, W) minus the mean as the picture of a cell: uint8 (H, W, 3)."""
    return postprocess(pixels.astype(np.float32), pictures.transfer.denoise)


def _textures(settings, pictures, noise, bootstrap, generator):
    """Claims 1 and 4: their rows; the variance components, weights -> layer -> component; and the filters that claim 1 does
    not find, by layer."""
    rows, components, lost = [], {"trained": {}, RANDOM: {}}, {}
    of_noise = points_of(noise)
    for layer in settings.layers:
        points, random = points_of(pictures.trained[layer]), points_of(pictures.random[layer])
        rows.append(retrieval_row(layer, points, random, of_noise, settings, bootstrap, generator))
        rows += dependence_rows(layer, points, random, settings)
        components["trained"][layer] = variance_components(points)
        components[RANDOM][layer] = variance_components(random)
        lost[layer] = [settings.filters[place] for place in missed(nearest(points))]
    return rows, components, lost


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
        rows.append(trend_row(name, trained, random, settings, bootstrap))
        found[name] = {
            "trained": levels(trained, bootstrap),
            RANDOM: levels(random, bootstrap),
            "white noise": levels([_by_filter(noise, measure)], bootstrap)[0],
            "content images": {image_name(image): measure(_content(pictures, image)) for image in settings.images},
        }
    return rows, found


def _by_filter(pictures, measure):
    """The mean of a measure over each filter's pictures, [filter][image][seed]: float64 (filters,)."""
    return np.array([np.mean([measure(one) for seeds in images for one in seeds]) for images in pictures])


def _content(pictures, image):
    """A content image as the network sees it, denoised as inversions are: uint8 (H, W, 3)."""
    cell = next(cell for cell in pictures.outputs if cell.image == image)
    return _denoised(network_images(pictures.transfer, cell, pictures.materials.sources)[0], pictures)


def _crops(settings, pictures, bootstrap, generator):
    """Claim 3: the row of the crops."""
    pool, layers, crops = pictures.transfer.pool, settings.style_layers, pictures.crops
    weights = pictures.materials.weights
    apart = {
        "energies": distances(energy_vectors(crops, weights, layers, pool)),
        RANDOM: distances(energy_vectors(crops, pictures.random_weights, layers, pool)),
        "Gram matrices": frobenius(gram_matrices(crops, weights, layers, pool)),
        "colour": distances([{"colour": describe(postprocess(crop, denoise=0))["colour"]} for crop in crops]),
    }
    images = len(settings.images) + len(settings.styles)
    return crops_row(apart, images, settings, bootstrap, generator)
