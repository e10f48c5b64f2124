"""What a run asks for: days, platforms, polarisations, orbits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from tiling.sentinel1.errors import ConfigurationError
from tiling.sentinel1.products.manifests import Manifest
from tiling.sentinel1.products.names import ProductName

__all__ = ["Filters"]

ALL = ("hh", "hv", "vh", "vv")


@dataclass(frozen=True)
class Filters:
    """What products must be like; what is empty or None is not asked.

    Attributes
    ----------
    first, last
        Days, both included.
    platforms
        Such as ``S1A``.
    asked
        Polarisations, such as ``("vv", "vh")``; a product with one of them will do.
    direction
        ``ASC`` or ``DES``.
    relative_orbits
        Numbers.
    """

    first: np.datetime64 | None = None
    last: np.datetime64 | None = None
    platforms: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    direction: str | None = None
    relative_orbits: tuple[int, ...] = ()

    @classmethod
    def of(cls, cfg: Any) -> Filters:
        """Take them from a configuration, whose attributes are called as those of S1Tiling."""
        polarisation = cfg.polarisation
        if not isinstance(polarisation, str):
            polarisation = " ".join(polarisation)
        asked = tuple(dict.fromkeys(re.findall(r"[hv]{2}", polarisation.lower())))
        if not asked:
            raise ConfigurationError(
                f"DataSource.polarisation is {cfg.polarisation!r}: give VV, VH, HH, HV, VV-VH or "
                "HH-HV"
            )
        return cls(
            first=_day(cfg.first_date),
            last=_day(cfg.last_date),
            platforms=tuple(each.upper() for each in cfg.platform_list or ()),
            asked=asked,
            direction=cfg.orbit_direction or None,
            relative_orbits=tuple(int(each) for each in cfg.relative_orbit_list or ()),
        )

    @property
    def polarisations(self) -> tuple[str, ...]:
        """Those that are asked for; all where none is said."""
        return self.asked or ALL

    def against_name(self, name: ProductName) -> str | None:
        """Return what speaks against a product by its name; None if nothing does."""
        day = name.start.astype("datetime64[D]")
        checks = {
            "not of interferometric wide swath in ground range": (
                name.mode == "IW" and name.kind == "GRD"
            ),
            f"not of {', '.join(self.platforms)}": (
                not self.platforms or name.platform in self.platforms
            ),
            f"before {self.first}": self.first is None or day >= self.first,
            f"after {self.last}": self.last is None or day <= self.last,
            f"without {' or '.join(self.asked)}": (
                bool(set(self.polarisations) & set(name.polarisations))
            ),
        }
        return next((reason for reason, passed in checks.items() if not passed), None)

    def against_manifest(self, manifest: Manifest) -> str | None:
        """Return what speaks against a product by its manifest; None if nothing does."""
        if self.direction and manifest.direction != self.direction:
            return f"its orbit is {manifest.direction}, not {self.direction}"
        if self.relative_orbits and manifest.relative_orbit not in self.relative_orbits:
            return f"its relative orbit is {manifest.relative_orbit}, not one of those asked for"
        return None


def _day(value: Any) -> np.datetime64 | None:
    if value is None or value == "":
        return None
    return np.datetime64(str(value)[:10], "D")
