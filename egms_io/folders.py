"""Folders that a run writes to, made before work is spent on what could not be stored."""

from __future__ import annotations

import os
from pathlib import Path

from egms_io.errors import BadArgument


def make_folder(folder: Path) -> None:
    """Make a folder with those above it, and check that files can be made there.

    Raises
    ------
    BadArgument
        Naming what is in the way.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        there = next((path for path in (folder, *folder.parents) if path.exists()), folder)
        if not there.is_dir():
            raise BadArgument(f"{there}: is a file, not a folder; choose another output") from error
        words = error.strerror or error
        raise BadArgument(f"{folder}: cannot be made: {words}; choose another output") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BadArgument(f"{folder}: cannot be written to; choose another output")
