"""Sentinel-2 images as a fusion takes them: masked, on one grid, their offset removed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from efast.bandpairs import PAIRS

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["CLEAR", "read_fine"]

CLEAR = (1, 2, 4, 5, 6, 7)
"""SCL classes that count; 0, 3, 8, 9, 10 and 11 do not. Saturated pixels (1) may be left out."""


def read_fine(
    source: Any,
    *,
    bands: Sequence[str] | None = None,
    clear: Collection[int] = CLEAR,
    dilate: float = 0.0,
    buffer_days: float = 0.0,
    **reading: Any,
) -> xr.Dataset:
    """Read Sentinel-2 images for a fusion.

    Parameters
    ----------
    source
        Whatever `workbench.sentinel2.read` understands: folders of SAFE products or GeoTIFFs, STAC
        items (a file, a list, an iterator, a search), cubes in files, or a Dataset as
        ``odc.stac.load`` gives it.
    bands
        Default: those of `efast.bandpairs.PAIRS`; of a Dataset those that it has.
    clear
        SCL classes that count.
    dilate
        Metres by which the others are widened. The distance from clouds is weighed anyway.
    buffer_days
        Days outside ``time_range`` from which images are read too.
    **reading
        Further options of the reader, such as ``aoi``, ``resolution`` (m), ``time_range``,
        ``on_error`` or ``chunks``.

    Returns
    -------
    xarray.Dataset
        ``reflectance`` (time, band, y, x) uint16, 0 missing, and ``weight`` (time, y, x), 1 clear;
        images of one day and pass are put together. Lazy unless ``chunks=None``.

    Raises
    ------
    BadInput
        If no image is in the period or an option is wrong.
    BadFile
        If a file is broken, or the source is not understood.
    """
    import xarray as xr

    from workbench.sentinel2.sources import read

    options: dict[str, Any] = {"clear": clear, "dilate": dilate, "buffer_days": buffer_days}
    if bands is not None:
        options["bands"] = tuple(bands)
    elif not isinstance(source, xr.Dataset | xr.DataArray):
        options["bands"] = tuple(PAIRS)
    return read(source, **options, **reading)
