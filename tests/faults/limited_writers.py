"""Run as a script: write one kind of file again and again on a disk that is full at byte n.

``python limited_writers.py KIND FOLDER [N ...]`` prints a line of JSON for each n. Files of this
process may not grow beyond n bytes (``RLIMIT_FSIZE``): to a writer that is a disk that is full at
that byte, the same at each try, and no rights are needed. Without N a range over the size of the
whole file is taken.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np

rng = np.random.default_rng(5)
PIXELS = rng.integers(1, 4000, (3, 80, 90)).astype(np.uint16)
PARTS = 12


def grid() -> Any:
    from affine import Affine
    from odc.geo.geobox import GeoBox

    return GeoBox((80, 90), Affine(10, 0, 448_000, 0, -10, 5_412_000), "EPSG:32631")


def cube() -> Any:
    import xarray as xr
    from odc.geo.xr import xr_coords

    times = np.array(["2022-01-01", "2022-01-02"], "datetime64[ns]")
    coords = {**xr_coords(grid()), "time": times, "band": ["B02", "B03", "B04"]}
    return xr.DataArray(
        PIXELS[None] + np.arange(2, dtype=np.uint16)[:, None, None, None],
        coords,
        ("time", "band", "y", "x"),
        "reflectance",
        {"grid_mapping": "spatial_ref"},
    )


def write(kind: str, folder: Path) -> None:
    path = folder / f"a.{kind}"
    if kind == "tif":
        from workbench.rasters.geotiff import geotiff

        with geotiff(path, grid(), count=3, dtype="uint16", nodata=0) as file:
            file.write(PIXELS)
    elif kind == "cogs":
        from workbench.rasters.geotiff import write_cogs

        write_cogs(cube(), folder)
    elif kind == "nc":
        from workbench.rasters.stores import netcdf_file

        netcdf_file(cube().to_dataset(), path)
    elif kind == "zarr":
        from workbench.rasters.stores import zarr_store

        zarr_store(cube().to_dataset(), path)
    elif kind == "json":
        from workbench.files import write_json

        write_json(path, {"values": PIXELS[0].tolist()})
    elif kind == "gif":
        from spaceeye.figures import animation

        animation(cube().to_dataset(), path)
    elif kind == "syn":
        from efast.sentinel3.sampleproducts import write_syn
        from efast.sentinel3.simulatedswaths import SimulatedSwath

        truth = (cube()[0] * np.float32(1e-4)).drop_vars("time")
        write_syn(folder, "2022-01-01", truth, swath=SimulatedSwath(rows=30, columns=40))
    elif kind.startswith("openeo-"):
        write_openeo(kind.removeprefix("openeo-"), folder)
    else:
        write_through_python(kind, path)


def write_openeo(format_: str, folder: Path) -> None:
    """Write a cube, lazy as it is in jobs."""
    from pyproj import CRS

    from workbench.openeo.cubes import Cube, Dimension
    from workbench.openeo.formats import write

    for path in folder.iterdir() if folder.exists() else ():
        path.unlink()  # a job starts in an empty folder
    dimensions = {
        "time": Dimension("temporal"),
        "band": Dimension("bands"),
        "y": Dimension("spatial", "y", -10.0),
        "x": Dimension("spatial", "x", 10.0),
    }
    array = cube().drop_vars("spatial_ref").chunk({"time": 1, "y": 50})
    small = array[..., :20, :20] if format_ == "JSON" else array
    write(Cube(small, dimensions, CRS(32631)), format_, {}, folder)


def write_through_python(kind: str, path: Path) -> None:
    import zipfile

    import pyarrow as pa
    import pyarrow.parquet as pq

    from workbench.files import atomic

    table = pa.table({f"band {n}": values.ravel() for n, values in enumerate(PIXELS)})
    with atomic(path) as file:
        if kind == "zip":
            with zipfile.ZipFile(file, "w") as archive:
                archive.writestr(zipfile.ZipInfo("pixels.bin"), PIXELS.tobytes())
                archive.writestr(zipfile.ZipInfo("text.txt"), "the end")
        elif kind == "parquet":
            pq.write_table(table, file)
        else:
            with pa.ipc.new_file(file, table.schema) as writer:
                writer.write_table(table)


def limited(kind: str, folder: Path, limit: int) -> dict[str, Any]:
    """Write below the limit, say what came of it and what is left, and write again without."""
    folder.mkdir()
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    found: dict[str, Any] = {"limit": limit, "error": None, "code": 0}
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most))
    try:
        write(kind, folder)
    except Exception as error:
        found |= {"error": f"{type(error).__name__}: {error}"}
        found["code"] = getattr(error, "exit_code", None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    found["left"] = sorted(str(path.relative_to(folder)) for path in folder.iterdir())
    if found["error"]:
        write(kind, folder)
    return found


def main(kind: str, folder: Path, *limits: int) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    write(kind, folder / "whole")
    size = max(path.stat().st_size for path in (folder / "whole").rglob("*") if path.is_file())
    spread = {size * part // PARTS for part in range(PARTS)} | {size - 1, size - 9}
    for limit in limits or sorted(spread):
        sys.stdout.write(json.dumps(limited(kind, folder / str(limit), limit)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:]))
