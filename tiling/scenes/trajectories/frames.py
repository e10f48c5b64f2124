"""Pictures of scenes with the paths of clouds on them, and what moves when they follow each other.

They are drawn on the pixels of the scene, three times as fine, so that lines are smooth.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from workbench.errors import BadInput
from workbench.files import atomic_path

if TYPE_CHECKING:
    import xarray as xr
    from PIL.Image import Image

__all__ = ["frame", "write_frames", "write_gif"]

PAST, FUTURE, HERE = (213, 94, 0), (0, 158, 115), (255, 255, 255)
FINE = 3


def frame(
    picture: npt.NDArray[np.uint8],
    tracks: xr.Dataset,
    scene: str,
    *,
    minutes: float = 120.0,
    side: int = 512,
) -> Image:
    """Return the picture of a scene with where clouds came from (orange) and where they go (green).

    Parameters
    ----------
    picture
        (rows, columns) or (rows, columns, 3 or 4), north at the top, on the grid of the paths.
    tracks
        As `follow` returns them.
    scene
        Its ID.
    minutes
        Before and after the scene.
    side
        A smaller picture is enlarged by a whole number until its longer side has so many pixels.
    """
    from PIL import Image, ImageDraw

    if scene not in tracks.scene_id:
        raise BadInput(f"{scene} is not among the {tracks.sizes['scene_id']} scenes of the paths")
    image = Image.fromarray(picture).convert("RGB")
    enlarged = max(-(-side // max(image.size)), 1)
    scale = enlarged * FINE
    image = image.resize((image.width * scale, image.height * scale), Image.Resampling.BILINEAR)
    draw = ImageDraw.Draw(image)
    here = int(np.flatnonzero(tracks.scene_id.values == scene)[0])
    away = (tracks.time.values - tracks.time.values[here]) / np.timedelta64(1, "m")
    near = np.abs(away) <= minutes
    points = (np.stack([tracks.i.values, tracks.j.values], axis=-1) + 0.5) * scale
    sure = np.isfinite(points[..., 0])
    for number in np.flatnonzero(sure[here]):
        known = near & sure[:, number]
        for chosen, colour in ((away <= 0, PAST), (away >= 0, FUTURE)):
            line = points[known & chosen, number]
            if len(line) > 1:
                draw.line([tuple(each) for each in line], fill=colour, width=2 * FINE)
        x, y = points[here, number]
        radius = 1.6 * FINE
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=HERE)
    return image.resize((image.width // FINE, image.height // FINE), Image.Resampling.BOX)


def write_frames(
    folder: str | os.PathLike[str],
    tracks: xr.Dataset,
    picture: Callable[[str], npt.NDArray[np.uint8]],
    *,
    scenes: Iterable[str] | None = None,
    minutes: float = 120.0,
    side: int = 512,
    overwrite: bool = False,
) -> list[Path]:
    """Write a PNG a scene, named after it, and return their paths.

    Parameters
    ----------
    picture
        Returns the picture of a scene; see `frame`.
    scenes
        Of the paths; all of them if not given.
    """
    paths = []
    for scene in tracks.scene_id.values.tolist() if scenes is None else scenes:
        path = Path(folder) / f"{scene}.png"
        drawn = frame(picture(scene), tracks, scene, minutes=minutes, side=side)
        with atomic_path(path, overwrite=overwrite, check=_whole) as part:
            drawn.save(part, format="PNG")
        paths.append(path)
    return paths


def write_gif(
    path: str | os.PathLike[str],
    frames: Sequence[str | os.PathLike[str]],
    *,
    milliseconds: int = 150,
    overwrite: bool = False,
) -> Path:
    """Write frames as a GIF that begins again at its end."""
    from PIL import Image

    if not frames:
        raise BadInput(f"{path}: there are no frames to show one after the other")

    def reduced(each: str | os.PathLike[str]) -> Image.Image:
        with Image.open(each) as image:
            return image.convert("P", palette=Image.Palette.ADAPTIVE, colors=255)

    first, *others = (reduced(each) for each in frames)
    with atomic_path(path, overwrite=overwrite, check=_whole) as part:
        first.save(
            part, format="GIF", save_all=True, append_images=others, duration=milliseconds, loop=0
        )
    return Path(path)


def _whole(path: Path) -> None:
    from PIL import Image

    with Image.open(path) as image:
        image.seek(getattr(image, "n_frames", 1) - 1)
        image.load()
