"""The style in which QGIS shows a layer of cells: classes of velocity in colours."""

from __future__ import annotations

from itertools import pairwise
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from egms_io.formats.cellfields import VELOCITY_RAMP

_STEPS = 5  # classes from 0 to the limit
_BEYOND = 1e6  # mm / yr, end of the outermost classes
_SMALLEST_MM = 0.6  # of a cell on the screen, so that it is seen from afar


def velocity_classes(limit: float) -> list[tuple[float, float, str]]:
    """Return lower and upper end (mm / yr) and label of each class, ascending.

    Parameters
    ----------
    limit
        Faster ones than this, either way, are in the outermost classes.
    """
    edges = [limit * step / _STEPS for step in range(-_STEPS, _STEPS + 1)]
    inner = [(low, high, f"{low:g} to {high:g} mm / yr") for low, high in pairwise(edges)]
    below = (-_BEYOND, -limit, f"below {-limit:g} mm / yr")
    return [below, *inner, (limit, _BEYOND, f"above {limit:g} mm / yr")]


def velocity_style(limit: float, cell_m: float) -> str:
    """Return the style as QML: each cell a square of its size, coloured by ``mean_velocity``.

    Parameters
    ----------
    limit
        See `velocity_classes`; the colours are those of the figures.
    cell_m
        Side of a cell, m.
    """
    import matplotlib as mpl

    classes = velocity_classes(limit)
    ramp = mpl.colormaps[VELOCITY_RAMP]
    root = Element("qgis", version="3.28.0", styleCategories="Symbology")
    renderer = SubElement(
        root, "renderer-v2", type="graduatedSymbol", attr="mean_velocity",
        graduatedMethod="GraduatedColor", symbollevels="0", enableorderby="0", forceraster="0",
    )  # fmt: skip
    ranges, symbols = SubElement(renderer, "ranges"), SubElement(renderer, "symbols")
    for number, (low, high, label) in enumerate(classes):
        SubElement(
            ranges, "range", lower=f"{low:.15f}", upper=f"{high:.15f}", label=label,
            symbol=str(number), render="true",
        )  # fmt: skip
        symbol = SubElement(
            symbols, "symbol", type="marker", name=str(number), alpha="1", clip_to_extent="1",
            force_rhr="0",
        )  # fmt: skip
        middle = (low + high) / (4 * limit) + 0.5  # 0 and 1 at the limits
        layer = SubElement(
            symbol, "layer", {"class": "SimpleMarker", "pass": "0", "locked": "0", "enabled": "1"}
        )
        options = SubElement(layer, "Option", type="Map")
        for name, value in {
            "color": ",".join(str(part) for part in ramp(middle, bytes=True)),
            "name": "square",
            "outline_style": "no",
            "size": f"{cell_m:g}",
            "size_unit": "MapUnit",
            "size_map_unit_scale": f"3x:0,0,1,{_SMALLEST_MM},0,0",
        }.items():
            SubElement(options, "Option", type="QString", name=name, value=value)
    SubElement(root, "layerGeometryType").text = "0"
    indent(root)
    return tostring(root, encoding="unicode")
