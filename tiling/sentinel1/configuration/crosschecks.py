"""What options ask of each other, checked once each of them is understood."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tiling.sentinel1.configuration.nameformats import fields_of
from tiling.sentinel1.configuration.reading import Reading
from tiling.sentinel1.configuration.values import split

__all__ = ["check_together"]

SIDE = 109_800  # m, of a tile

ALL = "ALL"

_AREAS = ("Processing.min_gamma_area", "Processing.calibration_factor")

_LOOKS = ("lee", "gammamap", "kuan")
_LEAST_PIXELS = 2

FOLDERS = {
    "tiled": "{out_dir}/{tile_name}",
    "filtered": "{out_dir}/filtered/{tile_name}",
    "quicklook": "{out_dir}/_QL",
    "lia_product": "{lia_dir}",
    "ia_product": "{ia_dir}",
    "gamma_area_product": "{gamma_area_dir}",
}
"""Formats of folders, where none are given."""

_TILE, _ORBIT = ("tile_name",), ("orbit",)
_TIME = ("acquisition_stamp", "acquisition_time", "acquisition_day", "acquisition_start")
_IMAGE = (_TILE, ("polarisation",), _TIME)

# Folder of files that have a format, and fields of which one is needed to tell them apart.
_NEEDED: dict[str, tuple[str, tuple[tuple[str, ...], ...]]] = {
    "concatenation": ("tiled", _IMAGE),
    "s2_lia_corrected": ("tiled", _IMAGE),
    "s2_gamma_area_corrected": ("tiled", _IMAGE),
    "filtered": ("filtered", _IMAGE),
    "filtered_calib": ("filtered", _IMAGE),
    "quicklook": ("quicklook", _IMAGE),
    "lia_product": ("lia_product", (_TILE, _ORBIT, ("LIA_kind",))),
    "ia_product": ("ia_product", (_TILE, _ORBIT, ("IA_kind",))),
    "gamma_area_product": ("gamma_area_product", (_TILE, _ORBIT)),
}


def check_together(reading: Reading) -> None:
    """Check options against each other, and fill in what follows from others."""
    _check_tiles(reading)
    _check_dates(reading)
    _check_temporary(reading)
    _check_resolution(reading)
    _check_filter(reading)
    _check_areas(reading)
    _check_names(reading)


def _check_tiles(reading: Reading) -> None:
    values = reading.values
    path: Path | None = values["tiles_list_in_file"]
    if path is not None:
        try:
            listed = path.read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as reason:
            why = getattr(reason, "strerror", None) or reason
            reading.refuse(f"Processing.tiles_list_in_file = '{path}': cannot be read: {why}")
            return
        if "Processing.tiles" in reading.given:
            reading.without_effect["Processing.tiles"] = "Processing.tiles_list_in_file is given"
        values["tile_list"] = split(listed)
    if not values["tile_list"]:
        if "Processing.tiles" not in reading.spoilt:
            where = f"there is no tile in {path}" if path else "Processing.tiles is missing"
            reading.refuse(where)
        return
    tiles = values["tile_list"] = list(dict.fromkeys(values["tile_list"]))
    for title, names in (("Processing.tiles", tiles), ("DataSource.roi_by_tiles", _region(values))):
        if ALL in names and len(names) > 1:
            reading.refuse(f"{title} = {' '.join(names)!r}: ALL stands alone")
    if ALL in tiles and values["download"] and ALL in _region(values):
        reading.refuse(
            "Processing.tiles and DataSource.roi_by_tiles are both ALL, and DataSource.download is "
            "on: that would be the whole Earth; name tiles in one of them"
        )


def _region(values: dict[str, Any]) -> list[str]:
    return values["roi_by_tiles"] or []


def _check_dates(reading: Reading) -> None:
    first, last = reading.values["first_date"], reading.values["last_date"]
    if first and last and last < first:
        reading.refuse(f"DataSource.last_date = {last!r} is before first_date, {first}")


def _check_temporary(reading: Reading) -> None:
    path: Path | None = reading.values["tmpdir"]
    if path is None:
        return
    if not path.is_dir() and not path.absolute().parent.is_dir():
        reading.refuse(f"Paths.tmp = '{path}': neither it nor the folder above it is there")


def _check_resolution(reading: Reading) -> None:
    resolution = reading.values["out_spatial_res"]
    if resolution is None:
        return
    pixels = round(SIDE / resolution)
    if pixels < _LEAST_PIXELS or abs(pixels * resolution - SIDE) > 1e-6:
        reading.refuse(
            f"Processing.output_spatial_resolution = {resolution:g}: the {SIDE:,} m of a tile must "
            "be a whole number of pixels, as with 10, 20, 30, 60 or 100 m"
        )


def _check_filter(reading: Reading) -> None:
    values = reading.values
    method = values["filter"] = "" if values["filter"] in ("none", None) else values["filter"]
    options = values["filter_options"]
    if not method:
        values["filter_options"], values["keep_non_filtered_products"] = {}, True
        return
    own = "nblooks" if method in _LOOKS else "deramp"
    for name, key in (("window_radius", "rad"), (own, own)):
        if key not in options and f"Filtering.{name}" not in reading.spoilt:
            reading.refuse(f"Filtering.{name} is missing, which the filter {method} needs")
    values["filter_options"] = {key: options[key] for key in ("rad", own) if key in options}
    keep = "Filtering.keep_non_filtered_products"
    if values["keep_non_filtered_products"] is None and keep not in reading.spoilt:
        reading.refuse(f"{keep} is missing, which a filter needs")
    if values["mask_cond"] and values["keep_non_filtered_products"] is False:
        values["keep_non_filtered_products"] = True
        reading.without_effect[keep] = "Mask.generate_border_mask is on, and masks are made of them"


def _check_areas(reading: Reading) -> None:
    """Say of what is set for areas, and gamma0 by them, that another calibration makes none."""
    calibration = reading.values["calibration_type"]
    if calibration in ("gamma_naught_rtc", None):
        return
    why = f"areas are for calibration = gamma_naught_rtc, and it is {calibration}"
    for title in (*_AREAS, *(title for title in reading.given if "gamma_area" in title)):
        if title in reading.given:
            reading.without_effect.setdefault(title, why)


def _check_names(reading: Reading) -> None:
    """Refuse formats by which two files would get one name."""
    files, folders = reading.values["fname_fmt"], reading.values["dname_fmt"]
    for key, (place, needed) in _NEEDED.items():
        if key not in files:
            continue
        folder = folders.get(place, FOLDERS[place])
        fields = {*fields_of(files[key]), *fields_of(folder)}
        for some in needed:
            if not fields & set(some):
                names = " or ".join(f"{{{name}}}" for name in some)
                reading.refuse(
                    f"Processing.fname_fmt.{key} = {files[key]!r}: without {names} different "
                    f"files in {folder} would have one name"
                )
