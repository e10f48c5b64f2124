"""Where the files of a tile lie and what they are called, by the rules of S1Tiling.

Each name and each folder has a format that the configuration may replace: ``fname_fmt.*`` and
``dname_fmt.*`` of its section ``Processing``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tiling.sentinel1.errors import ConfigurationError
from tiling.sentinel1.outputs.acquisitions import Acquisition
from tiling.sentinel1.outputs.formats import filled, filled_name

__all__ = ["CORRECTED", "Names"]

_COMMON = "{flying_unit_code}_{tile_name}_{polarisation}_{orbit_direction}_{orbit}"
_STAMPED = f"{_COMMON}_{{acquisition_stamp}}"

NAMES: Mapping[str, str] = {
    "concatenation": f"{_STAMPED}.tif",
    "s2_lia_corrected": f"{_STAMPED}_NormLim.tif",
    "s2_gamma_area_corrected": f"{_STAMPED}_GammaNaughtRTC.tif",
    "filtered": f"{_STAMPED}_filtered.tif",
    "filtered_calib": f"{_STAMPED}_{{calibration_type}}_filtered.tif",
    "orthorectification": f"{_COMMON}_{{acquisition_time}}_{{calibration_type}}.tif",
    "lia_product": "{LIA_kind}_{flying_unit_code}_{tile_name}_{orbit_direction}_{orbit}.tif",
    "ia_product": "{IA_kind}_{tile_name}_{orbit}.tif",
    "gamma_area_product": "{GAMMA_AREA_kind}_{tile_name}_{orbit}.tif",
    "quicklook": f"{_STAMPED}_quicklook.png",
    "cut_borders": "{rootname}_{calibration_type}_OrthoReady.tiff",
}
"""The format of each name where the configuration has none, by the name of its option."""

FOLDERS: Mapping[str, str] = {
    "tiled": "{out_dir}/{tile_name}",
    "mask": "{out_dir}/{tile_name}",
    "filtered": "{out_dir}/filtered/{tile_name}",
    "lia_product": "{lia_dir}",
    "ia_product": "{ia_dir}",
    "gamma_area_product": "{gamma_area_dir}",
    "quicklook": "{out_dir}/_QL",
}
"""Likewise for folders."""

CORRECTED: Mapping[str, str] = {"normlim": "NormLim", "gamma_naught_rtc": "GammaNaughtRTC"}
"""Calibrations that a map of the terrain corrects, and how names call them."""

_CORRECTED_NAMES = {"normlim": "s2_lia_corrected", "gamma_naught_rtc": "s2_gamma_area_corrected"}


@dataclass(frozen=True)
class Names:
    """Names of all files of a run.

    Attributes
    ----------
    output, tmp, lia, ia, gamma_area, eof
        Folders: of tiles, of what is needed for a while, of maps of the terrain, of orbits.
    calibration
        As the configuration says it: ``sigma``, ``beta``, ``gamma``, ``dn``, ``normlim`` or
        ``gamma_naught_rtc``.
    filter
        Speckle filter, for ``{filter_method}``.
    names, folders
        Formats in place of the usual ones, by the name of the option.
    """

    output: Path
    tmp: Path
    lia: Path
    ia: Path
    gamma_area: Path
    eof: Path = Path("_EOF")
    calibration: str = "sigma"
    filter: str = ""
    names: Mapping[str, str] = field(default_factory=dict, hash=False)
    folders: Mapping[str, str] = field(default_factory=dict, hash=False)

    @classmethod
    def of(cls, cfg: Any) -> Names:
        """Take them from a configuration, whose attributes are called as those of S1Tiling."""
        output = Path(cfg.output_preprocess)

        def folder(attribute: str, usual: str) -> Path:
            return Path(getattr(cfg, attribute, None) or output / usual)

        return cls(
            output=output,
            tmp=Path(cfg.tmpdir),
            lia=folder("lia_directory", "_LIA"),
            ia=folder("ia_directory", "_IA"),
            gamma_area=folder("gamma_area_directory", "_GAMMA_AREA"),
            eof=folder("eof_directory", "_EOF"),
            calibration=cfg.calibration_type,
            filter=getattr(cfg, "filter", "") or "",
            names=dict(cfg.fname_fmt),
            folders=dict(getattr(cfg, "dname_fmt", None) or {}),
        )

    @property
    def corrected(self) -> bool:
        """Whether a map of the terrain corrects the tiles."""
        return self.calibration in CORRECTED

    def tile(self, tile: str, acquired: Acquisition) -> Path:
        """Return the path of a finished tile."""
        option = _CORRECTED_NAMES.get(self.calibration, "concatenation")
        return self._folder("tiled", tile) / self._name(option, self._fields(tile, acquired))

    def single(self, tile: str, acquired: Acquisition, calibration: str | None = None) -> Path:
        """Return the path of one image on a tile, before it is merged with another."""
        if len(acquired.starts) != 1:
            raise ValueError(f"{len(acquired.starts)} images, where one lies on the tile")
        fields = self._fields(tile, acquired)
        if calibration:
            fields["calibration_type"] = calibration
        return self._s2(tile) / self._name("orthorectification", fields)

    def mask(self, tile: str, acquired: Acquisition) -> Path:
        """Return the path of the border mask of a tile."""
        return self._mask(tile, acquired, "BorderMask")

    def hidden(self, tile: str, acquired: Acquisition) -> Path:
        """Return the path of the mask of layover and shadow of a tile."""
        return self._mask(tile, acquired, "LayoverShadowMask")

    def _mask(self, tile: str, acquired: Acquisition, kind: str) -> Path:
        image = self.tile(tile, acquired)
        below = image.relative_to(self._folder("tiled", tile))
        return self._folder("mask", tile) / below.with_name(f"{image.stem}_{kind}.tif")

    def filtered(self, tile: str, acquired: Acquisition) -> Path:
        """Return the path of a tile without speckle."""
        option = "filtered"
        if self.corrected and ("filtered_calib" in self.names or "filtered" not in self.names):
            option = "filtered_calib"
        return self._folder("filtered", tile) / self._name(option, self._fields(tile, acquired))

    def incidence(self, tile: str, acquired: Acquisition, kind: str = "sin_LIA") -> Path:
        """Return the path of a map of incidence.

        Parameters
        ----------
        kind
            ``LIA`` or ``sin_LIA`` on the terrain; ``IA``, ``cos_IA``, ``sin_IA`` or ``tan_IA`` on
            the ellipsoid.
        """
        option, name = (
            ("lia_product", "LIA_kind") if kind.endswith("LIA") else ("ia_product", "IA_kind")
        )
        fields = {**self._fields(tile, acquired), name: kind}
        return self._folder(option, tile) / self._name(option, fields)

    def area(self, tile: str, acquired: Acquisition) -> Path:
        """Return the path of the map of illuminated area by which gamma nought is corrected."""
        fields = {**self._fields(tile, acquired), "GAMMA_AREA_kind": "GAMMA_AREA"}
        option = "gamma_area_product"
        if option not in self.names and "gamma_area" in self.names:  # another spelling of 1.2
            option = "gamma_area"
        return self._folder("gamma_area_product", tile) / self._name(option, fields)

    def quicklook(self, tile: str, acquired: Acquisition) -> Path:
        """Return the path of the small picture of a tile."""
        return self._folder("quicklook", tile) / self._name(
            "quicklook", self._fields(tile, acquired)
        )

    def image(self, measurement: str | Path, calibration: str) -> Path:
        """Return the path of a calibrated image of a product, in its own geometry."""
        root = Path(measurement).stem
        bare = root.replace("-vv-", "-").replace("-vh-", "-").replace("-hh-", "-")
        bare = bare.replace("-hv-", "-")
        suffix = Path(measurement).suffix
        fields = {
            "rootname": root,
            "basename": root + suffix,
            "polarless_rootname": bare,
            "polarless_basename": bare + suffix,
            "calibration_type": calibration,
        }
        return self.tmp / "S1" / self._name("cut_borders", fields)

    def standing(self, tile: str, acquired: Acquisition) -> Path | None:
        """Return the finished tile that makes this one needless; None if there is none.

        That of one image is needless where it has been merged with another of the same pass.
        """
        merged = Acquisition(
            acquired.platform, acquired.polarisation, acquired.direction, acquired.orbit,
            acquired.relative_orbit, acquired.products[:1] * 2, acquired.starts[:1] * 2,
        )  # fmt: skip
        for path in (self.tile(tile, acquired), self.tile(tile, merged)):
            if path.exists():
                return path
        return None

    @property
    def _calibration(self) -> str:
        return CORRECTED.get(self.calibration, self.calibration)

    def _s2(self, tile: str) -> Path:
        return self.tmp / "S2" / tile

    def _name(self, option: str, fields: Mapping[str, Any]) -> Path:
        template = self.names[option] if option in self.names else NAMES[option]
        return Path(filled_name(template, fields, f"Processing.fname_fmt.{option}"))

    def _folder(self, option: str, tile: str) -> Path:
        template = self.folders.get(option, FOLDERS[option])
        where = f"Processing.dname_fmt.{option}"
        fields = {
            "tile_name": tile,
            "out_dir": self.output,
            "tmp_dir": self.tmp,
            "lia_dir": self.lia,
            "ia_dir": self.ia,
            "gamma_area_dir": self.gamma_area,
            "eof_dir": self.eof,
        }
        text = filled(template, fields, where)
        if not text:
            raise ConfigurationError(f"{where} is empty: give a folder, such as {FOLDERS[option]}")
        return Path(text)

    def _fields(self, tile: str, acquired: Acquisition) -> dict[str, Any]:
        return {
            "flying_unit_code": acquired.platform.lower(),
            "flying_unit_code_short": acquired.platform.upper().removeprefix("S"),
            "tile_name": tile,
            "polarisation": acquired.polarisation,
            "orbit_direction": acquired.direction,
            "orbit": f"{acquired.relative_orbit:03d}",
            "absolute_orbit": f"{acquired.orbit:06d}",
            "acquisition_day": f"{acquired.day}txxxxxx",
            "acquisition_stamp": acquired.stamp,
            "acquisition_start": acquired.first,
            "acquisition_time": acquired.first,
            "calibration_type": self._calibration,
            "filter_method": self.filter,
        }
