"""The cells of a figure: which pictures it has, and what each is called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..files.finding import image_name
from .filters import filters_of

if TYPE_CHECKING:  # experiment asks here for its cells
    from .experiment import Experiment


_NOT: Any = None  # what a method does not have


@dataclass(frozen=True)
class Cell:
    """One picture of a figure. method: fmi, rmci, inversion, purposeful, pmci or gatys, which are descents; picture (an
    image as the network sees it) or maps (the feature maps of its code), which are not. layers: those that the network must
    reach. predecessor: name of the cell from whose code the target is taken (``target: authors``)."""

    name: str
    method: str
    image: str
    layers: tuple[str, ...] = ()
    filter: int = _NOT
    draw: int = _NOT
    style: str | None = None
    predecessor: str | None = None


def cells(experiment: Experiment, width: float = 1) -> list[Cell]:
    """The cells of a figure, in the order in which they are computed. width: of the network, which decides how many
    ``filters: all`` are."""
    make = CELLS[experiment.method]
    return make(experiment, width) if experiment.method == "fmi" else make(experiment)


def _fmi_cells(experiment: Experiment, width: float) -> list[Cell]:
    """A chained cell stands behind its predecessor."""
    found: list[Cell] = []
    for image in experiment.images:
        for layer in experiment.layers:
            predecessor = None
            for l in filters_of(experiment.filters, layer, width):
                cell = Cell(
                    f"{image_name(image)}.{layer}.f{l:03d}", "fmi", image, (layer,), filter=l, predecessor=predecessor
                )
                found.append(cell)
                predecessor = cell.name if experiment.target == "authors" else None
    return found


def _rmci_cells(experiment: Experiment) -> list[Cell]:
    if experiment.draw == "style":
        return _style_pictures(experiment) + [
            Cell(f"{image_name(image)}.{image_name(style)}.{layer}.draw1", "rmci", image, (layer,), draw=1, style=style)
            for image in experiment.images
            for style in experiment.styles
            for layer in experiment.layers
        ]
    return [
        Cell(f"{image_name(image)}.{layer}.draw{draw}", "rmci", image, (layer,), draw=draw)
        for image in experiment.images
        for draw in range(1, experiment.draws + 1)
        for layer in experiment.layers
    ]


def _cells_by_layer(experiment: Experiment) -> list[Cell]:
    """For methods that have one picture a layer: inversion and maps."""
    return [
        Cell(f"{image_name(image)}.{layer}.{experiment.method}", experiment.method, image, (layer,))
        for image in experiment.images
        for layer in experiment.layers
    ]


def _purposeful_cells(experiment: Experiment) -> list[Cell]:
    return _style_pictures(experiment) + [
        Cell(f"{image_name(image)}.{image_name(style)}.{layer}.purposeful", "purposeful", image, (layer,), style=style)
        for image in experiment.images
        for style in experiment.styles
        for layer in experiment.layers
    ]


def _transfer_cells(experiment: Experiment) -> list[Cell]:
    layers = (*experiment.style_layers, experiment.content_layer)
    return _style_pictures(experiment) + [
        Cell(f"{image_name(image)}.{image_name(style)}.{loss}", loss, image, layers, style=style)
        for style in experiment.styles
        for image in experiment.images
        for loss in experiment.losses
    ]


def _style_pictures(experiment: Experiment) -> list[Cell]:
    """The style images as they go with the first content image."""
    return [Cell(f"{image_name(style)}.style", "picture", experiment.images[0], style=style) for style in experiment.styles]


def _images_cells(experiment: Experiment) -> list[Cell]:
    return [Cell(f"{image_name(image)}.content", "picture", image) for image in experiment.images]


CELLS: dict[str, Callable[..., list[Cell]]] = {
    "fmi": _fmi_cells,
    "rmci": _rmci_cells,
    "inversion": _cells_by_layer,
    "purposeful": _purposeful_cells,
    "transfer": _transfer_cells,
    "maps": _cells_by_layer,
    "images": _images_cells,
}
