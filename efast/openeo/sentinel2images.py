"""A source of collections: Sentinel-2 products of level 2A in their original folders.

In a catalogue::

    SENTINEL2_L2A:
      kind: sentinel2-safe
      path: S2                        # a folder of .SAFE folders
      bands: [B02, B03, B04, B8A]     # these, unless others are named; SCL is always there
      align: 300                      # areas begin and end at cells of this size, m

Numbers are DN of 10,000 for a reflectance of 1, without the offset that products since baseline
04.00 have; 0 is missing. Of an acquisition processed twice the higher baseline is used.
"""

# mypy: disable-error-code="import-not-found,no-any-return"
from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil, floor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from efast.bandpairs import FINE_NM, PAIRS
from workbench.errors import BadFile, BadInput
from workbench.openeo.catalogues.areas import Area
from workbench.openeo.catalogues.bands import Band
from workbench.openeo.catalogues.fields import check_fields
from workbench.openeo.catalogues.folders import local_folder
from workbench.openeo.catalogues.grids import covering_grid
from workbench.openeo.catalogues.images import cube_of_images, document_of_images
from workbench.openeo.catalogues.layers import Image
from workbench.openeo.catalogues.remote import Remote
from workbench.openeo.catalogues.requests import Request
from workbench.openeo.cubes import Cube
from workbench.rasters.planes import Plane
from workbench.rasters.windows import Window
from workbench.sentinel2.acquisitions import Acquisition, collect, without_duplicates
from workbench.sentinel2.bands import check_bands
from workbench.sentinel2.offsets import remove_offset
from workbench.sentinel2.safe import METADATA, find_products, open_product

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["Sentinel2Images"]

logger = logging.getLogger(__name__)

CLASSES = "SCL"

_FIELDS = {
    "path": "text",
    "bands": "list of texts",
    "offset": "number",
    "align": "number",
    "on_error": "text",
}

_COMMON = {"B02": "blue", "B03": "green", "B04": "red", "B08": "nir", "B8A": "nir08"}


class Sentinel2Images:
    """A source: a folder of SAFE products."""

    def __init__(self, options: Mapping[str, Any], folder: Path, remote: Remote) -> None:
        known = check_fields(options, _FIELDS, "the entry", ("path",))
        self._root = local_folder(known["path"], folder)
        self._names = check_bands(known.get("bands", tuple(PAIRS)))
        self._offset = known.get("offset")
        self._align = known.get("align")
        self._held: dict[Path, tuple[int | None, Acquisition]] = {}
        self._on_error = known.get("on_error", "raise")
        if self._on_error not in ("raise", "skip"):
            raise BadInput(f"on_error: {self._on_error!r} is neither raise nor skip")
        if self._align is not None and not self._align > 0:
            raise BadInput(f"align: {self._align:g} is not above 0")

    def document(self) -> Mapping[str, Any]:
        """Return what follows from the data; see `workbench.openeo.catalogues.sources`."""
        found = document_of_images(self._images(), self._bands)
        return {"description": "Sentinel-2 L2A, surface reflectance without offset.", **found}

    def load(self, request: Request) -> Cube:
        """Return what is asked for; see `workbench.openeo.catalogues.sources`."""
        images = self._images()
        return cube_of_images(images, self._bands, self._aligned(request, images))

    @cached_property
    def _bands(self) -> list[Band]:
        data = [
            Band(
                name, common_name=_COMMON.get(name), scale=1e-4, offset=0.0, nodata=0.0,
                center_wavelength=FINE_NM.get(name, 0) / 1000 or None, data_type="uint16",
                resampling="smooth",
            )
            for name in self._names
        ]  # fmt: skip
        return [*data, Band(CLASSES, description="Scene classification", data_type="uint8")]

    def _images(self) -> list[Image]:
        """Return all products; headers are read of those that are new or changed."""
        try:
            found = collect(find_products(self._root), self._product, self._on_error)
            return [self._image(one) for one in without_duplicates(found)]
        except BadFile as reason:
            raise BadFile(str(reason).replace(f"{self._root}", self._root.name)) from reason

    def _product(self, path: Path) -> Acquisition:
        metadata = path / METADATA
        state = metadata.stat().st_mtime_ns if metadata.exists() else None
        held = self._held.get(path)
        if held is None or held[0] != state:
            held = self._held[path] = state, open_product(path, self._names, offset=self._offset)
        return held[1]

    def _image(self, one: Acquisition) -> Image:
        layers: dict[str, Any] = {
            name: _Harmonised(plane, offset)
            for name, plane, offset in zip(self._names, one.planes, one.offsets, strict=True)
        }
        if one.mask is not None:
            layers[CLASSES] = one.mask
        properties = {"s2:mgrs_tile": one.tile} if one.tile else {}
        return Image(Path(one.name).name, one.time, layers, properties)

    def _aligned(self, request: Request, images: list[Image]) -> Request:
        """Widen a box to whole cells, counted from the corner of the collection."""
        if self._align is None or request.area is None or not request.area.is_box:
            return request
        whole = covering_grid([grid for image in images for grid in image.grids])
        boxes = request.area.boxes(whole)
        if len(boxes) != 1:
            return request
        area = Area(_widened(boxes[0], whole, float(self._align)), str(whole.crs), True)
        return replace(request, area=area)


def _widened(bounds: Any, grid: GeoBox, side: float) -> Any:
    """Return a box around bounds whose edges are whole cells from the corner of a grid."""
    import shapely

    left, top = float(grid.boundingbox.left), float(grid.boundingbox.top)
    west, south, east, north = bounds
    little = 1e-6  # of a cell
    return shapely.box(
        left + floor((west - left) / side + little) * side,
        top - ceil((top - south) / side - little) * side,
        left + ceil((east - left) / side - little) * side,
        top - floor((top - north) / side + little) * side,
    )


@dataclass(frozen=True)
class _Harmonised:
    """A band of a product without its offset; reads as a `Plane`."""

    plane: Plane
    offset: int
    dtype: str = "uint16"
    nodata: float | None = 0.0

    @property
    def path(self) -> str:
        return self.plane.path

    @property
    def grid(self) -> GeoBox | None:
        return self.plane.grid

    @property
    def blocks(self) -> tuple[int, int] | None:
        return self.plane.blocks

    def pixels(self, window: Window) -> npt.NDArray[Any]:
        return np.asarray(remove_offset(self.plane.pixels(window), self.offset))
