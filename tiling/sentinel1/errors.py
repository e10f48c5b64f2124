"""What goes wrong, by the names that S1Tiling gives it, each with the exit code of the commands.

Errors cross processes: arguments are kept as they were given, so that each can be pickled.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, ClassVar

from workbench.errors import WorkbenchError

__all__ = [
    "BadOrbitFile",
    "ConfigurationError",
    "CorruptedDataSAFEError",
    "DownloadEOFFileError",
    "DownloadS1FileError",
    "Error",
    "ExitCode",
    "InvalidOTBVersionError",
    "MissingApplication",
    "MissingDEMError",
    "MissingGeoidError",
    "NoS1ImageError",
    "NoS2TileError",
    "NotCompatibleInput",
    "WrongHeightsError",
]


class ExitCode(IntEnum):
    """What the commands return."""

    OK = 0
    TASK_FAILED = 66
    DOWNLOAD_ERROR = 67
    OFFLINE_DATA = 68
    OUTPUT_DISK_FULL = 69
    TMP_DISK_FULL = 70
    CORRUPTED_DATA_SAFE = 71
    CONFIG_ERROR = 72
    NO_S2_TILE = 73
    NO_S1_IMAGE = 74
    MISSING_DEM = 75
    MISSING_GEOID = 76
    MISSING_APP = 77
    UNKNOWN_REASON = 78


class Error(WorkbenchError):
    """Base of what the processing of Sentinel-1 raises."""

    exit_code: ClassVar[int] = ExitCode.UNKNOWN_REASON


class ConfigurationError(Error, ValueError):
    """An option of the configuration that is missing, unknown or cannot be used.

    Attributes
    ----------
    configFile
        The file; empty for a configuration that was made in memory.
    """

    exit_code = ExitCode.CONFIG_ERROR

    def __init__(self, message: str, configFile: Any = "") -> None:  # noqa: N803
        super().__init__(message, configFile)
        self.message, self.configFile = message, configFile

    def __str__(self) -> str:
        return f"{self.configFile}: {self.message}" if self.configFile else self.message


class CorruptedDataSAFEError(Error):
    """A product of which something is missing or cannot be read.

    Attributes
    ----------
    product
        The product, or the file in it.
    details
        What is wrong.
    """

    exit_code = ExitCode.CORRUPTED_DATA_SAFE

    def __init__(self, product: Any, details: str) -> None:
        super().__init__(product, details)
        self.product, self.details = product, details

    def __str__(self) -> str:
        return f"{self.product}: {self.details}"


class DownloadS1FileError(Error):
    """Products of a tile could not be downloaded.

    Attributes
    ----------
    tile_name
        The Sentinel-2 tile.
    """

    exit_code = ExitCode.DOWNLOAD_ERROR

    def __init__(self, tile_name: str) -> None:
        super().__init__(tile_name)
        self.tile_name = tile_name

    def __str__(self) -> str:
        return f"Sentinel-1 products of tile {self.tile_name} could not be downloaded"


class DownloadEOFFileError(Error):
    """A file of precise orbits could not be had."""

    exit_code = ExitCode.DOWNLOAD_ERROR


class BadOrbitFile(Error):
    """A file of orbits that cannot be read, or does not span the acquisition."""

    exit_code = ExitCode.CORRUPTED_DATA_SAFE


class NoS2TileError(Error):
    """None of the tiles asked for is a tile of the Sentinel-2 grid."""

    exit_code = ExitCode.NO_S2_TILE

    def __str__(self) -> str:
        return super().__str__() or "none of the tiles asked for is on the Sentinel-2 grid"


class NoS1ImageError(Error):
    """No tile is left that any product covers."""

    exit_code = ExitCode.NO_S1_IMAGE

    def __str__(self) -> str:
        return super().__str__() or "no tile is covered by any Sentinel-1 product"


class MissingDEMError(Error):
    """A cell of the elevation model has land and no file."""

    exit_code = ExitCode.MISSING_DEM

    def __str__(self) -> str:
        return super().__str__() or "files of the elevation model are missing"


class MissingGeoidError(Error):
    """The geoid is not where the configuration says.

    Attributes
    ----------
    geoid_file
        The path.
    """

    exit_code = ExitCode.MISSING_GEOID

    def __init__(self, geoid_file: Any) -> None:
        super().__init__(geoid_file)
        self.geoid_file = geoid_file

    def __str__(self) -> str:
        return f"{self.geoid_file}: no such geoid file; see Paths.geoid_file"


class WrongHeightsError(Error):
    """Heights that are not above the geoid that is given, or above nothing that is known."""

    exit_code = ExitCode.CONFIG_ERROR


class MissingApplication(Error):
    """Kept for programs that catch it; nothing outside Python is called here."""

    exit_code = ExitCode.MISSING_APP


class InvalidOTBVersionError(Error):
    """Kept for programs that catch it; nothing outside Python is called here."""

    exit_code = ExitCode.CONFIG_ERROR


class NotCompatibleInput(Error):
    """Kept for programs that catch it; nothing outside Python is called here."""

    exit_code = ExitCode.UNKNOWN_REASON
