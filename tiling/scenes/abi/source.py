"""GOES-16 to 19 as a source of scenes: what there is, windows of it, what is made of them."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from tiling.scenes.abi.images import image
from tiling.scenes.abi.objectnames import (
    ObjectName,
    Wanted,
    hour_folders,
    parse_input,
    parse_name,
    product_folder,
)
from tiling.scenes.abi.rayleigh import without_air
from tiling.scenes.abi.truecolor import colours
from tiling.scenes.abi.windows import RawWindow, keep_window, read_window
from tiling.scenes.errors import SceneError, UnusableInput
from tiling.scenes.meta.model import Image, Interval, ProductType
from tiling.scenes.sources.contract import Item
from tiling.scenes.sources.hdf5files import read_hdf5

if TYPE_CHECKING:
    import h5py
    import xarray as xr
    from odc.geo.geobox import GeoBox

    from tiling.scenes.sources.storage import Store

__all__ = ["SATELLITES", "AbiSource"]

logger = logging.getLogger(__name__)

SATELLITES = ("goes16", "goes17", "goes18", "goes19")

_COLOURS = ("refl_1", "refl_2", "refl_3")
_TOLERANCES = {"F": 30, "C": 10, "M1": 3, "M2": 3}  # seconds
_METRES = {1: 1000.0, 2: 500.0, 3: 1000.0, 5: 1000.0}  # other bands: 2000


@dataclass
class AbiSource:
    """Images of one satellite and sector.

    Parameters
    ----------
    satellite
        ``goes16`` to ``goes19``.
    store
        Where its files lie.
    sector
        F, C, M1 or M2.
    image
        Which pixels count, what green is mixed of, and what is done about the air.
    """

    satellite: str
    store: Store
    sector: str = "F"
    image: Image = field(default_factory=Image)
    tolerance: np.timedelta64 = field(init=False)

    def __post_init__(self) -> None:
        if self.satellite not in SATELLITES:
            raise SceneError("E001", f"{self.satellite}: known are {', '.join(SATELLITES)}")
        if self.sector not in _TOLERANCES:
            raise SceneError("E006", f"sector {self.sector}: known are {', '.join(_TOLERANCES)}")
        self.tolerance = np.timedelta64(_TOLERANCES[self.sector], "s")

    def inputs(self, type: ProductType) -> tuple[str, ...]:  # noqa: A002  the word of meta.yaml
        """Return the names of the inputs that a type needs.

        Raises
        ------
        SceneError
            E002, E003, E004 for what ABI does not have; E006 for a product without this sector.
        """
        if type.kind not in ("truecolor", "channels", "level2", "user_function"):
            raise SceneError("E002", f"{type.name}: {self.satellite} has no type {type.kind}")
        names = _COLOURS if type.kind == "truecolor" else type.inputs
        for name in names:
            if parse_input(name).product == "RSR" and self.sector not in ("F", "C"):
                raise SceneError("E006", f"{name}: there is none of sector {self.sector}: F or C")
        return tuple(names)

    def query(self, inputs: Sequence[str], intervals: Iterable[Interval]) -> list[Item]:
        """Return the files of these inputs whose scenes start in the intervals, in order of time.

        A scene starts with the first of its inputs. Of several files with one start the one that
        was made last is returned. An hour without a folder has no files.

        Raises
        ------
        SceneError
            E010, if there is no interval.
        """
        spans = tuple(intervals)
        if not spans:
            raise SceneError("E010", f"{self.satellite} needs time.t_start and time.t_end")
        wanted = {name: parse_input(name) for name in dict.fromkeys(inputs)}
        folders = self._folders(wanted.values(), spans)
        newest: dict[tuple[str, np.datetime64], tuple[np.datetime64, Item]] = {}
        bands: dict[str, set[int | None]] = {}
        for folder, names in self.store.listings(folders).items():
            for file, size in names:
                name = parse_name(file)
                if name is None or not self._mine(name):
                    continue
                for input_name, want in wanted.items():
                    if not want.accepts(name):
                        continue
                    key = self.store.key(folder, file)
                    item = Item(input_name, key, name.start, name.end, size)
                    bands.setdefault(input_name, set()).add(name.band)
                    held = newest.get((input_name, name.start))
                    if held is None or held[0] < name.created:
                        newest[input_name, name.start] = name.created, item
        for input_name, found in bands.items():
            if len(found) > 1 and wanted[input_name].band is None:
                there = ", ".join(str(band) for band in sorted(b for b in found if b))
                raise SceneError(
                    "E062", f"{input_name} has files of bands {there}: write {input_name}__13"
                )
        return _of_scenes([item for _, item in newest.values()], spans, self.tolerance)

    def absence(self, inputs: Sequence[str], intervals: Iterable[Interval]) -> str:
        """Say what is missing of the first folder in which these inputs would lie."""
        first, *_ = self._folders([parse_input(name) for name in inputs], tuple(intervals))
        return self.store.absence(first)

    def _folders(self, wanted: Iterable[Wanted], spans: Sequence[Interval]) -> list[str]:
        """Return the folders of all hours of the intervals, of all products that are wanted."""
        products = {(want.level, want.product) for want in wanted}
        return [
            f"{product_folder(level, product, self.sector)}/{hour}"
            for level, product in sorted(products)
            for hour in hour_folders(spans, self.tolerance)
        ]

    def _mine(self, name: ObjectName) -> bool:
        return f"goes{name.satellite}" == self.satellite and name.sector == self.sector

    def open_window(self, item: Item, grid: GeoBox | None, pad: float = 0.1) -> xr.DataArray:
        """Return the pixels that cover a grid; see `tiling.scenes.Source.open_window`.

        Reflectances are divided by the cosine of the sun's zenith angle at each pixel. The
        attribute ``note`` says where the file does not hold all of the domain (W081).

        Raises
        ------
        SceneError
            E080, if it holds nothing of it.
        UnusableInput
            If the file is damaged or lacks something, or is none of ABI.
        """
        want = parse_input(item.input)
        raw = self._raw(item, want, grid, pad)
        band = raw.numbers.get("band_id", np.nan)
        if band != want.band and want.band is not None and np.isfinite(band):
            raise UnusableInput(
                "E061",
                f"{self.store.address(item.key)}: of band {want.band} by its name, of band "
                f"{band:g} inside",
            )
        try:
            return image(raw, want.quantity, strict=self.image.strict_quality)
        except UnusableInput as reason:
            if raw.name in reason.message:
                raise
            raise UnusableInput(reason.code, f"{raw.name}: {reason.message}") from reason

    def _raw(self, item: Item, want: Wanted, grid: GeoBox | None, pad: float) -> RawWindow:
        """Read a window from where it is kept, or from the file, and then keep it."""
        name = PurePosixPath(item.key).name

        def read(content: h5py.File, below: BinaryIO | None) -> RawWindow:
            return read_window(
                content,
                name,
                grid,
                pad,
                product=want.product,
                variable="Rad" if want.level == "L1b" else want.variable,
                below=below,
            )

        if self.store.is_local or self.store.storage.mode == "mirror":
            return read_hdf5(self.store, item.key, read, item.size)
        tag = _tag(grid, pad, want)
        kept = self.store.window_path(item.key, tag)
        if kept is not None and kept.is_file():
            try:
                return _kept(kept, read)
            except (OSError, RuntimeError, SceneError) as reason:
                logger.warning("%s cannot be read (%s); it is fetched again", kept, reason)
        raw = read_hdf5(self.store, item.key, read, item.size)
        self.store.keep_window(
            item.key,
            tag,
            lambda part: keep_window(raw, part),
            check=lambda part: _kept(part, read),
        )
        return raw

    def compose(
        self,
        type: ProductType,  # noqa: A002
        windows: Mapping[str, xr.DataArray],
        resolution: float | None,
    ) -> xr.Dataset:
        """Return what a type makes of its windows; see `tiling.scenes.Source.compose`.

        Raises
        ------
        NightScene
            If true colour is asked for where no sun is.
        """
        import xarray as xr

        if type.kind == "truecolor":
            blue, red, veggie = (windows[name] for name in _COLOURS)
            notes: dict[str, str] = {"rayleigh": self.image.rayleigh}
            if self.image.rayleigh == "simple":
                blue, red = without_air(blue, 1), without_air(red, 2)
            elif self.image.rayleigh == "tables":
                notes = {
                    "rayleigh": "none",
                    "rayleigh_note": "W070: there are no tables here; nothing was taken away",
                }
                logger.warning("%s", notes["rayleigh_note"])
            made = colours(
                blue, red, veggie, green=self.image.green, resolution=resolution
            ).assign_attrs(notes)
            return xr.Dataset({type.name: made})
        names = self.inputs(type)
        grids = {tuple(windows[name].shape) for name in names}
        if len(grids) == 1:
            return xr.Dataset({name: windows[name] for name in names})
        return xr.Dataset(
            {name: windows[name].rename(y=f"y_{name}", x=f"x_{name}") for name in names}
        )

    def native_resolution(self, input: str) -> float | None:  # noqa: A002
        """Return the side of a pixel below the satellite, metres; None where files say it."""
        want = parse_input(input)
        return None if want.band is None else _METRES.get(want.band, 2000.0)


def _kept(path: Path, read: Callable[[h5py.File, BinaryIO | None], RawWindow]) -> RawWindow:
    import h5py

    with h5py.File(path, "r") as content:
        return read(content, None)


def _tag(grid: GeoBox | None, pad: float, want: Wanted) -> str:
    """Return a name for the window of a domain."""
    said = "all" if grid is None else f"{grid.crs} {tuple(grid.affine)} {grid.shape} {pad}"
    return hashlib.sha256(f"{said} {want.variable}".encode()).hexdigest()[:16]


def _of_scenes(
    items: list[Item], intervals: Sequence[Interval], tolerance: np.timedelta64
) -> list[Item]:
    """Return the items of scenes whose first input starts in an interval."""
    kept: list[Item] = []
    first: np.datetime64 | None = None
    inputs: set[str] = set()
    wanted = False
    for item in sorted(items, key=lambda item: (item.start, item.input)):
        if first is None or item.start - first > tolerance or item.input in inputs:
            first, inputs = item.start, set()
            wanted = any(span.start <= first <= span.end for span in intervals)
        inputs.add(item.input)
        if wanted:
            kept.append(item)
    return kept
