"""Windows of full-disk files of GOES on the grid of a domain: ours and satpy side by side.

    python benchmarks/scenes_windows.py FOLDER [--repeats 5] [--side 1000] [--without-satpy]

FOLDER holds full disks of bands 1, 2, 3 and 13 below ``ABI-L1b-RadF`` (0.8 GB), which are written
there if they are missing. Each round reads, calibrates and regrids once by every route, in one
process. satpy crops to the domain before all else, then makes its composite on native pixels and
regrids by gradient search; its true colour is not divided by the cosine of the sun, which ours is.
Writing is measured by itself. Bytes are those that a server would be asked for, with those of the
chunks alone as the least that can be.
"""

from __future__ import annotations

import argparse
import atexit
import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr
from machine import in_turn, machine, print_facts, print_table
from odc.geo.geobox import GeoBox
from reference.scenes_plain import plain_band

from tiling.scenes.abi.source import AbiSource
from tiling.scenes.domains.planes import domain_grid
from tiling.scenes.imagery.crops import crop
from tiling.scenes.imagery.files import write_images
from tiling.scenes.imagery.regridding import all_on_grid
from tiling.scenes.meta.model import Domain, Interval, ProductType, Storage
from tiling.scenes.sample.fulldisks import write_full_disks
from tiling.scenes.sources.contract import Item
from tiling.scenes.sources.filesystems import Disk
from tiling.scenes.sources.storage import Store

CENTRE = 13.3, -57.72
JOBS = {
    "band 13, brightness temperature": ("singlechannel__bt_13", ("bt_13",)),
    "band 1, radiance": ("singlechannel__1", ("rad_1",)),
    "band 1, reflectance": ("singlechannel__refl_1", ("refl_1",)),
    "true colour": ("truecolor_rgb", ()),
}
GOALS = {"true colour": 10}  # times satpy's CPU seconds; of one band 20, of bytes 50


class Ranges(Disk):
    """Files of this disk that are read as those of a server are: in ranges, each counted."""

    requests = 0

    def path(self, address: str) -> Path | None:
        """Return None, as a server does."""
        return None

    def ranges(self, address: str, spans: Sequence[tuple[int, int]]) -> list[Any]:
        """Return the bytes of several stretches of a file."""
        self.requests += len(spans)
        return super().ranges(address, spans)


class Route:
    """One product by our route, from files or from a server."""

    def __init__(self, bucket: Path, name: str, grid: GeoBox, server: bool = False) -> None:
        kind, inputs = JOBS[name]
        self.type = ProductType(kind, "channels" if inputs else "truecolor", inputs)
        storage = Storage("file", str(bucket))
        self.store = Store(storage)
        if server:
            self.store.files, self.store.is_local = Ranges(Path()), False
        self.source, self.grid = AbiSource("goes16", self.store), grid
        span = Interval(*(np.datetime64(f"2020-02-02T{t}", "ns") for t in ("14:00", "14:09")))
        found = self.source.query(self.source.inputs(self.type), [span])
        self.items: dict[str, Item] = {item.input: item for item in found}

    def read(self) -> xr.Dataset:
        """Read, calibrate and compose."""
        return crop(self.source, self.type, self.items, self.grid)

    def regridded(self) -> xr.Dataset:
        """Read, calibrate, compose and regrid."""
        return all_on_grid(self.read(), self.grid)


def satpy_routes(files: Mapping[int, str], grid: GeoBox) -> dict[str, Callable[[], Any]]:
    """Return satpy's routes by product."""
    import dask
    from pyresample import create_area_def
    from satpy import Scene

    warnings.filterwarnings("ignore")
    dask.config.set(scheduler="threads", num_workers=os.cpu_count())
    box = grid.boundingbox
    area = create_area_def("domain", str(grid.crs), shape=grid.shape, area_extent=tuple(box))
    lons, lats = area.get_lonlats()
    around = 0.3  # degrees: gradient search needs pixels beyond the edge
    bounds = lons.min() - around, lats.min() - around, lons.max() + around, lats.max() + around

    def made(bands: Sequence[int], names: Sequence[Any], **how: Any) -> list[Any]:
        native = len(bands) > 1
        scene = Scene(reader="abi_l1b", filenames=[files[band] for band in bands])
        scene.load(names, generate=not native, **how)
        scene = scene.crop(ll_bbox=bounds)
        if native:
            scene = scene.resample(scene.coarsest_area(), resampler="native")
        scene = scene.resample(area, resampler="gradient_search")
        return [scene[name].compute() for name in names]

    from satpy import DataQuery

    sunny = DataQuery(name="C01", calibration="reflectance", modifiers=("sunz_corrected",))
    calls = (
        partial(made, [13], ["C13"]),
        partial(made, [1], ["C01"], calibration="radiance"),
        partial(made, [1], [sunny]),
        partial(made, [1, 2, 3], ["true_color_nocorr"]),
    )
    return dict(zip(JOBS, calls, strict=True))


def bytes_read(bucket: Path, name: str, grid: GeoBox) -> list[float]:
    """Return MB of the files; then by padding, 10 % and 4 pixels: MB read, requests, MB of chunks.

    The last are the values and flags that are packed in the chunks that the window touches.
    """
    found: list[float] = []
    for pad in (0.1, 0.0):
        route = Route(bucket, name, grid, server=True)
        windows = {
            item.input: route.source.open_window(item, grid, pad) for item in route.items.values()
        }
        least = sum(
            chunks(bucket / route.items[key].key, window) for key, window in windows.items()
        )
        store = route.store
        found += [store.bytes_read / 1e6, store.files.requests, least / 1e6]  # type: ignore[union-attr]
    return [sum(item.size for item in route.items.values()) / 1e6, *found]


def chunks(path: Path, window: xr.DataArray) -> int:
    """Return the bytes of the chunks that a window touches."""
    with h5py.File(path) as file:
        spans = []
        for name in ("y", "x"):
            offset, scale = (file[name].attrs[key] for key in ("add_offset", "scale_factor"))
            first = round(float(np.ravel((window[name].values[0] - offset) / scale)[0]))
            spans.append((first, first + window.sizes[name]))
        total = 0
        for data in (file["Rad"], file["DQF"]):
            rows, cols = (
                range(first // size * size, end, size)
                for (first, end), size in zip(spans, data.chunks, strict=True)
            )
            total += sum(
                data.id.get_chunk_info_by_coord((row, col)).size for row in rows for col in cols
            )
    return total


def full_disks(folder: Path) -> dict[int, str]:
    """Return the files by band; write them where they are missing."""

    def found() -> dict[int, str]:
        paths = sorted(folder.glob("ABI-L1b-RadF/*/*/*/*.nc"))
        return {int(path.name.partition("C")[2][:2]): str(path) for path in paths}

    if set(found()) != {1, 2, 3, 13}:
        write_full_disks(folder)
    return found()


def difference(ours: Any, others: Any) -> float:
    """Return the largest difference, in units of the values' own largest."""
    one, two = np.asarray(ours, np.float64), np.asarray(others, np.float64)
    return float(np.nanmax(np.abs(one - two)) / np.nanmax(np.abs(two)))


def sizes(images: Mapping[str, xr.Dataset], packed: bool) -> dict[str, Callable[[], Any]]:
    """Return what writes regridded scenes."""
    folder = Path(tempfile.mkdtemp(prefix="scenes-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return {
        name: partial(write_images, image, folder / f"{place}-{packed}.nc", pack=packed)
        for place, (name, image) in enumerate(images.items())
    }


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(description="Windows of full disks: ours and satpy.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--side", type=int, default=1000, help="km of the domain, at 1 km a pixel")
    parser.add_argument("--without-satpy", action="store_true")
    parser.add_argument("--json", type=Path, help="store the numbers here")
    given = parser.parse_args()
    facts = machine() | {name: version(name) for name in ("h5py", "numba", "isal")}
    files = full_disks(given.folder.resolve())
    grid = domain_grid(Domain("rect", *CENTRE, given.side * 1e3, given.side * 1e3), 1000.0)
    routes = {name: Route(given.folder.resolve(), name, grid) for name in JOBS}
    calls: dict[str, Callable[[], Any]] = {}
    for name, route in routes.items():
        calls |= {f"{name}|read": route.read, f"{name}|all": route.regridded}
    for name, band, quantity in zip(JOBS, (13, 1, 1), ("bt", "rad", "refl"), strict=False):
        calls[f"{name}|plain"] = partial(plain_band, files[band], quantity, grid)
    if not given.without_satpy:
        facts |= {name: version(name) for name in ("satpy", "pyresample")}
        calls |= {f"{name}|satpy": call for name, call in satpy_routes(files, grid).items()}
    images = {name: route.regridded() for name, route in routes.items()}
    calls |= {f"{name}|write": call for name, call in sizes(images, False).items()}
    calls |= {f"{name}|pack": call for name, call in sizes(images, True).items()}
    apart = {
        key: difference(next(iter(images[key.split("|")[0]].values())).values, found)
        for key, call in calls.items()
        if key.endswith("|plain") and (found := call()) is not None
    }
    spent = {key: one.cpu for key, one in in_turn(calls, given.repeats).items()}
    print_facts("Windows of full disks: machine", facts)
    print_table(
        f"CPU ms of {given.side} x {given.side} km at 1 km, warm, medians of {given.repeats}"
        " in turn; ratios are to all but writing",
        ("", "read", "read and regrid", "plain", "satpy", "satpy, ratio", "goal", "write",
         "write int16"),
        [
            (
                name,
                *(1e3 * spent[f"{name}|{what}"] for what in ("read", "all")),
                *(_times(spent, f"{name}|{what}", 1e3) for what in ("plain", "satpy")),
                _times(spent, f"{name}|satpy", 1 / spent[f"{name}|all"]),
                GOALS.get(name, 20),
                *(1e3 * spent[f"{name}|{what}"] for what in ("write", "pack")),
            )
            for name in JOBS
        ],
    )  # fmt: skip
    print_table(
        "largest difference from the plain reference, of the largest value",
        ("", "difference"),
        [(key.split("|")[0], f"{value:.1e}") for key, value in apart.items()],
    )
    counted = {name: bytes_read(given.folder.resolve(), name, grid) for name in JOBS}
    print_table(
        "bytes from a server, with 10 % around the domain and with 4 pixels: read, requests, and"
        " the chunks that must be; goal: 50 times less than the files",
        ("", "MB whole", *("MB", "ratio", "requests", "MB of chunks", "ratio") * 2),
        [
            (name, whole, *_shares(whole, *found[:3]), *_shares(whole, *found[3:]))
            for name, (whole, *found) in counted.items()
        ],
    )
    if given.json:
        given.json.write_text(json.dumps({"cpu_s": spent, "bytes": counted, "machine": facts}))


def _shares(whole: float, read: float, requests: float, least: float) -> tuple[Any, ...]:
    return read, whole / read, int(requests), least, whole / least


def _times(spent: Mapping[str, float], key: str, factor: float) -> float | None:
    return factor * spent[key] if key in spent else None


if __name__ == "__main__":
    main()
