"""The shipped sample: one pass over a simulated island, in two products that overlap."""

from __future__ import annotations

import logging
from pathlib import Path

from tiling.sentinel1.sample.configurationfiles import write_configuration
from tiling.sentinel1.sample.groundfiles import write_cell, write_geoid, write_index
from tiling.sentinel1.sample.naming import POLARISATIONS, naming_of
from tiling.sentinel1.sample.pixels import Scene
from tiling.sentinel1.sample.productfolders import write_product
from tiling.sentinel1.sample.strips import FULL, SMALL
from tiling.sentinel1.sample.targets import targets
from tiling.sentinel1.sample.truthfiles import write_truth

__all__ = ["CONFIGURATION", "TILE", "write_sample"]

logger = logging.getLogger(__name__)

TILE = "32TPL"
"""The tile that the island lies on."""

CELLS = [(10, 40), (11, 40), (10, 41), (11, 41)]
"""South-west corners of the degrees that the tile touches."""

CONFIGURATION = "S1Processor.cfg"


def write_sample(
    folder: str | Path,
    *,
    full_size: bool = False,
    polarisations: tuple[str, ...] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write the sample.

    Everything is simulated and follows from one seed. Point targets are placed on the ground by a
    way that shares nothing with the geometry that is to find them.

    ===================  =========================================================================
    ``S1``               two GRDH products (VV, VH) of one pass, which share 401 lines: fields, a
                         forest, hills of 1,100 m, a town, sea; 25 point targets, thermal noise,
                         speckle, sides without data
    ``DEM``              height model as Copernicus GLO-30, four cells, and their index ``dem.gpkg``
    ``Geoid``            undulation of the whole Earth, of low degree; it goes with the height model
    ``S1Processor.cfg``  configuration of a run
    ``truth.json``       targets, backscatter of each class, and how things were made
    ===================  =========================================================================

    Parameters
    ----------
    folder
        Where it is written; made where it is missing.
    full_size
        One product of the size of a real one, 16,801 by 26,100 pixels, instead of two small ones.
    polarisations
        Of ``vv`` and ``vh``, in this order; by default both, and ``vv`` alone of full size (877 MB
        each).
    overwrite
        Replace existing files.

    Returns
    -------
    Path
        The configuration file.

    Raises
    ------
    ValueError
        If there is another polarisation.
    workbench.errors.OutputExists
        If a file exists and `overwrite` is false.
    """
    folder = Path(folder)
    channels = polarisations or (POLARISATIONS[:1] if full_size else POLARISATIONS)
    if channels not in (POLARISATIONS, POLARISATIONS[:1]):
        raise ValueError(f"polarisations={channels}: ('vv',) or ('vv', 'vh')")
    strip = FULL if full_size else SMALL
    scene = Scene(strip, targets(strip), step=32 if full_size else 16)
    namings = [naming_of(strip, frame, channels) for frame in strip.frames]
    for naming in namings:
        path = write_product(folder / "S1", scene, naming, overwrite=overwrite)
        logger.info("%s written", path)
    for cell in CELLS:
        write_cell(folder / "DEM", *cell, overwrite=overwrite)
    write_truth(folder / "truth.json", scene, namings, TILE, overwrite=overwrite)
    return write_configuration(
        folder / CONFIGURATION,
        tile=TILE,
        polarisation="-".join(channels).upper(),
        day=str(strip.start.astype("datetime64[D]")),
        index=write_index(folder / "DEM" / "dem.gpkg", CELLS, overwrite=overwrite),
        geoid=write_geoid(folder / "Geoid" / "egm2008_simulated.gtx", overwrite=overwrite),
        overwrite=overwrite,
    )
