"""Writer of small SYN products: a simulated image with the files and names of a real one.

The frame is much smaller than a real one, and begins and ends with its own rows. A product appears
under its name when all its files are complete.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from efast.bandpairs import PAIRS
from efast.errors import BadFile, BadInput
from efast.sentinel3.packedfiles import opened
from efast.sentinel3.samplefiles import (
    ROW_US,
    FileVariable,
    band_variables,
    flag_variables,
    place_variables,
    tie_variables,
    time_variables,
)
from efast.sentinel3.simulatedswaths import Response, Seen, SimulatedSwath, observe
from workbench.files import atomic_folder
from workbench.rasters.cubes import grid_of
from workbench.rasters.times import to_time

__all__ = ["product_name", "whole_product", "write_syn"]


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
        f"Syn_{band}_reflectance.nc": band_variables(band, values)
        for band, values in zip(bands, seen.values, strict=True)
    }
    files["geolocation.nc"] = place_variables(lat, lon)
    files["flags.nc"] = flag_variables(seen.cloud)
    files["tiepoints_olci.nc"] = tie_variables(lat, lon, zenith)
    files["time.nc"] = time_variables(begin, len(lat))
    with (
        atomic_folder(path, overwrite=overwrite, check=whole_product) as hidden,
        NETCDF4_PYTHON_LOCK,
    ):
        try:
            hidden.mkdir()
            for name, variables in files.items():
                _write_file(hidden / name, variables, path.name)
            (hidden / "xfdumanifest.xml").write_text(_manifest(path.name, begin, files), "utf-8")
        except OSError as error:
            raise OSError(error.errno, error.strerror) from error  # without its hidden name
    return [path / name for name in (*files, "xfdumanifest.xml")]


def _write_file(path: Path, variables: list[FileVariable], product: str) -> None:
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


def whole_product(folder: Path) -> None:
    """Read all that a product holds.

    Raises
    ------
    BadFile
        If one of its files cannot be read to its end.
    """
    for path in sorted(folder.glob("*.nc")):
        with opened(path) as file:
            for variable in file.variables.values():
                np.asarray(variable[...])
    if not (folder / "xfdumanifest.xml").read_text("utf-8").rstrip().endswith("</xfdu:XFDU>"):
        raise BadFile(f"{folder}: the manifest is cut short")


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
