"""Which coarse band goes with which fine one, by their wavelengths.

Central wavelengths: Sentinel-2 Products Specification Document (S2-PDGS-TAS-DI-PSD) and the OLCI
instrument description of ESA.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from efast.errors import BadInput

__all__ = ["COARSE_NM", "FARTHEST_NM", "PAIRS", "band_pairs", "coarse_name"]

FINE_NM = {
    "B01": 443, "B02": 490, "B03": 560, "B04": 665, "B05": 705, "B06": 740,
    "B07": 783, "B08": 842, "B8A": 865, "B09": 945, "B11": 1610, "B12": 2190,
}  # fmt: skip
"""Of Sentinel-2 MSI."""

COARSE_NM = {
    "Oa01": 400, "Oa02": 412, "Oa03": 443, "Oa04": 490, "Oa05": 510, "Oa06": 560, "Oa07": 620,
    "Oa08": 665, "Oa09": 674, "Oa10": 681, "Oa11": 709, "Oa12": 754, "Oa16": 779, "Oa17": 865,
    "Oa18": 885, "Oa21": 1020,
}  # fmt: skip
"""Of the OLCI bands of Sentinel-3 SYN L2."""

PAIRS = {"B02": "Oa04", "B03": "Oa06", "B04": "Oa08", "B8A": "Oa17"}
"""What is taken unless pairs are given."""

FARTHEST_NM = 15
"""Bands further apart than this do not see the same change."""


def coarse_name(name: str) -> str | None:
    """Return the band that a variable of a coarse product is, None for a flag or another thing.

    Parameters
    ----------
    name
        ``Oa04``, ``SDR_Oa04`` or ``Syn_Oa04_reflectance``.
    """
    bare = name.removeprefix("SDR_").removeprefix("Syn_").removesuffix("_reflectance")
    return bare if bare in COARSE_NM else None


def band_pairs(
    fine: Sequence[str], coarse: Sequence[str], wanted: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the pairs of bands to be fused.

    Parameters
    ----------
    fine, coarse
        Bands that are there; flags and other variables among the coarse ones do not matter.
    wanted
        Fine bands and their partners; default: those of `PAIRS` that are there.

    Returns
    -------
    dict
        Names as they are in `coarse`, by those of `fine`.

    Raises
    ------
    BadInput
        If a band is missing, a pair is further apart than `FARTHEST_NM`, or no pair is left.
    """
    there = {coarse_name(name) or name: name for name in coarse}
    if wanted is None:
        pairs = {band: there[at] for band, at in PAIRS.items() if band in fine and at in there}
        if not pairs:
            raise BadInput(
                f"no pair of bands: fine {', '.join(fine)}; coarse {', '.join(coarse)}; name them, "
                "such as bands={'B04': 'Oa08'}"
            )
        return pairs
    if missing := [band for band in wanted if band not in fine]:
        raise BadInput(f"no fine band {', '.join(missing)}; there are {', '.join(fine)}")
    names = {band: there.get(coarse_name(other) or other) for band, other in wanted.items()}
    if missing := [wanted[band] for band, name in names.items() if name is None]:
        raise BadInput(f"no coarse band {', '.join(missing)}; there are {', '.join(coarse)}")
    for band, other in wanted.items():
        one, two = FINE_NM.get(band), COARSE_NM.get(coarse_name(other) or "")
        if one is not None and two is not None and abs(one - two) > FARTHEST_NM:
            raise BadInput(
                f"{band} ({one} nm) and {other} ({two} nm) are {abs(one - two)} nm apart; at most "
                f"{FARTHEST_NM}"
            )
    return {band: str(name) for band, name in names.items()}
