"""What heights are counted from, and whether the heights of a model go with a geoid.

A model says it in its CRS, or is known by its name; otherwise nothing is assumed. Heights above a
geoid need that geoid. S1Tiling's own pair, Copernicus heights (EGM2008) with its EGM96 grid, is an
error of metres in places: it is accepted with a warning that says how much.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from tiling.sentinel1.errors import WrongHeightsError

__all__ = [
    "ELLIPSOID",
    "Verdict",
    "judge",
    "reference_of_code",
    "reference_of_crs",
    "reference_of_name",
    "stated",
]

ELLIPSOID = "ellipsoid"

_CODES = {5773: "EGM96", 3855: "EGM2008", 5798: "EGM84", 4979: ELLIPSOID}
_GEOIDS = {"EGM96", "EGM2008", "EGM84"}

# Names that fix the reference: of elevation models, then of geoids.
_NAMES = (
    (re.compile(r"^copernicus_dsm_(cog_)?[0-9]{2}_[ns][0-9]{2}_", re.I), "EGM2008"),
    (re.compile(r"^[ns][0-9]{2}[ew][0-9]{3}(\.srtmgl[13]s?)?\.hgt$", re.I), "EGM96"),
    (re.compile(r"egm_?(19)?96|ww15mgh", re.I), "EGM96"),
    (re.compile(r"egm_?(20)?08", re.I), "EGM2008"),
    (re.compile(r"egm_?(19)?84", re.I), "EGM84"),
)

# Guth, MICRODEM, "EGM96 and EGM2008": 0.5 m rms, about 10 m at most, in places like ocean trenches.
_BETWEEN_96_AND_2008 = (0.5, 10.0)


@dataclass(frozen=True)
class Verdict:
    """How the heights of a model go with a geoid.

    Attributes
    ----------
    warning
        Empty where they go together.
    rms, most
        Metres by which heights are wrong, 0 where they go together, None where nothing is known.
    source
        Where the metres are from: ``computed`` over the region, or ``published`` for the world.
    """

    warning: str = ""
    rms: float | None = 0.0
    most: float | None = 0.0
    source: str = ""


def stated(name: str | None, option: str) -> str | None:
    """Return a reference that somebody has stated, in our spelling.

    Raises
    ------
    WrongHeightsError
        If it is none that we know.
    """
    if not name:
        return None
    plain = name.strip().lower()
    if re.fullmatch(r"epsg:[0-9]+", plain):
        return _CODES.get(int(plain[5:]), plain.upper())
    for known in (*sorted(_GEOIDS), ELLIPSOID):
        if plain == known.lower():
            return known
    raise WrongHeightsError(
        f"{option}={name!r}: heights are above EGM96, EGM2008, EGM84, the ellipsoid, or a vertical "
        "CRS such as EPSG:5703"
    )


def reference_of_crs(crs: Any) -> str | None:
    """Return what a CRS counts heights from: None where it has no heights.

    Parameters
    ----------
    crs
        Anything that pyproj reads.

    Returns
    -------
    str or None
        ``EGM96``, ``EGM2008``, ``EGM84``, ``ellipsoid``, ``EPSG:nnnn`` or the name of the vertical
        CRS.
    """
    from pyproj import CRS

    known = CRS.from_user_input(crs)
    for part in known.sub_crs_list:
        if part.is_vertical:
            code = part.to_epsg()
            return _CODES.get(code, f"EPSG:{code}") if code else _by_name(part.name) or part.name
    return ELLIPSOID if known.is_geographic and len(known.axis_info) == 3 else None


def reference_of_code(code: str) -> str | None:
    """Return the reference of an EPSG code of a vertical CRS; None if it is not a number."""
    return _CODES.get(int(code), f"EPSG:{int(code)}") if code.strip().isdecimal() else None


def reference_of_name(path: str | PurePath) -> str | None:
    """Return what the heights of a file are above, as far as its name fixes it."""
    return _by_name(PurePath(path).name)


def _by_name(name: str) -> str | None:
    return next((found for pattern, found in _NAMES if pattern.search(name)), None)


def judge(
    model: str | None, geoid: str | None, *, computed: tuple[float, float] | None = None
) -> Verdict:
    """Tell whether heights of a model may be added to a geoid.

    Parameters
    ----------
    model
        Reference of the model; None for unknown.
    geoid
        Reference of the geoid; None for no geoid at all, empty for one of which it is not known.
    computed
        Root mean square and largest difference in metres, where both geoids are at hand.

    Raises
    ------
    WrongHeightsError
        If the heights are unknown or ellipsoidal, or above something else than a global geoid.
    """
    _refuse(model, geoid)
    if model in (geoid, ELLIPSOID):
        return Verdict()
    rms: float | None = None
    most: float | None = None
    source = ""
    if computed is not None:
        (rms, most), source = computed, "computed"
        size = f"by {most:.2f} m at most here, {rms:.2f} m rms"
    elif {model, geoid} == {"EGM96", "EGM2008"}:
        (rms, most), source = _BETWEEN_96_AND_2008, "published"
        size = f"by {rms:g} m rms over the world and up to about {most:g} m in places"
    else:
        size = "by metres"
    return Verdict(
        f"heights above {model} are added to {geoid}: the two differ {size}; a height that is "
        "1 m wrong moves a pixel by about 1.3 m (at 38 degrees of incidence). "
        f"Paths.geoid_file = a grid of {model} removes it",
        rms, most, source,
    )  # fmt: skip


def _refuse(model: str | None, geoid: str | None) -> None:
    """Raise where heights and geoid must not be added."""
    if model is None:
        raise WrongHeightsError(
            "nothing says what the heights of the elevation model are above: its CRS has no "
            "vertical part and its name is not known. State it: [Workbench] dem_reference = "
            "EGM96, EGM2008 or ellipsoid"
        )
    if geoid is None:
        if model != ELLIPSOID:
            raise WrongHeightsError(
                f"heights above {model} need a geoid: without it they are wrong by up to 107 m. "
                "See Paths.geoid_file"
            )
        return
    if model == ELLIPSOID:
        raise WrongHeightsError(
            "the elevation model has heights above the ellipsoid; a geoid must not be added to "
            "them. Use a model above EGM2008 or EGM96, or no geoid"
        )
    if geoid == "":
        raise WrongHeightsError(
            "nothing says which geoid the file holds: no tag, and its name is not known. State it: "
            "[Workbench] geoid_reference = EGM96 or EGM2008"
        )
    if model != geoid and not {model, geoid} <= _GEOIDS:
        raise WrongHeightsError(
            f"heights above {model} do not go with a geoid for {geoid}; see Paths.geoid_file"
        )
