"""``fmi gallery``: the pages of a run, from its folder alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np

from ..files.finding import image_name
from ..machine.aliases import AnyPath
from ..runs.finished import StoredRun
from .contents import contents_of, unseen
from .filters import filter_pages
from .grid import grid_pages
from .pages import templates, write_page, write_script
from .place import check_place, replaced
from .source import Source, read_source


def make(folder: AnyPath, out: AnyPath | None, images: AnyPath, say: Callable[[str], None]) -> tuple[Path, StoredRun]:
    """Makes the pages of a run, finished or not.

    folder: the run's. out: where they go; the run's folder with /gallery when None. images: a folder of content images.
    say: is told what is done, a line each. Returns the first page and the run. Raises InputError, before anything is
    written, where the folder holds no run, the pages cannot go there, or Jinja2 is missing.
    """
    templates()
    out = Path(out or Path(folder) / "gallery")
    check_place(out)
    source = read_source(folder)
    contents = contents_of(source, images)
    for name in unseen(source, contents):
        say(f"{name}: no content image in {images} is the one that the run had, so none is shown")
    unmeasured = sum("measures" not in record for record in source.finished.records.values())
    if unmeasured and source.finished.experiment["method"] == "fmi":
        say(f"{unmeasured} pictures to be measured; one of 512 pixels takes some seconds")
    with replaced(out) as place:
        _write(source, contents, place, say)
    return out / "index.html", source.finished


def _write(source: Source, contents: Mapping[str, np.ndarray], place: Path, say: Callable[[str], None]) -> None:
    """All files of a gallery. Arguments as of ``filter_pages``."""
    experiment, finished = source.finished.experiment, source.finished
    filters = experiment["method"] == "fmi"
    data, said = filter_pages(source, contents, place, say) if filters else grid_pages(source, contents, place)
    write_script(place / "data.js", "start", {**data, "title": experiment["figure"]})
    text = json.dumps(experiment, indent=2, ensure_ascii=False)  # JSON is YAML
    (place / "experiment.yaml").write_text(text + "\n", encoding="utf-8")
    facts = {"title": experiment["figure"], "experiment": experiment, "width": Fraction(finished.width),
             "count": len(finished.cells), "failed": len(finished.failed), "missing": len(finished.missing),
             "images": [image_name(image) for image in experiment["images"]], "weights": _weights(source),
             "unseen": unseen(source, contents)}  # fmt: skip
    write_page(place, "filters.html" if filters else "grid.html", **facts, **said)


def _weights(source: Source) -> str:
    """The digests of the weights that the cells were computed with."""
    found = {record["specification"].get("weights_sha256") for record in source.finished.records.values()}
    return ", ".join(sorted(filter(None, found)))
