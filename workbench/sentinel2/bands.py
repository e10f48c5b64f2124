"""The ten bands, their places in product stacks, and what STAC collections call them.

Names and pixel sizes: Sentinel-2 Products Specification Document (S2-PDGS-TAS-DI-PSD).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workbench.errors import BadInput

__all__ = [
    "BANDS",
    "COLLECTIONS",
    "FARMVIBES_NAMES",
    "L1C_BANDS",
    "L2A_BANDS",
    "RESOLUTION",
    "TEN_METRE",
    "AssetTable",
    "band_name",
    "check_bands",
    "stack_positions",
]

BANDS = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")
"""Bands of a stack, in order."""

RESOLUTION = {
    "B02": 10, "B03": 10, "B04": 10, "B05": 20, "B06": 20,
    "B07": 20, "B08": 10, "B8A": 20, "B11": 20, "B12": 20,
}  # fmt: skip
"""Native pixel size, m."""

TEN_METRE = tuple(band for band in BANDS if RESOLUTION[band] == 10)
"""Bands with a native pixel size of 10 m."""

FARMVIBES_NAMES = dict(
    zip(("B", "G", "R", "RE1", "RE2", "RE3", "N", "N2", "S1", "S2"), BANDS, strict=True)
)
"""Band of each FarmVibes.AI name."""

L2A_BANDS = (
    "B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12",
)  # fmt: skip
"""Order of a 12-band L2A stack: no B10."""

L1C_BANDS = (*L2A_BANDS[:10], "B10", *L2A_BANDS[10:])
"""Order of a 13-band L1C stack; also the ``band_id`` 0..12 of the product metadata."""

_LAYOUTS = {10: BANDS, 12: L2A_BANDS, 13: L1C_BANDS}


def check_bands(bands: Sequence[str]) -> tuple[str, ...]:
    """Return bands as a tuple, checked.

    Parameters
    ----------
    bands
        One name or several, such as ``"B02"``.

    Returns
    -------
    tuple of str
        In the order given.

    Raises
    ------
    BadInput
        If it is empty, repeats a band or holds one that is not in `BANDS`.
    """
    asked = (bands,) if isinstance(bands, str) else tuple(bands)
    wrong = [band for band in asked if band not in BANDS]
    if wrong or not asked or len(set(asked)) < len(asked):
        raise BadInput(f"bands={list(asked)}: give each at most once, out of {', '.join(BANDS)}")
    return asked


def band_name(description: str) -> str | None:
    """Return the band that a label of a raster means, None where it means none of the 13.

    ``B2``, ``b02`` and the FarmVibes.AI name ``B`` all mean B02. FarmVibes ``S2`` is B12.
    """
    label = description.strip()
    if label in FARMVIBES_NAMES:
        return FARMVIBES_NAMES[label]
    label = label.upper()
    if len(label) == 2 and label.startswith("B"):
        label = f"B0{label[1]}"
    return label if label in L1C_BANDS else None


def stack_positions(count: int, descriptions: Sequence[str | None] = ()) -> dict[str, int]:
    """Return the position of each of the ten bands in a multi-band raster.

    Parameters
    ----------
    count
        Number of bands of the raster: 10 (`BANDS`), 12 (L2A) or 13 (L1C).
    descriptions
        Labels of the raster's bands. Where every one names a band they decide; otherwise the count
        does.

    Returns
    -------
    dict
        Position by band, counted from 0.

    Raises
    ------
    BadInput
        If the count is another one and the labels do not name all ten bands.
    """
    names = [band_name(text) if text else None for text in descriptions]
    found = {name: place for place, name in enumerate(names) if name is not None}
    if len(names) == count and len(found) == count:
        missing = [band for band in BANDS if band not in found]
        if missing:
            raise BadInput(f"bands {', '.join(missing)} are not among those of the raster")
        return {band: found[band] for band in BANDS}
    if count not in _LAYOUTS:
        raise BadInput(
            f"{count} bands: a raster holds 10 (B02..B12), 12 (L2A) or 13 (L1C) of them, "
            "or labels them all"
        )
    return {band: _LAYOUTS[count].index(band) for band in BANDS}


@dataclass(frozen=True)
class AssetTable:
    """What a STAC collection calls the bands, and what its pixels still contain.

    Attributes
    ----------
    assets
        Asset key of each band.
    scl
        Asset key of the scene classification.
    offset_removed
        Whether the radiometric offset of baseline 04.00 is out of the pixels: True or False for the
        whole collection, or None where each item says it by `flag`.
    flag
        Item property that says so.
    """

    assets: dict[str, str]
    scl: str
    offset_removed: bool | None
    flag: str | None = None


_COMMON_NAMES = (
    "blue", "green", "red", "rededge1", "rededge2", "rededge3", "nir", "nir08", "swir16", "swir22",
)  # fmt: skip
_BY_COMMON_NAME = dict(zip(BANDS, _COMMON_NAMES, strict=True))
_BY_BAND = {band: band for band in BANDS}

COLLECTIONS: dict[str, tuple[AssetTable, ...]] = {
    "sentinel-2-l2a": (
        # Earth Search v1; told from Planetary Computer, which has the same id, by its asset keys
        AssetTable(_BY_COMMON_NAME, "scl", None, "earthsearch:boa_offset_applied"),
        AssetTable(_BY_BAND, "SCL", False),  # Planetary Computer: pixels as in the product
    ),
    "sentinel-2-c1-l2a": (
        AssetTable(_BY_COMMON_NAME, "scl", False, "earthsearch:boa_offset_applied"),
    ),
}
"""Asset tables by collection id; where there are several the asset keys of the item decide."""
