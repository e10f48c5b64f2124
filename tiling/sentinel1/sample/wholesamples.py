"""The shipped sample: one pass over a simulated island, in two products that overlap."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from tiling.sentinel1.geometry.slantranges import RangeMode
from tiling.sentinel1.sample.configurationfiles import write_configuration
from tiling.sentinel1.sample.groundfiles import write_cell, write_geoid, write_index
from tiling.sentinel1.sample.naming import POLARISATIONS, naming_of, product_name
from tiling.sentinel1.sample.pixels import Scene
from tiling.sentinel1.sample.productfolders import write_product
from tiling.sentinel1.sample.strips import CYCLE, FULL, SMALL
from tiling.sentinel1.sample.targets import targets
from tiling.sentinel1.sample.truthfiles import write_truth
from workbench.errors import BadInput, OutputExists

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
    dates: int = 1,
    srgr: RangeMode = "linear",
    overwrite: bool = False,
) -> Path:
    """Write the sample.

    Everything is simulated and follows from one seed. Point targets are placed on the ground by a
    way that shares nothing with the geometry that is to find them.

    ===================  =========================================================================
    ``S1``               two GRDH products (VV, VH) of one pass, which share 401 lines: fields, a
                         forest, hills of 1,100 m, a town, sea; 25 point targets, thermal noise,
                         speckle, sides and ends without data
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
    dates
        How many passes, 12 days apart, of the same land with other speckle.
    srgr
        Which polynomial of ground range the pixels follow between the times of two: ``linear``,
        the mean of both, or ``nearest``.
    overwrite
        Replace existing files.

    Returns
    -------
    Path
        The configuration file.

    Raises
    ------
    workbench.errors.BadInput
        If there is another polarisation or mode, no date, or ``S1`` holds other products.
    workbench.errors.OutputExists
        If a file exists and `overwrite` is false.
    """
    folder = Path(folder)
    channels = polarisations or (POLARISATIONS[:1] if full_size else POLARISATIONS)
    _check(channels, dates, srgr)
    first = replace(FULL if full_size else SMALL, mode=srgr)
    strips = [replace(first, start=first.start + cycle * CYCLE) for cycle in range(dates)]
    named = [[naming_of(strip, frame, channels) for frame in strip.frames] for strip in strips]
    namings = [naming for each in named for naming in each]
    _check_folder(folder, {product_name(naming) for naming in namings}, overwrite)
    spots = targets(first)
    for cycle, (strip, each) in enumerate(zip(strips, named, strict=True)):
        scene = Scene(strip, spots, step=32 if full_size else 16, seed=cycle + 1)
        for naming in each:
            path = write_product(folder / "S1", scene, naming, overwrite=overwrite)
            logger.info("%s written", path)
    for cell in CELLS:
        write_cell(folder / "DEM", *cell, overwrite=overwrite)
    write_truth(folder / "truth.json", first, spots, namings, TILE, overwrite=overwrite)
    return write_configuration(
        folder / CONFIGURATION,
        tile=TILE,
        polarisation="-".join(channels).upper(),
        days=(str(namings[0].start)[:10], str(namings[-1].start)[:10]),
        srgr=srgr,
        index=write_index(folder / "DEM" / "dem.gpkg", CELLS, overwrite=overwrite),
        geoid=write_geoid(folder / "Geoid" / "egm2008_simulated.gtx", overwrite=overwrite),
        overwrite=overwrite,
    )


def _check(channels: tuple[str, ...], dates: int, srgr: str) -> None:
    if channels not in (POLARISATIONS, POLARISATIONS[:1]):
        raise BadInput(f"polarisations={channels}: ('vv',) or ('vv', 'vh')")
    if dates < 1:
        raise BadInput(f"dates={dates}: 1 or more")
    if srgr not in ("linear", "nearest"):
        raise BadInput(f"srgr={srgr!r}: 'linear' or 'nearest'")


def _check_folder(folder: Path, names: set[str], overwrite: bool) -> None:
    """Refuse a folder before anything is written to it."""
    found = sorted(path.name for path in (folder / "S1").glob("*.SAFE"))
    others = [name for name in found if name not in names]
    if others:
        raise BadInput(
            f"{folder / 'S1'} holds {len(others)} other products, such as {others[0]}, which a run "
            "would take for the sample's: choose an empty folder, or remove them"
        )
    files = [folder / CONFIGURATION, folder / "truth.json"]
    there = [folder / "S1" / name for name in found] + [path for path in files if path.exists()]
    if there and not overwrite:
        raise OutputExists(f"{there[0]} exists: pass overwrite=True to replace it")
