"""Heights under the tiles of a run, all looked for before any work begins."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from tiling.sentinel1.errors import MissingDEMError

__all__ = ["surfaces"]

logger = logging.getLogger(__name__)

_KM_A_DEGREE = 111.0


def surfaces(tiles: Iterable[str], cfg: Any, *, around: float = 0) -> dict[str, Any]:
    """Return the heights of each tile; of files that are missing all are named.

    Parameters
    ----------
    around
        Kilometres about each tile whose heights are needed too.

    Raises
    ------
    MissingDEMError
        If a file of the elevation model is missing; each is in the log.
    MissingGeoidError
        If the geoid is.
    WrongHeightsError
        If model and geoid do not go together.
    """
    from tiling.sentinel1.heights.surfaces import surface
    from workbench.rasters.tilegrid import tile_footprint

    found, missing = {}, []
    for tile in tiles:
        try:
            found[tile] = surface(
                cfg.dem,
                cfg.GeoidFile,
                _grown(tile_footprint(tile), around),
                dem_format=cfg.dem_filename_format,
                dem_database=getattr(cfg, "dem_database", None),
                dem_cells=getattr(cfg, "dem_cells", None),
                absent="sea" if getattr(cfg, "absent_dem_cells", "") == "sea" else "error",
                dem_reference=getattr(cfg, "dem_reference", None),
                geoid_reference=getattr(cfg, "geoid_reference", None),
                compare_geoid=getattr(cfg, "compare_geoid", None),
            )
        except MissingDEMError as reason:
            logger.error("%s: %s", tile, reason)
            missing.append(f"{tile}: {reason}")
    if missing:
        raise MissingDEMError("; ".join(missing))
    return found


def _grown(footprint: Any, kilometres: float) -> Any:
    """Return a footprint in degrees with what lies around it."""
    if not kilometres:
        return footprint
    import numpy as np
    import shapely

    _, south, _, north = footprint.bounds
    degrees = kilometres / _KM_A_DEGREE
    aside = degrees / float(np.cos(np.radians(min(max(abs(south), abs(north)), 85.0))))
    boxes = [
        shapely.box(max(w - aside, -180), s - degrees, min(e + aside, 180), n + degrees)
        for w, s, e, n in (part.bounds for part in getattr(footprint, "geoms", [footprint]))
    ]
    return shapely.MultiPolygon(boxes) if len(boxes) > 1 else boxes[0]
