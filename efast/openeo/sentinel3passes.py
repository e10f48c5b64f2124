"""A source of collections: Sentinel-3 SYN products of level 2, put from swaths onto cells.

In a catalogue::

    SENTINEL3_SYN_L2_SYN:
      kind: sentinel3-syn
      path: S3                        # a folder of .SEN3 folders
      extent: [-15.6, 15.6, -15.2, 16]   # west, south, east, north, degrees
      crs: 32628                      # of the cells
      resolution: 300
      origin: [399960, 1790220]       # where a cell has its corner

Numbers are reflectance. Pixels with clouds, ambiguous ones and margins of clouds are left out
before anything is resampled, and so is what is not land; cells without a clear pixel are null. The
band CLOUD_flags is 0 where a cell has a value.

``featureflags`` of load_collection say how swaths come onto the cells: ``reprojection_type`` is
``binning`` or ``nearest`` (the default), ``super_sampling`` (also spelled ``supersampling``) the
parts along a pixel, ``flag_band`` is CLOUD_flags, and ``flag_bitmask`` its bits that hide a pixel,
of which 8, snow, may be in or out. The series is read when it is loaded: it is small.
"""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

from collections.abc import Mapping
from math import ceil, floor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from efast.bandpairs import COARSE_NM, coarse_name
from efast.openeo.parameters import FLAGS
from efast.sentinel3.coarsecubes import MOST_PARTS, read_coarse
from efast.sentinel3.products import Product, find_products
from workbench.errors import BadFile, BadInput
from workbench.openeo.catalogues.bands import Band
from workbench.openeo.catalogues.descriptions import described
from workbench.openeo.catalogues.fields import check_fields
from workbench.openeo.catalogues.folders import local_folder
from workbench.openeo.catalogues.grids import check_target
from workbench.openeo.catalogues.images import check_size, labelled
from workbench.openeo.catalogues.remote import Remote
from workbench.openeo.catalogues.requests import Request, no_data
from workbench.openeo.cubes import Cube
from workbench.openeo.errors import OpenEOError, error
from workbench.rasters.grids import transformer

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["Sentinel3Passes"]

CLOUDS, SNOW = 7, 8
"""Bits of the flags: cloud, ambiguous and margin; snow or ice."""

ALL_BITS = 255
LITTLE = 1e-6  # of a cell

_FIELDS = {
    "path": "text",
    "extent": "list",
    "crs": "whole number or text",
    "resolution": "number",
    "origin": "list",
    "bands": "list of texts",
    "on_error": "text",
}


class Sentinel3Passes:
    """A source: a folder of SYN products."""

    featureflags = (
        "reprojection_type", "super_sampling", "supersampling", "flag_band", "flag_bitmask",
    )  # fmt: skip

    def __init__(self, options: Mapping[str, Any], folder: Path, remote: Remote) -> None:
        known = check_fields(options, _FIELDS, "the entry", ("path", "extent", "crs"))
        self._root = local_folder(known["path"], folder)
        crs, side = check_target(known["crs"], known.get("resolution", 300.0))
        self._crs, self._side = str(crs), float(side or 300.0)
        self._origin = _numbers(known.get("origin", [0, 0]), "origin", 2)
        self._names = tuple(
            known.get("bands", [f"Syn_{b}_reflectance" for b in ("Oa04", "Oa06", "Oa08", "Oa17")])
        )
        if wrong := [name for name in self._names if coarse_name(name) is None]:
            raise BadInput(f"bands: {wrong[0]!r} is no band of SYN, such as Syn_Oa08_reflectance")
        self._on_error = known.get("on_error", "raise")
        if self._on_error not in ("raise", "skip"):
            raise BadInput(f"on_error: {self._on_error!r} is neither raise nor skip")
        extent = _numbers(known["extent"], "extent", 4)
        self._whole = self._cells(_in_crs(extent, self._crs))

    def document(self) -> Mapping[str, Any]:
        """Return what follows from the data; see `workbench.openeo.catalogues.sources`."""
        times = np.unique([product.start for product in self._products()])
        found = described(self._whole, [self._whole], times, list(self._bands.values()))
        return {"description": "Sentinel-3 SYN L2, surface reflectance, clouds left out.", **found}

    @property
    def _bands(self) -> dict[str, Band]:
        """All bands that there are, by name."""
        bands = [
            Band(
                name, center_wavelength=COARSE_NM[str(coarse_name(name))] / 1000,
                data_type="float32", unit="1",
            )
            for name in self._names
        ]  # fmt: skip
        flags = Band(FLAGS, description="0 where a cell has a clear pixel", data_type="float32")
        return {band.name: band for band in [*bands, flags]}

    def load(self, request: Request) -> Cube:
        """Return what is asked for; see `workbench.openeo.catalogues.sources`."""
        names = request.picked([*self._names, FLAGS])
        reading = _reading(request)
        grid = self._asked_for(request)
        products = [
            product
            for product in self._products()
            if request.period.holds(product.start) and request.admits(_properties(product))
        ]
        if not products:
            raise no_data(request.process, "No pass lies in the period.")
        check_size((len(products), len(names), *grid.shape), request.process)
        data = [name for name in names if name != FLAGS]
        try:
            found = read_coarse(
                [product.path for product in products], grid, bands=data or self._names[:1],
                on_error=self._on_error, **reading,
            )  # fmt: skip
        except BadInput as reason:
            raise no_data(request.process, "No pass of the period lies over the area.") from reason
        except BadFile as reason:
            raise BadFile(str(reason).replace(f"{self._root}/", "")) from reason
        values = found["reflectance"].values
        seen = np.isfinite(values).any(axis=1)
        flags = np.where(seen, np.float32(0), np.float32(np.nan))
        planes = [flags if name == FLAGS else values[:, data.index(name)] for name in names]
        bands = [self._bands[name] for name in names]
        cube = labelled(np.stack(planes, axis=1), found["time"].values, bands, grid)
        return self._clipped(cube, request)

    def _products(self) -> list[Product]:
        try:
            return find_products(self._root, on_error=self._on_error)
        except BadFile as reason:
            raise BadFile(str(reason).replace(f"{self._root}", self._root.name)) from reason

    def _asked_for(self, request: Request) -> GeoBox:
        """Return the cells that an area touches."""
        if request.area is None:
            return self._whole
        whole = self._whole.boundingbox
        bounds = tuple(whole)
        for box in request.area.boxes(self._whole):
            low = [max(a, b) for a, b in zip(box[:2], bounds[:2], strict=True)]
            high = [min(a, b) for a, b in zip(box[2:], bounds[2:], strict=True)]
            if low[0] < high[0] and low[1] < high[1]:
                return self._cells((*low, *high))
        raise no_data(request.process, "The area lies outside of the collection.")

    def _clipped(self, cube: Cube, request: Request) -> Cube:
        """Return a cube that is null outside of polygons."""
        import shapely

        if request.area is None or request.area.is_box:
            return cube
        x, y = cube.array["x"].values, cube.array["y"].values
        outline = request.area.outline(self._crs, float(x.min()), float(x.max()))
        shapely.prepare(outline)
        inside = shapely.intersects_xy(outline, x[None, :], y[:, None])
        values = np.where(inside, cube.array.values, np.float32(np.nan))
        return cube.with_array(cube.array.copy(data=values))

    def _cells(self, bounds: Any) -> GeoBox:
        """Return the cells that bounds touch."""
        from affine import Affine
        from odc.geo.geobox import GeoBox

        west, south, east, north = bounds
        (x, y), side = self._origin, self._side
        first = floor((west - x) / side + LITTLE), floor((y - north) / side + LITTLE)
        last = ceil((east - x) / side - LITTLE), ceil((y - south) / side - LITTLE)
        columns, rows = (max(b - a, 1) for a, b in zip(first, last, strict=True))
        affine = Affine(side, 0, x + first[0] * side, 0, -side, y - first[1] * side)
        return GeoBox((rows, columns), affine, self._crs)


def _reading(request: Request) -> dict[str, Any]:
    """Return options of the reader, by the flags of the request."""
    flags = request.extra.get("featureflags") or {}
    how = flags.get("reprojection_type", "nearest")
    if how not in ("binning", "nearest"):
        raise _invalid(request, f"reprojection_type {how!r:.40} is neither binning nor nearest")
    parts = {flags[key] for key in ("super_sampling", "supersampling") if key in flags} or {2}
    number = parts.pop()
    if parts or isinstance(number, bool) or not isinstance(number, int | float):
        raise _invalid(request, "super_sampling is no number, or two numbers")
    if number != int(number) or not 1 <= number <= MOST_PARTS:
        raise _invalid(request, f"super_sampling {number:g} is none of 1 to {MOST_PARTS}")
    if flags.get("flag_band", FLAGS) != FLAGS:
        raise _invalid(request, f"flag_band {flags['flag_band']!r:.40}: {FLAGS} is known")
    bits = flags.get("flag_bitmask", CLOUDS)
    if isinstance(bits, bool) or not isinstance(bits, int) or not 0 <= bits <= ALL_BITS:
        raise _invalid(request, f"flag_bitmask {bits!r:.40} is none of {CLOUDS} to {ALL_BITS}")
    if bits & CLOUDS != CLOUDS:
        raise _invalid(request, f"flag_bitmask {bits}: {CLOUDS}, all kinds of clouds, are in it")
    return {"resampling": how, "supersampling": int(number), "snow": not bits & SNOW}


def _invalid(request: Request, reason: str) -> OpenEOError:
    return error(
        "ProcessParameterInvalid", process=request.process, parameter="featureflags",
        reason=f"{reason}.",
    )  # fmt: skip


def _properties(product: Product) -> dict[str, Any]:
    return {"platform": product.platform, "sat:relative_orbit": product.orbit}


def _numbers(given: Any, name: str, count: int) -> tuple[float, ...]:
    plain = [value for value in given if isinstance(value, int | float) and np.isfinite(value)]
    if len(plain) != len(given) or len(given) != count:
        raise BadInput(f"{name}: {given!r:.60} is no list of {count} numbers")
    return tuple(map(float, given))


def _in_crs(extent: tuple[float, ...], crs: str) -> tuple[float, float, float, float]:
    """Return west, south, east and north in degrees as bounds in a CRS."""
    west, south, east, north = extent
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise BadInput(f"extent: {list(extent)} is not west, south, east, north in degrees")
    to_crs = transformer("EPSG:4326", crs)
    left, bottom, right, top = to_crs.transform_bounds(west, south, east, north)
    return float(left), float(bottom), float(right), float(top)
