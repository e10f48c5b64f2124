"""What the numbers of a collection are worth, by its STAC document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from efast.errors import BadInput
from efast.openeo.parameters import FLAGS

__all__ = ["scale_of"]


def scale_of(collection: Mapping[str, Any], bands: Iterable[str]) -> tuple[float, float]:
    """Return factor and summand: reflectance is a number times the first, plus the second.

    Parameters
    ----------
    collection
        STAC, in any of the versions of its extensions for bands.
    bands
        Of reflectance; the flags among them, and bands of which nothing is said, do not matter.

    Returns
    -------
    tuple of float
        1 and 0 if nothing is said.

    Raises
    ------
    BadInput
        If bands differ: the graph has one scale for all.
    """
    said = _band_metadata(collection)
    found = {
        (float(said[name].get("scale", 1)), float(said[name].get("offset", 0)))
        for name in bands
        if name in said and name != FLAGS
    }
    if len(found) > 1:
        name = collection.get("id", "a collection")
        raise BadInput(f"bands of {name} have several scales and offsets: {sorted(found)}")
    return found.pop() if found else (1.0, 0.0)


def _band_metadata(collection: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what is said of bands, wherever STAC and its extensions say it."""
    said: dict[str, dict[str, Any]] = {}
    for place in (collection.get("summaries", {}), collection):
        for key in ("eo:bands", "raster:bands", "bands"):
            for band in place.get(key, ()):
                if isinstance(band, Mapping) and "name" in band:
                    said.setdefault(str(band["name"]), {}).update(_worth(band))
    return said


def _worth(band: Mapping[str, Any]) -> dict[str, Any]:
    words = ((word, key) for word in ("scale", "offset") for key in (word, f"raster:{word}"))
    return {word: band[key] for word, key in words if key in band}
