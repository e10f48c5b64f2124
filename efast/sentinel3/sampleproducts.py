"""Writer of small SYN products: a simulated image with the files and names of a real one.

Variables, types, attributes and chunks follow a product of baseline collection 002 (S3IPF.PDS.006),
as far as `efast.sentinel3.synfiles` reads them; the frame is much smaller.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from efast.bandpairs import COARSE_NM, PAIRS
from efast.errors import BadFile, BadInput
from efast.sentinel3.packedfiles import opened
from efast.sentinel3.simulatedswaths import Response, Seen, SimulatedSwath, observe
from workbench.files import atomic_folder
from workbench.rasters.cubes import grid_of
from workbench.rasters.times import to_time

__all__ = ["CLOUD_MEANINGS", "SYN_MEANINGS", "product_name", "write_syn"]

CLOUD_MEANINGS = ("CLOUD", "CLOUD_AMBIGUOUS", "CLOUD_MARGIN", "SNOW_ICE")
SYN_MEANINGS = (
    "SYN_cloud", "SYN_snow_risk", "SYN_shadow_risk", "SYN_AOT_climato", "SYN_land", "SYN_no_olc",
    "SYN_no_sln", "SYN_no_slo", "SYN_partly_cloudy", "SYN_partly_water", "SYN_border",
    "SYN_aerosol_filled", "SYN_success", "SYN_negative_curvature", "SYN_too_low", "SYN_high_error",
)  # fmt: skip
"""Names of the bits, from the lowest on."""

ROW_US = 44_000
"""From one row to the next, microseconds."""

TIE_STEP = 16  # columns; 64 in a real product, which is wider
FILL, DEGREE_FILL = -10_000, -(2**31)
ERROR = 0.012  # stated error of reflectance
LAND = 1 << SYN_MEANINGS.index("SYN_land")


class _Variable(NamedTuple):
    name: str
    dims: tuple[str, ...]
    values: npt.NDArray[Any]
    attrs: Mapping[str, Any]


def product_name(
    time: Any,
    *,
    rows: int,
    platform: str = "S3A",
    timeliness: str = "NT",
    created: Any = None,
    cycle: int = 1,
    orbit: int = 1,
    frame: int = 1,
) -> str:
    """Return the name of the folder of a product.

    Parameters
    ----------
    time
        Of its first row, UTC.
    rows
        Its length.
    platform, timeliness, cycle, orbit, frame
        As in names of products; see `efast.sentinel3.products.Product`.
    created
        When it was made; default: a day after `time`, three hours for ``"NR"``.
    """
    start = to_time(time)
    end = start + np.timedelta64(rows * ROW_US, "us")
    later = np.timedelta64(3 if timeliness == "NR" else 27, "h")
    made = start + later if created is None else to_time(created)
    seconds = int((end - start) / np.timedelta64(1, "s"))
    centre = "PS2_O_NR" if timeliness == "NR" else f"PS1_O_{timeliness}"
    return (
        f"{platform}_SY_2_SYN____{_stamp(start)}_{_stamp(end)}_{_stamp(made)}_{seconds:04d}_"
        f"{cycle:03d}_{orbit:03d}_{frame:04d}_{centre}_002.SEN3"
    )


def write_syn(
    folder: str | Path,
    time: Any,
    truth: xr.DataArray,
    *,
    swath: SimulatedSwath = SimulatedSwath(),  # noqa: B008  frozen
    rows: tuple[int, int] | None = None,
    responses: Mapping[str, Response] | None = None,
    cover: float = 0.3,
    noise: float = 0.002,
    seed: int = 0,
    platform: str = "S3A",
    timeliness: str = "NT",
    created: Any = None,
    cycle: int = 1,
    orbit: int = 1,
    overwrite: bool = False,
) -> list[Path]:
    """Write a SYN product in which a known landscape is seen.

    Parameters
    ----------
    folder
        In which the ``.SEN3`` folder is made.
    time
        Of the first row of the swath, UTC.
    truth
        (band, y, x) true reflectance, with a CRS; bands ``B02`` and so on.
    swath
        Where its pixels are; see `efast.sentinel3.simulatedswaths.SimulatedSwath`.
    rows
        First row of the swath that the product holds and the one after the last; default all.
    responses
        Gain and bias by OLCI band; default 1 and 0.
    cover
        Share of the swath that is cloud, 0..1.
    noise
        Standard deviation, reflectance.
    seed
        Clouds and noise follow from it, the time and the platform; not from `rows`.
    platform, timeliness, created, cycle, orbit
        See `product_name`.
    overwrite
        Replace an existing product.

    Returns
    -------
    list of Path
        The files of the product.

    Raises
    ------
    BadInput
        If `truth` has no band that OLCI has too, or `rows` do not lie in the swath.
    OutputExists
        If the product exists and `overwrite` is false.
    """
    start, stop = (0, swath.rows) if rows is None else rows
    if not 0 <= start <= stop - 2 <= swath.rows - 2:
        raise BadInput(f"rows={rows}: at least two of the {swath.rows} of the swath")
    pairs = {PAIRS[band]: band for band in map(str, truth["band"].values) if band in PAIRS}
    if not pairs:
        raise BadInput(f"truth has the bands {list(truth['band'].values)}: none of {list(PAIRS)}")
    moment, grid = to_time(time), grid_of(truth)
    rng = np.random.default_rng(
        [seed, int(moment.astype("datetime64[s]").astype(np.int64)), ord(platform[-1])]
    )
    given = responses or {}
    seen = observe(
        truth.sel(band=list(pairs.values())).transpose("band", "y", "x").values,
        grid,
        swath,
        [given.get(band, Response()) for band in pairs],
        cover=cover,
        noise=noise,
        rng=rng,
    )
    begin = moment + np.timedelta64(start * ROW_US, "us")
    name = product_name(
        begin, rows=stop - start, platform=platform, timeliness=timeliness, created=created,
        cycle=cycle, orbit=orbit, frame=1 + start,
    )  # fmt: skip
    cut = slice(start, stop)
    places = [points[cut] for points in swath.places(grid)]
    zenith = np.broadcast_to(np.linspace(*swath.view_zenith, swath.columns), places[0].shape)
    shown = Seen(seen.values[:, cut], seen.cloud[cut])
    return _write(Path(folder) / name, begin, list(pairs), shown, (*places, zenith), overwrite)


def _write(
    path: Path,
    begin: np.datetime64,
    bands: list[str],
    seen: Seen,
    places: tuple[npt.NDArray[Any], ...],
    overwrite: bool,
) -> list[Path]:
    from xarray.backends.netCDF4_ import NETCDF4_PYTHON_LOCK

    lat, lon, zenith = places
    files = {
        f"Syn_{band}_reflectance.nc": _band(band, values)
        for band, values in zip(bands, seen.values, strict=True)
    }
    files["geolocation.nc"] = _geolocation(lat, lon)
    files["flags.nc"] = _flags(seen.cloud)
    files["tiepoints_olci.nc"] = _tie_points(lat, lon, zenith)
    files["time.nc"] = _times(begin, len(lat))
    with atomic_folder(path, overwrite=overwrite, check=_whole) as hidden, NETCDF4_PYTHON_LOCK:
        hidden.mkdir()
        for name, variables in files.items():
            _write_file(hidden / name, variables, path.name)
        (hidden / "xfdumanifest.xml").write_text(_manifest(path.name, begin, files), "utf-8")
    return [path / name for name in (*files, "xfdumanifest.xml")]


def _write_file(path: Path, variables: list[_Variable], product: str) -> None:
    import netCDF4

    with netCDF4.Dataset(path, "w", format="NETCDF4") as file:
        file.setncatts({"product_name": product, "title": "simulated SYN L2 product"})
        for variable in variables:
            for dim, size in zip(variable.dims, variable.values.shape, strict=True):
                if dim not in file.dimensions:
                    file.createDimension(dim, size)
            attrs = dict(variable.attrs)
            made = file.createVariable(
                variable.name, variable.values.dtype, variable.dims, compression="zlib",
                complevel=2, shuffle=True, fill_value=attrs.pop("_FillValue", None),
            )  # fmt: skip
            made.set_auto_maskandscale(False)
            made.setncatts(attrs)
            made[...] = variable.values


def _whole(folder: Path) -> None:
    """Read the last value of every variable of a product."""
    for path in sorted(folder.glob("*.nc")):
        with opened(path) as file:
            for variable in file.variables.values():
                np.asarray(variable[...])
    if not (folder / "xfdumanifest.xml").read_text("utf-8").rstrip().endswith("</xfdu:XFDU>"):
        raise BadFile(f"{folder}: the manifest is cut short")


def _packed(values: npt.NDArray[Any]) -> npt.NDArray[np.int16]:
    """Return reflectance x 10000 within the valid range."""
    whole: npt.NDArray[np.int16] = np.clip(np.rint(values * 10_000), 0, 10_000).astype(np.int16)
    return whole


def _band(band: str, values: npt.NDArray[Any]) -> list[_Variable]:
    attrs: dict[str, Any] = {
        "_FillValue": np.int16(FILL),
        "scale_factor": np.float32(1e-4),
        "valid_min": np.int16(0),
        "valid_max": np.int16(10_000),
        "wavelength": np.float32(COARSE_NM[band]),
    }
    name, long = f"SDR_{band}", "Surface directional reflectance{} associated with OLCI channel "
    named = {"standard_name": "surface_directional_reflectance", "long_name": long.format("")}
    error = {"standard_name": "surface_directional_reflectance_error_estimate"}
    stated = np.full(values.shape, round(ERROR * 10_000), np.int16)
    return [
        _Variable(
            name, ("rows", "columns"), _packed(values),
            {**attrs, **named, "long_name": named["long_name"] + band[2:],
             "ancillary_variables": f"{name}_err"},
        ),
        _Variable(
            f"{name}_err", ("rows", "columns"), stated,
            {**attrs, **error, "long_name": long.format(" error estimate") + band[2:]},
        ),
    ]  # fmt: skip


def _degrees(name: str, dims: tuple[str, ...], values: Any, most: int, **attrs: str) -> _Variable:
    """Return an angle as it is packed: int32, millionths of a degree."""
    least = 0 if "zenith" in attrs["standard_name"] else -most
    return _Variable(
        name, dims, np.rint(np.asarray(values) * 1e6).astype(np.int32),
        {
            "_FillValue": np.int32(DEGREE_FILL), "scale_factor": np.float32(1e-6),
            "valid_min": np.int32(least * 1_000_000), "valid_max": np.int32(most * 1_000_000),
            **attrs,
        },
    )  # fmt: skip


def _geolocation(lat: Any, lon: Any) -> list[_Variable]:
    dims = ("rows", "columns")
    height = {"_FillValue": np.int16(-32768), "units": "m", "standard_name": "surface_altitude"}
    return [
        _degrees("lat", dims, lat, 90, standard_name="latitude", units="degrees_north"),
        _degrees("lon", dims, lon, 180, standard_name="longitude", units="degrees_east"),
        _Variable("altitude", dims, np.full(lat.shape, 100, np.int16), height),
    ]


def _flags(cloud: npt.NDArray[np.uint8]) -> list[_Variable]:
    dims, syn = ("rows", "columns"), np.full(cloud.shape, LAND, np.uint16)
    return [
        _Variable("CLOUD_flags", dims, cloud, _meanings(CLOUD_MEANINGS, np.uint8)),
        _Variable("SYN_flags", dims, syn, _meanings(SYN_MEANINGS, np.uint16)),
    ]


def _meanings(names: tuple[str, ...], dtype: Any) -> dict[str, Any]:
    masks = np.array([1 << bit for bit in range(len(names))], dtype)
    return {"flag_meanings": " ".join(names), "flag_masks": masks}


def _tie_points(lat: Any, lon: Any, zenith: Any) -> list[_Variable]:
    """Return every sixteenth column as one list, column after column."""
    dims, at = ("olc_number_tp",), np.arange(0, lat.shape[1] + TIE_STEP - 1, TIE_STEP)
    lat, lon, zenith = (_at_columns(points, at) for points in (lat, lon, zenith))
    return [
        _degrees("OLC_TP_lat", dims, lat, 90, standard_name="latitude", units="degrees_north"),
        _degrees("OLC_TP_lon", dims, lon, 180, standard_name="longitude", units="degrees_east"),
        _degrees(
            "OLC_VZA", dims, zenith, 90, standard_name="OLCI_view_zenith_angle", units="degrees"
        ),
    ]


def _at_columns(points: Any, at: npt.NDArray[np.int64]) -> Any:
    """Return columns of points as one list, those beyond the last extrapolated."""
    last = points.shape[1] - 1
    inner = np.minimum(at, last)
    slope = points[:, last] - points[:, last - 1]
    return (points[:, inner] + slope[:, None] * (at - inner)).T.reshape(-1)


def _times(begin: np.datetime64, rows: int) -> list[_Variable]:
    since = int((begin - np.datetime64("2000-01-01", "ns")) / np.timedelta64(1, "us"))
    attrs = {
        "_FillValue": np.int64(-1), "standard_name": "time_of_measurement",
        "units": "microseconds since 2000-01-01 00:00:00",
    }  # fmt: skip
    return [_Variable("Time", ("rows",), since + ROW_US * np.arange(rows, dtype=np.int64), attrs)]


def _stamp(time: np.datetime64) -> str:
    return str(time.astype("datetime64[s]")).replace("-", "").replace(":", "")


def _manifest(name: str, begin: np.datetime64, files: Mapping[str, Any]) -> str:
    objects = "".join(
        f'    <dataObject ID="{Path(file).stem}_Data">\n'
        f'      <byteStream mimeType="application/x-netcdf">\n'
        f'        <fileLocation locatorType="URL" href="./{file}"/>\n'
        f"      </byteStream>\n"
        f"    </dataObject>\n"
        for file in files
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<xfdu:XFDU xmlns:xfdu="urn:ccsds:schema:xfdu:1"
    xmlns:sentinel-safe="http://www.esa.int/safe/sentinel/1.1"
    xmlns:sentinel3="http://www.esa.int/safe/sentinel/sentinel-3/1.0">
  <metadataSection>
    <sentinel-safe:acquisitionPeriod>
      <sentinel-safe:startTime>{begin.astype("datetime64[us]")}Z</sentinel-safe:startTime>
    </sentinel-safe:acquisitionPeriod>
    <sentinel3:productName>{name}</sentinel3:productName>
  </metadataSection>
  <dataObjectSection>
{objects}  </dataObjectSection>
</xfdu:XFDU>
"""
