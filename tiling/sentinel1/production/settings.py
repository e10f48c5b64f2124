"""What a run takes from its configuration, in plain values that travel to workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

__all__ = ["CORRECTED", "FilterSettings", "Settings"]

CORRECTED = ("normlim", "gamma_naught_rtc")
"""Calibrations of beta nought that a map of the terrain corrects."""

_FINE = 8  # nodes of a lattice are so many times further apart than those of S1Tiling
_BETWEEN = (80.0, 640.0)  # metres between nodes: with more, errors pass a hundredth of a pixel

_BYTES = 120  # of memory that a pixel of a block takes on its way
_ROWS = (512, 2048)  # of a block
_SMALL = 1000  # MB of a worker
_SHARE = 0.5  # of the memory of a worker that blocks may take


@dataclass(frozen=True)
class FilterSettings:
    """How speckle is filtered.

    Attributes
    ----------
    name
        ``lee``, ``kuan``, ``gammamap`` or ``frost``.
    radius
        Of the window, pixels.
    looks, deramp
        Of all but Frost, and of Frost.
    nodata, guard
        As `tiling.sentinel1.speckle.filters` has them.
    """

    name: Literal["lee", "kuan", "gammamap", "frost"]
    radius: int
    looks: float | None = None
    deramp: float | None = None
    nodata: Literal["exclude", "otb"] = "exclude"
    guard: Literal["absolute", "relative"] = "absolute"


@dataclass(frozen=True)
class Settings:
    """What pixels depend on, and how files are stored.

    Attributes
    ----------
    calibration
        As the configuration says it.
    remove_noise, lower
        Whether thermal noise is taken away, and what stands where nothing is left.
    resolution
        Metres.
    step
        Pixels between the nodes of lattices.
    method
        ``nearest`` or ``bilinear``.
    srgr, grid_correction, exact
        Of the section Workbench.
    cut
        Whether margins are cut at top and bottom; None looks at the image.
    orbit_files, orbit_folder
        ``auto``, ``require`` or ``never``, and where they are.
    filter
        None for none.
    least_area, factor
        Of gamma nought by areas.
    creation_options, nodata, cog
        How files are stored, as the configuration has it.
    further
        Tags.
    dem_info
        What the elevation model is, for the tags.
    rows, side
        Of strips, and of square blocks; no pixel depends on them.
    threads
        Of a worker.
    """

    calibration: str
    remove_noise: bool = True
    lower: float = 1e-7
    resolution: float = 10.0
    step: int = 32
    method: Literal["nearest", "bilinear"] = "nearest"
    srgr: Literal["linear", "nearest"] = "linear"
    grid_correction: bool = True
    exact: bool = False
    cut: bool | None = None
    orbit_files: str = "auto"
    orbit_folder: Path | None = None
    filter: FilterSettings | None = None
    least_area: float = 1.0
    factor: float = 1.0
    creation_options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    nodata: Mapping[str, Any] = field(default_factory=dict, hash=False)
    cog: bool = False
    further: Mapping[str, str] = field(default_factory=dict, hash=False)
    dem_info: str = ""
    quicklook_ratio: int = 5
    quicklook_scales: Mapping[str, float] = field(default_factory=dict, hash=False)
    rows: int = 1024
    side: int = 1024
    threads: int = 1

    @classmethod
    def of(cls, cfg: Any) -> Settings:
        """Take them from a configuration, whose attributes are called as those of S1Tiling."""
        resolution = float(cfg.out_spatial_res)
        return cls(
            calibration=cfg.calibration_type,
            remove_noise=bool(cfg.removethermalnoise),
            lower=float(cfg.lower_signal_value),
            resolution=resolution,
            step=_lattice_step(float(cfg.grid_spacing), resolution),
            method="bilinear" if cfg.interpolation_method == "linear" else "nearest",
            srgr=_option(cfg, "srgr", "linear"),
            grid_correction=bool(_option(cfg, "grid_correction", True)),
            exact=bool(_option(cfg, "exact", False)),
            cut=cfg.override_azimuth_cut_threshold_to,
            orbit_files=_option(cfg, "orbit_files", "auto"),
            orbit_folder=_option(cfg, "eof_directory", None),
            filter=_filter(cfg),
            least_area=float(_option(cfg, "min_gamma_area", 1.0)),
            factor=float(_option(cfg, "calibration_factor", 1.0)),
            creation_options=dict(_option(cfg, "creation_options", None) or {}),
            nodata=dict(_option(cfg, "nodatas", None) or {}),
            cog=bool(_option(cfg, "cog", False)),
            further=dict(_option(cfg, "extra_metadata", None) or {}),
            dem_info=_option(cfg, "dem_info", None) or "",
            quicklook_ratio=int(_option(cfg, "quicklook_ratio", 5)),
            quicklook_scales=dict(_option(cfg, "quicklook_scales", None) or {}),
            rows=_rows(float(cfg.ram_per_process), resolution),
            side=1024 if float(cfg.ram_per_process) >= _SMALL else 512,
            threads=int(cfg.OTBThreads),
        )

    @property
    def corrected(self) -> bool:
        """Whether a map of the terrain corrects the tiles."""
        return self.calibration in CORRECTED

    @property
    def quantity(self) -> str:
        """What images are calibrated to before that."""
        return "beta" if self.corrected else self.calibration

    @property
    def geometry(self) -> dict[str, Any]:
        """What places depend on, for a manifest."""
        return {
            "resolution": self.resolution,
            "step": self.step,
            "srgr": self.srgr,
            "grid_correction": self.grid_correction,
            "exact": self.exact,
            "orbit_files": self.orbit_files,
        }

    @property
    def radiometry(self) -> dict[str, Any]:
        """What the values of a tile depend on, for a manifest."""
        return {
            "calibration": self.calibration,
            "remove_noise": self.remove_noise,
            "lower": self.lower,
            "method": self.method,
            "cut": self.cut,
            **({"least_area": self.least_area} if self.calibration == CORRECTED[1] else {}),
            **({"factor": self.factor} if self.calibration == CORRECTED[1] else {}),
        }

    def storage(self, kind: str, nodata: str = "SAR") -> dict[str, Any]:
        """Return how a kind of file is stored, for a manifest."""
        return {
            "creation_options": self.creation_options.get(kind),
            "nodata": self.nodata.get(nodata),
            "cog": self.cog,
        }


def _option(cfg: Any, name: str, default: Any) -> Any:
    """Return an option that configurations need not have; those made by hand have few."""
    return getattr(cfg, name, default)


def _lattice_step(spacing: float, resolution: float) -> int:
    """Return the pixels between the nodes of a lattice; 40 m at 10 m are the usual 32."""
    metres = min(max(_FINE * spacing, _BETWEEN[0]), _BETWEEN[1])
    return max(round(metres / resolution), 1)


def _rows(megabytes: float, resolution: float) -> int:
    """Return the rows of a block that a worker's memory has room for, in whole tiles of a file."""
    across = 109_800 / resolution
    room = _SHARE * megabytes * 1e6 / (_BYTES * across)
    return int(min(max(room // _ROWS[0] * _ROWS[0], _ROWS[0]), _ROWS[1]))


def _filter(cfg: Any) -> FilterSettings | None:
    name: Any = (_option(cfg, "filter", "") or "none").lower()
    if name == "none":
        return None
    said = dict(_option(cfg, "filter_options", None) or {})
    return FilterSettings(
        name,
        int(said["rad"]),
        None if name == "frost" else float(said["nblooks"]),
        float(said["deramp"]) if name == "frost" else None,
        _option(cfg, "filter_nodata", "exclude"),
        "relative" if _option(cfg, "filter_relative_guard", False) else "absolute",
    )
