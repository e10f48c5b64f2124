"""The geoid of a configuration that names none: EGM96, where this machine has it."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["default_geoid"]

NAMES = ("us_nga_egm96_15.tif", "egm96_15.gtx", "egm96.gtx")
"""What PROJ and S1Tiling call the grid of 15 minutes."""


def default_geoid() -> Path:
    """Return the grid in the folders of PROJ, else a name in the present folder.

    S1Tiling brings the grid along; here it is looked for, and nothing is downloaded. Whether the
    file is there is for the run to say.
    """
    from pyproj import datadir

    own = datadir.get_user_data_dir()  # type: ignore[attr-defined]
    folders = [*datadir.get_data_dir().split(os.pathsep), own]
    found = (
        Path(folder, name)
        for folder in filter(None, folders)
        for name in NAMES
        if Path(folder, name).is_file()
    )
    return next(found, Path(NAMES[-1]))
