"""How every picture of a report or figure is drawn: by matplotlib as it comes, whatever the user has set for it, and with
names and titles as they are, which are no mathematics and no file of a font's business."""

from __future__ import annotations

import contextlib
import io
import logging
import textwrap
from collections.abc import Iterator
from pathlib import Path

from ..errors import InputError

logging.getLogger("matplotlib").setLevel(logging.ERROR)  # what it says of the user's settings is not about our pictures
try:
    import matplotlib
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.font_manager import get_font
except Exception as error:  # whatever a broken matplotlibrc leads it to
    raise InputError(
        f"matplotlib cannot be imported ({error}); is there a matplotlibrc of yours that is damaged?"
    ) from error

__all__ = ["Axes", "Figure", "drawn", "plain", "png", "shortened", "wrapped"]

FONT = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"  # which matplotlib brings and takes by itself


@contextlib.contextmanager
def plain() -> Iterator[None]:
    """A block, or a function decorated, that draws with matplotlib's own settings, and takes no text for mathematics."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams["text.parse_math"] = False
        yield


@plain()
def png(figure: Figure) -> bytes:
    """A matplotlib figure as a PNG."""
    data = io.BytesIO()
    FigureCanvasAgg(figure).print_png(data)
    return data.getvalue()


def drawn(text: str) -> str:
    """A text with the letters that the font lacks, such as Chinese ones, as their escapes (``\\\\u65e5``)."""
    there = get_font(str(FONT)).get_charmap()
    return "".join(c if ord(c) in there else c.encode("unicode_escape").decode() for c in text)


def wrapped(text: str, inches: float, size: float) -> str:
    """A text, as ``drawn``, with line breaks where it would be wider than so many inches in letters of size points."""
    text = drawn(text)
    width = max(len(text), 1)
    lines = [text]
    while width > 1 and max((_inches(line, size) for line in lines), default=0) > inches:
        width = min(width - 1, int(0.95 * width))
        lines = textwrap.wrap(text, width, break_on_hyphens=False)
    return "\n".join(lines)


def shortened(text: str, inches: float, size: float) -> str:
    """A text, as ``drawn``, that loses its middle where it would be wider than so many inches in letters of size points."""
    whole = text = drawn(text)
    while len(text) > 3 and _inches(text, size) > inches:
        kept = len(text) - 4 if text != whole else len(text) - 3
        text = f"{whole[: (kept + 1) // 2]}...{whole[len(whole) - kept // 2 :]}"
    return text


def _inches(line: str, size: float) -> float:
    """How wide a line is."""
    font = get_font(str(FONT))
    font.set_size(size, 72)
    font.set_text(line)
    return font.get_width_height()[0] / 64 / 72
