"""The process `efast` of this back-end: `efast.fuse` on two cubes, or on two collections.

It takes what the user-defined process takes and gives the same numbers, in one pass over the
images, block by block. Classes of images on Dask and the coarse series are read when it is called,
and kept if they are few; the images are read when its result is computed, but for a few cells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from efast.errors import BadInput
from efast.openeo.parameters import (
    COARSE_COLLECTION,
    FINE_COLLECTION,
    FLAGS,
    PARAMETERS,
    RETURNS,
)
from efast.openeo.processgraph import LITTLE
from workbench.openeo.cubes import Cube, Dimension
from workbench.openeo.declarations import Process
from workbench.openeo.errors import OpenEOError, error

if TYPE_CHECKING:
    import xarray as xr
    from odc.geo.geobox import GeoBox
    from pyproj import CRS

    from workbench.openeo.graphs.executor import Evaluation

__all__ = ["DEFINITION", "processes"]

NAME = "efast"
CLOUD_BITS = 7
CLEAR = (1, 2, 4, 5, 6, 7)

MOST_HELD = 2**27
"""Bytes of classes of images that are kept while the images are read; of more, twice read."""

_CUBE = {"type": "object", "subtype": "datacube"}
_COLLECTION = {"type": "string", "subtype": "collection-id"}
_WORTH = [
    {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
    {"type": "null"},
]
_NOT_GIVEN = {"optional": True, "default": None}

_MORE: tuple[Mapping[str, Any], ...] = (
    {
        "name": "on_missing_coarse",
        "description": "Where Sentinel-3 says nothing: no value, or the mean of the images alone.",
        "schema": {"type": "string", "enum": ["nan", "s2"]},
        "optional": True,
        "default": "nan",
    },
    *(
        {
            "name": name,
            "description": f"Collection of {sensor}, unless `{cube}` is given.",
            "schema": _COLLECTION,
            "optional": True,
            "default": default,
        }
        for name, sensor, cube, default in (
            ("s2_collection", "Sentinel-2 L2A", "fine", FINE_COLLECTION),
            ("s3_collection", "Sentinel-3 SYN L2", "coarse", COARSE_COLLECTION),
        )
    ),
    *(
        {
            "name": name,
            "description": (
                f"What a number of {sensor} is worth: times the first, plus the second. By default "
                "what the collection says; of a cube 1 and 0."
            ),
            "schema": _WORTH,
            **_NOT_GIVEN,
        }
        for name, sensor in (("s2_scale", "Sentinel-2"), ("s3_scale", "Sentinel-3"))
    ),
    {
        "name": "fine",
        "description": "Images of Sentinel-2, with the band SCL.",
        "schema": [_CUBE, {"type": "null"}],
        **_NOT_GIVEN,
    },
    {
        "name": "coarse",
        "description": "Observations of Sentinel-3 in any CRS.",
        "schema": [_CUBE, {"type": "null"}],
        **_NOT_GIVEN,
    },
)

DEFINITION: Mapping[str, Any] = {
    "id": NAME,
    "summary": "Sentinel-2 images of any day, with the change that Sentinel-3 saw in between",
    "description": (
        "Fuses irregular, cloudy images of Sentinel-2 with the daily, coarse series of Sentinel-3 "
        "SYN to images without clouds at any day (Senty et al. 2024, Remote Sensing 16, 1833). "
        "Both come from collections, or are given as data cubes."
    ),
    "categories": ["cubes"],
    "parameters": [*PARAMETERS, *_MORE],
    "returns": RETURNS,
    "exceptions": {},
    "links": [
        {"rel": "about", "href": "https://doi.org/10.3390/rs16111833", "title": "Senty et al. 2024"}
    ],
}
"""As ``/processes`` serves it."""


def processes() -> list[Process]:
    """Return the processes that this system adds to the back-end."""
    return [Process(DEFINITION, _efast, takes_run=True)]


def _efast(run: Evaluation, *values: Any) -> Cube:
    """Fuse; arguments are those of the definition, in its order."""
    from efast.cubes.fusedseries import fuse

    names = [str(each["name"]) for each in DEFINITION["parameters"]]
    given = dict(zip(names, values, strict=True))
    targets = _targets(given)
    fine = _fine(run, given)
    coarse = _coarse(run, given, fine)
    fine["weight"] = _held(fine["weight"])
    partners = [str(name) for name in coarse["band"].values]
    run.log.write(
        "info",
        f"EFAST in one pass: {fine.sizes['time']} images, {coarse.sizes['time']} coarse "
        f"observations, {len(targets)} dates",
    )
    bands = _paired(given["s2_data_bands"], partners)
    cell = given["coarse_cell_m"]
    try:
        found = fuse(
            fine, coarse, targets, bands=bands,
            names=given["fused_band_names"] or None,
            score=_score(fine, given),
            sigma=given["temporal_score_stddev"],
            max_days=given["max_days"],
            extrapolate=given["extrapolate"],
            on_missing_coarse=given["on_missing_coarse"],
            composites={
                "step": int(given["composite_interval_days"]),
                "mosaic_days": given["mosaic_days"],
                "sigma": given["s3_temporal_score_stddev"],
                "saturation": given["s3_max_distance_to_cloud_m"] / cell,
            },
            quality=False,
            indices=["ndvi"] if given["output_ndvi"] else (),
        )  # fmt: skip
    except BadInput as reason:
        raise _invalid("s3_data_bands", reason) from reason
    return _cube(found, fine.odc.geobox, given["output_ndvi"])


def _targets(given: Mapping[str, Any]) -> Any:
    """Return the days wanted, by the rules of the user-defined process."""
    from efast.targets import input_period, target_days

    extent, listed = given["temporal_extent"], given["target_time_series"]
    if not listed and given["interval_days"] is None:
        raise _invalid("interval_days", "give it, or target_time_series.")
    try:
        input_period(*extent)
        if listed:
            return target_days(extent, listed=listed, outside=True)
        within = given["temporal_extent_target"]
        return target_days(extent, interval=given["interval_days"], within=within)
    except BadInput as reason:
        name = "target_time_series" if listed else "temporal_extent_target"
        raise _invalid(name, reason) from reason


def _fine(run: Evaluation, given: Mapping[str, Any]) -> xr.Dataset:
    """Return the images as `efast.fuse` takes them."""
    import xarray as xr

    wanted = [str(band) for band in given["s2_data_bands"]]
    cube = given["fine"]
    if cube is None:
        bands = [*wanted, "SCL"]
        cube = _loaded(run, given, given["s2_collection"], bands, None)
    _check_bands(cube, [*wanted, "SCL"], "fine")
    factor, summand = _worth(run, given, "s2", wanted)
    images = _labelled(cube)
    values = images.sel(band=wanted) * np.float32(factor) + np.float32(summand)
    classes = images.sel(band="SCL", drop=True)
    weight = classes.isin(CLEAR).astype(np.uint8)
    return xr.Dataset({"reflectance": values, "weight": weight})


def _coarse(run: Evaluation, given: Mapping[str, Any], fine: xr.Dataset) -> xr.DataArray:
    """Return the observations on the cells that cover the images, NaN where clouds are."""
    from efast.sentinel3.coarsegrids import coarse_grid

    wanted = [str(band) for band in given["s3_data_bands"]]
    cube = given["coarse"]
    if cube is None:
        flags = {
            "reprojection_type": given["resampling"],
            "super_sampling": given["supersampling"],
            "supersampling": given["supersampling"],
            "flag_band": FLAGS,
            "flag_bitmask": CLOUD_BITS,
        }
        cube = _loaded(run, given, given["s3_collection"], wanted, flags)
    _check_bands(cube, wanted, "coarse")
    try:
        grid = coarse_grid(fine.odc.geobox, given["coarse_cell_m"])
    except BadInput as reason:
        raise _invalid("coarse_cell_m", reason) from reason
    series = _labelled(_on_grid(cube, grid))
    data = [band for band in wanted if band != FLAGS]
    factor, summand = _worth(run, given, "s3", data)
    values = series.sel(band=data) * np.float32(factor) + np.float32(summand)
    if FLAGS in wanted:
        clouds = series.sel(band=FLAGS, drop=True) % (CLOUD_BITS + 1)
        values = values.where((clouds == 0) | clouds.isnull())
    return values.astype(np.float32)


def _held(weight: xr.DataArray) -> xr.DataArray:
    """Return what is clear, computed once for the scores and the fusion if there is room for it."""
    if weight.chunks is None or weight.nbytes > MOST_HELD:
        return weight
    return weight.persist()


def _score(fine: xr.Dataset, given: Mapping[str, Any]) -> xr.DataArray:
    """Return what images count in each cell; one that the area cuts is judged by what is in it.

    So does the graph: it knows no pixels beyond the area. Whole cells are judged as `efast.fuse`
    judges them.
    """
    from efast.cells.cloudscores import cloud_distance, distance_score

    cell = given["coarse_cell_m"]
    ratio = round(cell / abs(float(fine.odc.geobox.resolution.x)))
    hidden = fine["weight"] == 0
    share = hidden.coarsen(y=ratio, x=ratio, boundary="pad").mean()
    cloudy = share.values >= given["cloud_tolerance"] - LITTLE
    found = distance_score(cloud_distance(cloudy), given["max_distance_to_cloud_m"] / cell)
    return share.copy(data=found)


def _loaded(
    run: Evaluation, given: Mapping[str, Any], name: str, bands: Sequence[str], flags: Any
) -> Cube:
    catalogue = run.context.get("catalogue")
    if catalogue is None:
        raise error("CollectionNotFound", identifier=name, detail="There is no catalogue.")
    extra = {} if flags is None else {"featureflags": flags}
    cube: Cube = catalogue.load(
        name, given["spatial_extent"], given["temporal_extent"], list(bands), None, extra
    )
    return cube


def _worth(
    run: Evaluation, given: Mapping[str, Any], side: str, bands: Sequence[str]
) -> tuple[float, float]:
    """Return what a number is worth: as it is given, or as the collection says."""
    from efast.openeo.scales import scale_of

    stated = given[f"{side}_scale"]
    if stated is not None:
        return float(stated[0]), float(stated[1])
    if given["fine" if side == "s2" else "coarse"] is not None:
        return 1.0, 0.0
    name = given[f"{side}_collection"]
    try:
        return scale_of(run.context["catalogue"].document(name), bands)
    except BadInput as reason:
        raise _invalid(f"{side}_data_bands", reason) from reason


def _labelled(cube: Cube) -> xr.DataArray:
    """Return (time, band, y, x) with the grid as coordinates of odc-geo."""
    from odc.geo.xr import xr_coords

    names = {str(name): label for name, label in _names(cube).items()}
    array = cube.array.rename(names).transpose("time", "band", "y", "x")
    place = xr_coords(cube.geobox(), always_yx=True)
    bands = [str(band) for band in array["band"].values]
    return array.assign_coords(place).assign_coords(band=bands)


def _names(cube: Cube) -> dict[str, str]:
    """Return our names of dimensions by those of a cube."""
    times, bands = cube.of_kind("temporal"), cube.of_kind("bands")
    if len(times) != 1 or len(bands) != 1 or not cube.is_raster or len(cube.dimensions) != 4:
        raise _invalid(
            "fine", f"a cube has the dimensions {', '.join(cube.dimensions)}: t, bands, y and x."
        )
    return {times[0]: "time", bands[0]: "band", str(cube.axis("y")): "y", str(cube.axis("x")): "x"}


def _check_bands(cube: Cube, wanted: Sequence[str], parameter: str) -> None:
    (name,) = cube.of_kind("bands") or (None,)
    there = [] if name is None else [str(label) for label in cube.labels(name)]
    missing = [band for band in wanted if band not in there]
    if missing:
        raise _invalid(parameter, f"there is no band {missing[0]}, only {', '.join(there)}.")


def _paired(fine: Sequence[str], coarse: Sequence[str]) -> dict[str, str]:
    if len(fine) != len(coarse):
        raise _invalid(
            "s3_data_bands", f"{', '.join(coarse)} do not go with {', '.join(fine)}: one for each."
        )
    return dict(zip(map(str, fine), coarse, strict=True))


def _on_grid(cube: Cube, grid: GeoBox) -> Cube:
    """Return a cube on a grid, each cell with the value of the nearest one."""
    import dask.array as da
    import xarray as xr

    from workbench.openeo.space.regrids import on_grid_of  # type: ignore[import-not-found,unused-ignore]

    height, width = grid.shape
    across, down = float(grid.affine.a), float(grid.affine.e)
    coords = {
        "y": grid.affine.f + down * (np.arange(height) + 0.5),
        "x": grid.affine.c + across * (np.arange(width) + 0.5),
    }
    dimensions = {"y": Dimension("spatial", "y", down), "x": Dimension("spatial", "x", across)}
    cells = xr.DataArray(da.zeros((height, width)), coords, ("y", "x"))
    target = Cube(cells, dimensions, _crs(grid))
    found: Cube = on_grid_of(cube, target, "near", process=NAME)
    return found


def _crs(grid: GeoBox) -> CRS | None:
    return None if grid.crs is None else grid.crs.proj


def _cube(found: xr.Dataset, grid: GeoBox, ndvi: bool) -> Cube:
    """Return a result as a cube (t, bands, y, x)."""
    array = found["ndvi"].expand_dims(band=["ndvi"], axis=1) if ndvi else found["reflectance"]
    array = array.transpose("time", "band", "y", "x").rename(time="t", band="bands")
    array = array.drop_vars([name for name in array.coords if name not in array.dims])
    array.attrs.clear()
    dimensions = {
        "t": Dimension("temporal"),
        "bands": Dimension("bands"),
        "y": Dimension("spatial", "y", float(grid.affine.e)),
        "x": Dimension("spatial", "x", float(grid.affine.a)),
    }
    return Cube(array, dimensions, _crs(grid))


def _invalid(parameter: str, reason: object) -> OpenEOError:
    return error("ProcessParameterInvalid", process=NAME, parameter=parameter, reason=str(reason))
