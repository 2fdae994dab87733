"""The files of a gallery that are text: its page, and its data as scripts, as a page of file:// may load no other."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError

if TYPE_CHECKING:
    from jinja2 import Environment

SITE = Path(__file__).with_name("site")


def templates() -> Environment:
    """The templates, which write every text as text. Raises InputError where Jinja2 is not installed."""
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError as error:
        raise InputError("a gallery needs Jinja2; `pip install 'fmi_mx[gallery]'` or `pip install jinja2`") from error
    return Environment(loader=FileSystemLoader(SITE), autoescape=True, undefined=StrictUndefined,
                       trim_blocks=True, lstrip_blocks=True)  # fmt: skip


def write_page(place: Path, page: str, **said: Any) -> None:
    """Writes index.html from the template ``page``, with our script and our stylesheet beside it."""
    html = templates().get_template(page).render(said)
    (place / "index.html").write_bytes(html.encode("utf-8", "replace"))
    for name in ("gallery.js", "gallery.css"):
        shutil.copyfile(SITE / name, place / name)


def write_script(path: Path, function: str, *data: Any) -> None:
    """Writes a script that calls a function of gallery.js with data. Only ASCII is in it, whatever the data have."""
    path.parent.mkdir(exist_ok=True)
    arguments = ",".join(json.dumps(one, separators=(",", ":"), allow_nan=False) for one in data)
    path.write_text(f"gallery.{function}({arguments});\n", encoding="ascii")
