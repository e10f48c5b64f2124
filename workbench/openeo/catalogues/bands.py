"""What is known of the bands of a collection: from its catalogue, and from its files."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from workbench.errors import BadInput
from workbench.openeo.catalogues.fields import check_fields

__all__ = ["COMMON_NAMES", "Band", "Packing", "read_bands", "summaries_of"]

COMMON_NAMES = frozenset({
    "coastal", "blue", "green", "red", "rededge", "yellow", "pan", "nir", "nir08", "nir09",
    "cirrus", "swir16", "swir22", "lwir", "lwir11", "lwir12",
})  # fmt: skip
"""Of the eo extension of STAC, in all of its versions."""

_FIELDS = {
    "common_name": "text",
    "description": "text",
    "center_wavelength": "number",
    "scale": "number",
    "offset": "number",
    "nodata": "number or nan",
    "unit": "text",
    "resampling": "text",
    "variable": "text",
}

RESAMPLINGS = ("nearest", "smooth")

Packing = tuple[float | None, float | None]
"""Scale and offset."""


@dataclass(frozen=True)
class Band:
    """A band of a collection.

    Attributes
    ----------
    name
        Its label.
    common_name, description, unit
        Words of STAC.
    center_wavelength
        Micrometres.
    scale, offset
        Physical value = pixel x scale + offset; loading does not apply them.
    nodata
        Value that is missing, in place of what files say; None for what they say.
    data_type
        Of the pixels in the files.
    resampling
        Onto another grid: ``"nearest"`` keeps values as they are, ``"smooth"`` is bilinear from
        coarser pixels and the mean of finer ones.
    variable
        That holds it in a stored cube, if not its name.
    """

    name: str
    common_name: str | None = None
    description: str | None = None
    unit: str | None = None
    center_wavelength: float | None = None
    scale: float | None = None
    offset: float | None = None
    nodata: float | None = None
    data_type: str | None = None
    resampling: str = "nearest"
    variable: str | None = None

    def filled(self, **known: Any) -> Band:
        """Return the band with what else is known, where nothing is known yet."""
        new = {key: value for key, value in known.items() if getattr(self, key) is None}
        return replace(self, **new)

    def packed(self, known: Collection[Packing]) -> Band:
        """Return the band with the scale and offset of all its files, if they are the same.

        What the catalogue says of either stays, and the files are not asked then.

        Parameters
        ----------
        known
            Scale and offset of each file, None where it states none.
        """
        if len(known) != 1 or self.scale is not None or self.offset is not None:
            return self
        scale, offset = next(iter(known))
        return replace(self, scale=scale, offset=offset)


def read_bands(given: Any, where: str) -> dict[str, Band]:
    """Read the key ``bands`` of a collection: names, or what is known of each by name.

    Raises
    ------
    BadInput
        If it is neither.
    """
    if given is None:
        return {}
    entries: Mapping[Any, Any] = given if isinstance(given, Mapping) else dict.fromkeys(given)
    if not entries or not all(isinstance(name, str) and name for name in entries):
        raise BadInput(f"{where}: names of bands, as texts; B02 and not 02")
    if len(entries) < len(given):
        raise BadInput(f"{where}: a name stands twice")
    found = {}
    for name, entry in entries.items():
        fields = check_fields(entry or {}, _FIELDS, f"{where}.{name}")
        common = fields.get("common_name")
        if common is not None and common not in COMMON_NAMES:
            names = ", ".join(sorted(COMMON_NAMES))
            raise BadInput(f"{where}.{name}.common_name: {common!r} is none of {names}")
        if fields.get("resampling", "nearest") not in RESAMPLINGS:
            raise BadInput(f"{where}.{name}.resampling: one of {', '.join(RESAMPLINGS)}")
        found[name] = Band(name, **fields)
    return found


def summaries_of(bands: Iterable[Band]) -> dict[str, Any]:
    """Return ``eo:bands`` and ``raster:bands`` of the summaries of a collection, in order."""
    optical, raster = [], []
    for band in bands:
        said = {"description": band.description, "center_wavelength": band.center_wavelength}
        if band.common_name in COMMON_NAMES:
            said["common_name"] = band.common_name
        optical.append({"name": band.name, **_known(said)})
        nodata: Any = band.nodata
        if nodata is not None and not np.isfinite(nodata):
            nodata = str(float(nodata))
        raster.append(
            {
                "name": band.name,
                **_known(
                    {
                        "data_type": band.data_type,
                        "nodata": nodata,
                        "unit": band.unit,
                        "scale": band.scale,
                        "offset": band.offset,
                    }
                ),
            }
        )
    return {"eo:bands": optical, "raster:bands": raster}


def _known(given: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in given.items() if value is not None}
