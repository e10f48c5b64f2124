"""Paths of clouds by optical flow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.faces import lazy_face

if TYPE_CHECKING:
    from tiling.scenes.trajectories.flow import Flow
    from tiling.scenes.trajectories.frames import frame, write_frames, write_gif
    from tiling.scenes.trajectories.tracks import follow, series, write_tracks
else:
    __getattr__, __dir__ = lazy_face(__name__)

__all__ = ["Flow", "follow", "frame", "series", "write_frames", "write_gif", "write_tracks"]
