"""Heights under the tiles of a run, all looked for before any work begins."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from tiling.sentinel1.errors import MissingDEMError

__all__ = ["surfaces"]

logger = logging.getLogger(__name__)


def surfaces(tiles: Iterable[str], cfg: Any) -> dict[str, Any]:
    """Return the heights of each tile; of files that are missing all are named.

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
                tile_footprint(tile),
                dem_format=cfg.dem_filename_format,
                dem_database=getattr(cfg, "dem_database", None),
                absent="sea" if getattr(cfg, "absent_dem_cells", "") == "sea" else "error",
            )
        except MissingDEMError as reason:
            logger.error("%s: %s", tile, reason)
            missing.append(f"{tile}: {reason}")
    if missing:
        raise MissingDEMError("; ".join(missing))
    return found
