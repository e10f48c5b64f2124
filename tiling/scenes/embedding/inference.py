"""Embeddings: the vectors that an encoder gives to windows of a scene, or to the tiles of triplets.

Tile by tile, each window goes through the network as the tiles did in training. Dense, the scene
goes through once and windows are cut from the features: many times faster and not the same, since a
tile then sees its neighbours where it saw an edge; such results are marked and are not to be mixed
with others.

With one build of torch and one number of threads, results are equal to the last bit from run to
run; another number of threads or of tiles at once changes the last digits (about 1e-6).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr

from tiling.scenes.embedding.checkpoints import model_sha256
from tiling.scenes.embedding.images import Image, image_of
from tiling.scenes.embedding.networks import CELL, Encoder
from tiling.scenes.embedding.tiledata import TILE_TYPES, TripletTiles
from tiling.scenes.planning.slidingwindows import windows
from workbench.errors import BadInput

__all__ = ["check_dense", "embed", "embed_triplets", "evaluating"]

Floats = npt.NDArray[np.float32]
Starts = npt.NDArray[np.int64]
_CARRIED = ("source", "type", "resolution", "domain", "software_version")  # attributes of the scene


def embed(
    scene: xr.Dataset | xr.DataArray,
    encoder: Encoder,
    *,
    step: int = 30,
    edge: Literal["drop", "cover"] = "drop",
    dense: bool = False,
    batch_size: int = 32,
    most_missing: float = 0.5,
    name: str = "",
) -> xr.Dataset:
    """Return the embeddings of all windows of a regridded scene.

    Parameters
    ----------
    scene
        Image(s) (y, x) or (channel, y, x) on a grid in metres, NaN where missing.
    step
        Pixels between windows, which have the size of the encoder's tiles.
    edge
        ``cover`` adds a last window at the edge where the step leaves some pixels over.
    dense
        Send the scene through the network once; `step` and tiles must be multiples of 32 pixels.
    most_missing
        Share of missing pixels (of any channel) above which a window has no embedding: NaN.
    name
        ID of the scene; by default its attribute ``scene_id``.

    Returns
    -------
    xarray.Dataset
        ``emb`` (scene_id, y, x, emb_dim) float32; coordinates ``i0`` and ``j0`` (pixel in the upper
        left corner, j counted from the north), ``x`` and ``y`` (true centres, metres), ``lat`` and
        ``lon`` there where the scene has a CRS. Rows go from north to south.

    Raises
    ------
    BadInput
        If the scene is smaller than a tile, lacks a channel or has another resolution.
    """
    settings = encoder.settings
    image = _fitting(image_of(scene), encoder)
    size = settings.tile_size
    rows, columns = _starts(image.values.shape[-2:], size, step, edge)
    if dense:
        check_dense(size, step, edge)
    values = settings.normalised(image.values)
    with evaluating(encoder):
        if dense:
            found = _dense(values, encoder, step)[: len(rows), : len(columns)]
        else:
            found = _tile_by_tile(values, encoder, rows, columns, batch_size)
    found[_missing(image.values, rows, columns, size) > most_missing] = np.nan
    dataset = xr.Dataset(
        {"emb": (("scene_id", "y", "x", "emb_dim"), found[None])},
        {
            "scene_id": [name or str(scene.attrs.get("scene_id", ""))],
            "i0": ("x", columns),
            "j0": ("y", rows),
            **_places(scene, image, rows, columns, size),
        },
        {
            **{key: scene.attrs[key] for key in _CARRIED if key in scene.attrs},
            **_record(encoder, dense),
            "step_size": step,
            "tile_N": size,
        },
    )
    if image.resolution is not None:
        dataset.attrs |= {"lx_tile": size * image.resolution, "ly_tile": size * image.resolution}
    dataset["emb"].attrs = {"units": "1", "long_name": "embedding"}
    return dataset


def embed_triplets(tiles: TripletTiles, encoder: Encoder, *, batch_size: int = 32) -> xr.Dataset:
    """Return ``emb`` (tile_id, tile_type, emb_dim) of the triplets of a collection.

    ``tile_id`` is the number of the triplet; ``scene_id`` (tile_id, tile_type) a coordinate. A tile
    without a single value has NaN.
    """
    if tiles.channels != encoder.settings.channels:
        raise BadInput(
            f"the tiles have {', '.join(tiles.channels)}, the encoder takes "
            f"{', '.join(encoder.settings.channels)}: choose an encoder trained on this type"
        )
    parts = []
    with evaluating(encoder):
        for names in _batched(tiles.names, batch_size):
            batch = np.stack([encoder.settings.normalised(tiles.raw(*name)) for name in names])
            empty = [bool(np.isnan(tiles.raw(*name)).all()) for name in names]
            parts.append(_vectors(batch, encoder))
            parts[-1][empty] = np.nan
    shape = (len(tiles), len(TILE_TYPES))
    scenes = np.array([tiles.scene(*name) for name in tiles.names]).reshape(shape)
    emb = np.concatenate(parts).reshape(*shape, -1)
    return xr.Dataset(
        {"emb": (("tile_id", "tile_type", "emb_dim"), emb, {"long_name": "embedding"})},
        {
            "tile_id": [number for number, _ in tiles.rows],
            "tile_type": list(TILE_TYPES),
            "scene_id": (("tile_id", "tile_type"), scenes),
        },
        {**_record(encoder, dense=False), "tile_N": tiles.size},
    )


@contextmanager
def evaluating(encoder: Encoder) -> Iterator[None]:
    """Put an encoder in evaluation mode, without gradients, for a block."""
    before = encoder.training
    encoder.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        encoder.train(before)


def _fitting(image: Image, encoder: Encoder) -> Image:
    """Return the channels that an encoder takes, in its order."""
    settings = encoder.settings
    missing = [name for name in settings.channels if name not in image.channels]
    if missing:
        raise BadInput(
            f"the encoder takes {', '.join(settings.channels)}; {', '.join(missing)} is not among "
            f"{', '.join(image.channels)}: choose an encoder trained on this type"
        )
    if settings.resolution and image.resolution:
        ratio = image.resolution / settings.resolution
        if not 0.99 < ratio < 1.01:
            raise BadInput(
                f"the scene has {image.resolution:g} m a pixel, the encoder was trained on "
                f"{settings.resolution:g} m: regrid the scene with that resolution"
            )
    order = [image.channels.index(name) for name in settings.channels]
    return Image(settings.channels, image.values[order], image.x, image.y)


def check_dense(size: int, step: int, edge: str) -> None:
    """Refuse windows that a scene sent through the network at once does not give."""
    if step % CELL or size % CELL or edge != "drop":
        raise BadInput(
            f"dense needs a step and tiles of multiples of {CELL} pixels and edge 'drop', here "
            f"step {step}, tiles of {size} and edge {edge!r}: or work tile by tile"
        )


def _starts(shape: tuple[int, ...], size: int, step: int, edge: Any) -> tuple[Starts, Starts]:
    """Return the first pixels of windows along rows and columns, from the top left."""
    if step < 1 or size > min(shape):
        raise BadInput(
            f"tiles of {size} pixels every {step} do not fit into {shape[0]} by {shape[1]}: the"
            " step is 1 or more, and the scene at least as large as the tiles that the encoder was"
            " trained on"
        )
    if edge not in ("drop", "cover"):
        raise BadInput(f"edge is {edge!r}: choose 'drop' or 'cover'")
    found = windows(shape, size, step, edge)
    return (
        np.unique([tile.j0 for tile in found]),
        np.unique([tile.i0 for tile in found]),
    )


def _tile_by_tile(
    values: Floats, encoder: Encoder, rows: Starts, columns: Starts, batch_size: int
) -> Floats:
    size, parts = encoder.settings.tile_size, []
    for corners in _batched(((j, i) for j in rows for i in columns), batch_size):
        tiles = np.stack([values[:, j : j + size, i : i + size] for j, i in corners])
        parts.append(_vectors(tiles, encoder))
    return np.concatenate(parts).reshape(len(rows), len(columns), -1)


def _batched(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Yield lists of so many items, the last one shorter."""
    rest = iter(items)
    while batch := list(islice(rest, max(1, size))):
        yield batch


def _vectors(tiles: Floats, encoder: Encoder) -> Floats:
    found: Floats = encoder(torch.from_numpy(tiles).to(encoder.device)).cpu().numpy()
    return found


def _dense(values: Floats, encoder: Encoder, step: int) -> Floats:
    cells = encoder.settings.tile_size // CELL
    features = encoder.trunk(torch.from_numpy(values[None]).to(encoder.device))
    found = encoder.vectors(features, (cells, cells), step // CELL)[0].permute(1, 2, 0)
    return np.array(found.cpu().numpy())


def _missing(values: Floats, rows: Starts, columns: Starts, size: int) -> npt.NDArray[np.float64]:
    """Return the share of missing pixels of each window, by sums over all pixels before."""
    sums = np.zeros((values.shape[1] + 1, values.shape[2] + 1))
    sums[1:, 1:] = np.isnan(values).any(0).cumsum(0).cumsum(1)
    top, bottom = sums[rows], sums[rows + size]
    counts = (
        bottom[:, columns + size] - bottom[:, columns] - top[:, columns + size] + top[:, columns]
    )
    return np.asarray(counts / size**2)


def _places(
    scene: xr.Dataset | xr.DataArray,
    image: Image,
    rows: Starts,
    columns: Starts,
    size: int,
) -> dict[str, Any]:
    """Return true centres of windows: metres, and degrees where the plane is known."""
    if image.x is None or image.y is None:
        return {}
    x = (image.x[columns] + image.x[columns + size - 1]) / 2
    y = (image.y[rows] + image.y[rows + size - 1]) / 2
    found: dict[str, Any] = {"x": ("x", x, {"units": "m"}), "y": ("y", y, {"units": "m"})}
    plane = next((c for c in scene.coords.values() if "crs_wkt" in c.attrs), None)
    if plane is None and isinstance(scene, xr.Dataset):
        plane = next((v for v in scene.data_vars.values() if "crs_wkt" in v.attrs), None)
    if plane is not None:
        from pyproj import Transformer

        way = Transformer.from_crs(plane.attrs["crs_wkt"], "EPSG:4326", always_xy=True)
        lon, lat = way.transform(*np.meshgrid(x, y))
        found["lat"] = (("y", "x"), lat, {"units": "degrees_north"})
        found["lon"] = (("y", "x"), lon, {"units": "degrees_east"})
    return found


def _record(encoder: Encoder, dense: bool) -> dict[str, Any]:
    return {
        "model": encoder.settings.arch,
        "model_sha256": model_sha256(encoder),
        "inference": "dense" if dense else "tile by tile",
    }
