"""The style of the house's figures: colours, titles with a note, axes, colour bars.

Figures are for light backgrounds, with colours that the colour-blind can tell apart (Okabe and Ito,
https://jfly.uni-koeln.de/color). matplotlib is loaded when the first figure is drawn.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "BLUE",
    "GREEN",
    "GREY",
    "ORANGE",
    "as_picture",
    "colour_bar",
    "light_grid",
    "open_frame",
    "panels",
    "titled",
]

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#777777"


def panels(
    rows: int = 1, columns: int = 1, *, size: tuple[float, float], **options: Any
) -> tuple[Any, Any]:
    """Return a figure and its axes, as ``matplotlib.pyplot.subplots`` does, without overlaps.

    Parameters
    ----------
    size
        Width and height, inches.
    **options
        Of ``subplots``, such as ``sharex``.
    """
    import matplotlib.pyplot as plt

    return plt.subplots(rows, columns, figsize=size, layout="constrained", **options)


def titled(title: str, note: str = "") -> str:
    """Return a title with the note behind it in brackets, such as "simulated"."""
    return f"{title} ({note})" if note else title


def as_picture(*axes: Any) -> None:
    """Show images without ticks."""
    for axis in axes:
        axis.set(xticks=[], yticks=[])


def open_frame(*axes: Any) -> None:
    """Take away the upper and right edge of the frame around curves or bars."""
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)


def light_grid(*axes: Any) -> None:
    """Draw faint lines at the ticks."""
    for axis in axes:
        axis.grid(alpha=0.3)


def colour_bar(figure: Any, image: Any, label: str, *, axes: Any = None, **options: Any) -> Any:
    """Add the colour scale of `image` and say what it shows, with its unit.

    Parameters
    ----------
    axes
        Beside which axes; None for those of the image.
    **options
        Of ``Figure.colorbar``, such as ``shrink`` and ``extend``.
    """
    return figure.colorbar(image, ax=axes, label=label, **options)
