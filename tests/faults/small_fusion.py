"""Run as a script: a small fusion that is killed on the way, or whose disk is full on the way.

``python small_fusion.py OUT blocks N``: killed within the N-th block.
``python small_fusion.py OUT files N``: killed when the N-th file is finished, or if N is negative,
when half of it was written.
``python small_fusion.py OUT full``: a disk that is full at some byte of each kind of file, one run
after the other, each of which is then done again; prints a line of JSON for each.
"""

from __future__ import annotations

import importlib
import itertools
import json
import os
import resource
import shutil
import signal
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

SIDE, RATIO = 265, 15  # pixels of 20 m: four blocks of 256, no whole number of cells
BLOCK = 256
FORMATS = ("cog", "zarr", "netcdf")
KEEP = ("s2_distance_score", "s2_s3_aggregate")  # one is in memory, one on Dask
SERIES = "workbench.sentinel2.imageseries.writing"
PHASES = {
    "blocks": (f"{SERIES}.write_blocks", ["*"]),
    "images": (f"{SERIES}.write_images", ["images/*.tif", "quality/*", "indices/*"]),
    "items": (f"{SERIES}.write_items", ["images/*.json", "items.json"]),
    "netcdf": (f"{SERIES}.netcdf_file", ["*.nc"]),
    "step in memory": ("efast.production.steps.zarr_store", [f"intermediates/{KEEP[0]}.zarr"]),
    "step on Dask": ("efast.production.steps.write_blocks", [f"intermediates/{KEEP[1]}.zarr"]),
}
"""What writes in each phase, and what of it is removed from a finished run to be written again."""

LIMITS = (100, 6000)
"""Bytes beyond which no file may grow in a phase: within a header, later."""


def cubes() -> tuple[Any, Any]:
    """Return fine images on Dask and a coarse series, both of one smooth landscape."""
    import xarray as xr
    from affine import Affine
    from odc.geo.geobox import GeoBox
    from odc.geo.xr import xr_coords

    def labelled(values: Any, days: Any, bands: list[str], side: int, step: float) -> Any:
        grid = GeoBox((side, side), Affine(step, 0, 448_000, 0, -step, 5_412_000), "EPSG:32631")
        times = np.datetime64("2022-03-01T10:50", "ns") + np.array(days) * np.timedelta64(1, "D")
        coords = {**xr_coords(grid, always_yx=True), "time": times, "band": bands}
        return xr.DataArray(values, coords, ("time", "band", "y", "x"))

    def truth(day: int, side: int, step: float) -> Any:
        y, x = (np.mgrid[:side, :side] + 0.5) * step
        first = 0.2 + 0.1 * np.sin(day / 9 + x / 2000) + 0.05 * np.cos(y / 700)
        return np.stack([first, 0.9 * first + 0.1])

    rng = np.random.default_rng(1)
    days, daily = [2, 7, 12, 21], range(0, 30, 2)
    dn = np.stack([np.round(truth(day, SIDE, 20) * 1e4) for day in days])
    dn = (dn + rng.integers(-50, 50, dn.shape)).astype(np.uint16)
    image = labelled(dn, days, ["B04", "B8A"], SIDE, 20).assign_attrs(scale_factor=1e-4)
    weight = np.ones((4, SIDE, SIDE), np.uint8)
    weight[1, 50:150, 25:125] = 0
    weight[2, 150:, 150:] = 0
    fine = xr.Dataset(
        {"reflectance": image, "weight": image[:, 0].drop_vars("band").copy(data=weight)}
    )
    cells = np.stack([truth(day, -(-SIDE // RATIO), 300) for day in daily]).astype(np.float32)
    cells[3, :, 4:9, 10:] = np.nan
    coarse = labelled(cells, daily, ["Oa08", "Oa17"], cells.shape[2], 300)
    return fine.chunk({"y": 100, "x": 150}), coarse


def run(out: Path, *, block: int = BLOCK, lazy: bool = True, **options: Any) -> Any:
    """Fuse them into a folder."""
    import efast
    import efast.cells.cellblocks

    before, efast.cells.cellblocks.BLOCK = efast.cells.cellblocks.BLOCK, block
    fine, coarse = cubes()
    asked = {"period": ("2022-03-01", "2022-04-01"), "interval": 11, "formats": FORMATS,
             "indices": "ndvi", "keep": KEEP, "bands": {"B04": "Oa08", "B8A": "Oa17"}}  # fmt: skip
    try:
        return efast.run(fine if lazy else fine.compute(), coarse, out, **{**asked, **options})
    finally:
        efast.cells.cellblocks.BLOCK = before


def die_in_a_block(number: int) -> None:
    """Let this process be killed when it fuses so many blocks."""
    from efast.cubes import fusedseries

    whole, seen = fusedseries.fuse_block, itertools.count(1)

    def fuse_block(*given: Any, **options: Any) -> Any:
        found = whole(*given, **options)
        if next(seen) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    fusedseries.fuse_block = fuse_block


def die_at_a_file(number: int) -> None:
    """Let this process be killed when it finishes so many files."""
    fsync, seen = os.fsync, itertools.count(1)

    def killing(file: int) -> None:
        fsync(file)
        if next(seen) == abs(number):
            if number < 0:
                path = Path(f"/proc/self/fd/{file}").readlink()
                os.truncate(path, path.stat().st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)

    os.fsync = killing


def full_at(name: str, limit: int) -> Any:
    """Let no file grow beyond a limit from a function on; return how to undo it."""
    module, _, function = name.rpartition(".")
    place = importlib.import_module(module)
    whole = getattr(place, function)
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limited(*given: Any, **options: Any) -> Any:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most))
        return whole(*given, **options)

    def undo() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        setattr(place, function, whole)

    setattr(place, function, limited)
    return undo


def try_full_disks(out: Path) -> None:
    """Write on a disk that is full in a phase, look at what is left, and write again."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    run(out)
    expected = digests(out)
    for (phase, (name, parts)), limit in itertools.product(PHASES.items(), LIMITS):
        for path in [path for part in parts for path in out.glob(part)]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        undo = full_at(name, limit)
        found: dict[str, Any] = {"phase": phase, "limit": limit, "error": None, "code": 0}
        try:
            run(out)
        except Exception as error:
            found["error"] = f"{type(error).__name__}: {error}"
            found["code"] = getattr(error, "exit_code", None)
        finally:
            undo()
        found["torn"] = [str(path) for path in standing(out) if not readable(path)]
        found["missing"] = sorted(set(expected) - set(digests(out)))
        run(out)
        found["differs"] = sorted(set(expected.items()) ^ set(digests(out).items()))
        sys.stdout.write(json.dumps(found) + "\n")


def digests(folder: Path) -> dict[str, str]:
    """Return what each file holds; of netCDF, whose file says when it was made, its values."""
    import xarray as xr

    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_dir() or path.name in ("summary.json", "manifest.json", "performance.html"):
            continue
        if path.suffix == ".nc":
            with xr.open_dataset(path, mask_and_scale=False) as file:
                values = [file[key].values for key in sorted(file.variables)]
            texts = [each.astype(str) if each.dtype == object else each for each in values]
            content = b"".join(each.tobytes() for each in texts)
        else:
            content = path.read_bytes()
        found[path.relative_to(folder).as_posix()] = sha256(content).hexdigest()
    return found


def standing(out: Path) -> list[Path]:
    """Return files and stores under their final names."""
    names = ("images/*", "quality/*", "indices/*", "*.json", "*.nc", "*.zarr", "intermediates/*")
    return [path for name in names for path in sorted(out.glob(name)) if path.name[0] != "."]


def readable(path: Path) -> bool:
    """Tell whether a result can be read to its end."""
    from workbench.sentinel2.imageseries.writing import check_output

    try:
        check_output(path)
    except Exception:
        return False
    return True


if __name__ == "__main__":
    target, what, *rest = sys.argv[1:]
    if what == "full":
        try_full_disks(Path(target))
    else:
        {"blocks": die_in_a_block, "files": die_at_a_file}[what](int(rest[0]))
        run(Path(target))
