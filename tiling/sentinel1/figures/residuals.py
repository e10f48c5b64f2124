"""Figures of a residual report: arrows over the image, and pixels along the track."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from workbench.figures import BLUE, GREY, ORANGE, colour_bar, light_grid, open_frame, panels, titled

__all__ = ["residual_figure"]


def residual_figure(report: Mapping[str, Any], *, corrected: bool = False, note: str = "") -> Any:
    """Draw how far places are from those of the product.

    Parameters
    ----------
    report
        Of `geometry.reports.residual_report`, or read back from its file.
    corrected
        What is left after the correction, instead of what was there before.
    note
        Added to the title, such as "simulated".

    Returns
    -------
    matplotlib.figure.Figure
        Left the image with an arrow at every point, coloured by its length; right the residuals in
        pixels along the track, with the polynomial nearest in time and between two, above the times
        of the polynomials.
    """
    points = {name: np.asarray(values) for name, values in report["points"].items()}
    figure, (over, along) = panels(1, 2, size=(11, 4.6))
    figure.suptitle(titled(f"{report['product'][:32]} {report['polarisation']}", note))
    _arrows(figure, over, points, report["shape"], "left" if corrected else "of")
    _pixels_along(along, points, report["polynomials"]["times"])
    return figure


def _arrows(figure: Any, axis: Any, points: Mapping[str, Any], shape: Any, kind: str) -> None:
    """Draw the residuals as arrows, the longest a twentieth of the width."""
    of_lines, of_pixels = points[f"{kind}_lines"], points[f"{kind}_pixels"]
    length = np.hypot(of_lines, of_pixels)
    scale = max(float(length.max()), 1e-6) / (shape[1] / 20)
    image = axis.quiver(
        points["pixels"], points["lines"], of_pixels, of_lines, length,
        angles="xy", scale_units="xy", scale=scale, cmap="viridis", width=0.004, pivot="tail",
    )  # fmt: skip
    axis.plot(points["pixels"], points["lines"], ".", color=GREY, markersize=2)
    axis.set(
        xlim=(-0.1 * shape[1], 1.1 * shape[1]), ylim=(1.1 * shape[0], -0.1 * shape[0]),
        xlabel="pixel", ylabel="line", title="computed less annotated",
    )  # fmt: skip
    colour_bar(figure, image, "length (lines and pixels)", axes=axis)
    open_frame(axis)


def _pixels_along(axis: Any, points: Mapping[str, Any], polynomials: Any) -> None:
    """Draw pixel residuals over time, and when there is a polynomial."""
    times = points["times"]
    axis.plot(
        times, points["of_pixels_linear"], "o", color=ORANGE, markersize=4.5, label="between two"
    )
    axis.plot(times, points["of_pixels"], "o", color=BLUE, markersize=3, label="nearest polynomial")
    low = axis.get_ylim()[0]
    axis.plot(polynomials, np.full(len(polynomials), low), "|", color=GREY, label="polynomials")
    axis.set(xlabel="time since the first line (s)", ylabel="pixels", title="across the track")
    axis.legend(frameon=False, fontsize=8, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.14))
    light_grid(axis)
    open_frame(axis)
