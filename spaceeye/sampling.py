"""The sample of a series that numbers of a whole region are decided by, such as the damping."""

from __future__ import annotations

from dataclasses import replace

from spaceeye.series import Series
from workbench.rasters.drawnsquares import places

__all__ = ["sample"]


def sample(series: Series) -> list[Series]:
    """Return the parts of a series that are looked at.

    Parameters
    ----------
    series
        In memory or on Dask.

    Returns
    -------
    list of Series
        On Dask if it is; see `workbench.rasters.drawnsquares.places`.
    """
    return [
        replace(
            series,
            values=series.values.isel(y=rows, x=columns),
            weights=series.weights.isel(y=rows, x=columns),
        )
        for rows, columns in places((series.values.sizes["y"], series.values.sizes["x"]))
    ]
