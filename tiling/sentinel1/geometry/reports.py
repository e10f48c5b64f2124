"""How well the geometry of an image agrees with what its product says: numbers and a table.

Every product brings some 210 points whose line and pixel its processor has worked out. The report
compares them with ours, row by row, with the polynomial nearest in time (as the points are made)
and between two. Residuals at points that a correction was made from are 0 by construction; how good
it is between them is told by leaving rows out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.geometry.imagemodels import ImageModel
from tiling.sentinel1.geometry.orbits import earth_fixed_points
from tiling.sentinel1.products.annotations import Annotation

__all__ = [
    "LIMIT",
    "PointResiduals",
    "point_residuals",
    "residual_report",
    "residual_table",
]

Floats = npt.NDArray[np.float64]

LIMIT = 0.02
"""Lines and pixels; what is more at the points of the product is told in the report."""

_DIGITS = 6


@dataclass(frozen=True, eq=False)
class PointResiduals:
    """Computed less annotated places at the points of a geolocation grid, all (n,).

    Attributes
    ----------
    lines, pixels, times
        Where the points are; seconds since the first line.
    polynomials
        Index of the ground range polynomial nearest in time.
    of_lines, of_pixels, of_pixels_linear
        Before the correction; pixels with the nearest polynomial, and between two.
    left_lines, left_pixels
        After the correction, with the nearest polynomial.
    """

    lines: Floats
    pixels: Floats
    times: Floats
    polynomials: npt.NDArray[np.int_]
    of_lines: Floats
    of_pixels: Floats
    of_pixels_linear: Floats
    left_lines: Floats
    left_pixels: Floats


def point_residuals(annotation: Annotation, model: ImageModel) -> PointResiduals:
    """Compare an image with the points of its own product."""
    grid = annotation.grid
    points = earth_fixed_points(grid.longitudes, grid.latitudes, grid.heights)
    times, distances = model.orbit.zero_doppler(points)
    lines, nearest = model.uncorrected(times, distances, "nearest")
    _, linear = model.uncorrected(times, distances, "linear")
    taken = np.zeros((2, len(lines)))
    if model.correction is not None:
        taken = np.array(model.correction.at(lines, nearest))
    at = model.ranges.polynomials.times
    return PointResiduals(
        lines=grid.lines,
        pixels=grid.pixels,
        times=times,
        polynomials=np.abs(at[:, None] - times).argmin(axis=0),
        of_lines=lines - grid.lines,
        of_pixels=nearest - grid.pixels,
        of_pixels_linear=linear - grid.pixels,
        left_lines=lines - grid.lines - taken[0],
        left_pixels=nearest - grid.pixels - taken[1],
    )


def residual_report(annotation: Annotation, model: ImageModel) -> dict[str, Any]:
    """Return what can be said of the geometry of an image, as it goes into a JSON file.

    Returns
    -------
    dict
        ``product``, ``polarisation``, ``geometry`` (of `ImageModel.description`), ``rows`` (of the
        grid, each with its polynomial and residuals), ``left_out`` (largest residual of rows that
        the correction has not seen; None without a correction), ``polynomials``, ``points`` (all
        residuals), ``warnings``.
    """
    found = point_residuals(annotation, model)
    left_out = _left_out(found) if model.correction is not None else None
    return {
        "product": annotation.path.parent.parent.name,
        "annotation": annotation.path.name,
        "polarisation": annotation.polarisation,
        "shape": list(annotation.shape),
        "unit": "lines and pixels, computed less annotated",
        "geometry": model.description(),
        "rows": _rows(found),
        "left_out": left_out,
        "polynomials": _polynomials(model),
        "points": {
            name: np.round(values, _DIGITS).tolist() for name, values in vars(found).items()
        },
        "warnings": _warnings(found, left_out, model, annotation),
    }


def residual_table(report: dict[str, Any]) -> str:
    """Return the residuals of a report as lines of text: all points, then row by row."""
    geometry = report["geometry"]
    mode = geometry["ground_ranges"]["mode"]
    out = [
        f"{report['product']} {report['polarisation']}",
        f"orbit {geometry['orbit']['source']} (fit {geometry['orbit']['residual_m']:.4f} m), "
        f"bistatic slope {geometry['bistatic']['slope']:.4f}, ground range {mode}",
        f"{'':24}{'line':^27}  {'pixel':^27}",
        f"{'':24}{'mean':>9}{'std':>9}{'max':>9}  {'mean':>9}{'std':>9}{'max':>9}",
    ]
    for name, title in (
        ("nearest", "nearest polynomial"),
        ("linear", "between two"),
        ("corrected", "nearest, corrected"),
    ):
        line, pixel = geometry[name]["line"], geometry[name]["pixel"]
        numbers = "  ".join(
            "".join(f"{each[key]:9.4f}" for key in ("mean", "std", "max")) for each in (line, pixel)
        )
        out.append(f"{title:24}{numbers}")
    out.append(
        f"{'row: line, polynomial':24}{'line':>9}{'pixel':>9}{'between two':>13}   (largest)"
    )
    out += [
        f"{row['line']:14.0f}, {row['polynomial']:3d}     {row['line_max']:9.4f}"
        f"{row['pixel_max']:9.4f}{row['pixel_linear_max']:13.4f}"
        for row in report["rows"]
    ]
    return "\n".join(out + [f"warning: {each}" for each in report["warnings"]])


def _rows(found: PointResiduals) -> list[dict[str, Any]]:
    rows = []
    for line in np.unique(found.lines):
        here = found.lines == line
        rows.append(
            {
                "line": float(line),
                "time": round(float(found.times[here].mean()), _DIGITS),
                "polynomial": int(np.median(found.polynomials[here])),
                **{
                    f"{name}_{key}": round(float(value), _DIGITS)
                    for name, values in (
                        ("line", found.of_lines[here]),
                        ("pixel", found.of_pixels[here]),
                        ("pixel_linear", found.of_pixels_linear[here]),
                    )
                    for key, value in (("mean", values.mean()), ("max", np.abs(values).max()))
                },
            }
        )
    return rows


def _left_out(found: PointResiduals) -> dict[str, float] | None:
    """Return the largest residual of inner rows, corrected by the rows before and after."""
    lines = np.unique(found.lines)
    pixels = np.unique(found.pixels)
    if len(lines) < 3:
        return None
    order = np.lexsort([found.pixels, found.lines])
    share = ((lines[1:-1] - lines[:-2]) / (lines[2:] - lines[:-2]))[:, None]
    most = {}
    for name, values in (("line", found.of_lines), ("pixel", found.of_pixels)):
        table = values[order].reshape(len(lines), len(pixels))
        guess = table[:-2] * (1 - share) + table[2:] * share
        most[name] = round(float(np.abs(table[1:-1] - guess).max()), _DIGITS)
    return most


def _polynomials(model: ImageModel) -> dict[str, Any]:
    """Return how the polynomials differ from one to the next, where linear and nearest part."""
    ranges = model.ranges
    at = ranges.polynomials.times
    steps = np.abs(np.diff(ranges.table, axis=0))
    return {
        "times": np.round(at, _DIGITS).tolist(),
        "added": ranges.added,
        "mode": ranges.mode,
        "largest_step_pixels": round(float(np.nanmax(steps)), 3) if steps.size else 0.0,
        "mean_step_pixels": round(float(np.nanmean(steps)), 3) if steps.size else 0.0,
    }


def _warnings(
    found: PointResiduals,
    left_out: dict[str, float] | None,
    model: ImageModel,
    annotation: Annotation,
) -> list[str]:
    out = []
    own = model.orbit.source == annotation.vectors.source
    why = "" if own else "; they were made with the orbit of the product, not with this one"
    for name, values in (("lines", found.left_lines), ("pixels", found.left_pixels)):
        most = np.abs(values).max()
        if most > LIMIT:
            out.append(
                f"{most:.3f} {name} are left at the points of the product, more than {LIMIT}{why}"
            )
    if left_out is not None:
        out += [
            f"{most:.3f} {name}s are left at points that the correction has not seen, more than "
            f"{LIMIT}"
            for name, most in left_out.items()
            if most > LIMIT
        ]
    slope = model.bistatic.slope
    if abs(slope - model.bistatic.share) > 0.01:
        out.append(
            f"{slope:.3f} of the travel time is in the times of lines, neither half nor none; "
            "left out"
        )
    return out
