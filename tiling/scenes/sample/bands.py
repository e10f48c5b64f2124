"""Four bands of the imager as their files have them: packing, sunlight, Planck's constants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["BANDS", "Band"]


@dataclass(frozen=True)
class Band:
    """A band: what its counts mean."""

    number: int
    wavelength: float
    """Micrometres."""
    sharpness: int
    """Pixels along a side of one of 2 km."""
    bits: int
    scale: float
    offset: float
    noise: float
    """Standard deviation, in units of the radiance."""
    sunlight: float | None = None
    """``esun``, W m-2 um-1."""
    planck: tuple[float, float, float, float] | None = None
    """fk1, fk2, bc1, bc2."""
    tenths: int = 0
    """Of a second that its scan starts after that of band 1."""

    @property
    def fill(self) -> int:
        """Count of a pixel without a value."""
        return int(2**self.bits - 1)

    def kappa(self, distance: float) -> float:
        """Return the factor from radiance to reflectance, at a distance from the sun in AU."""
        if self.sunlight is None:
            raise ValueError(f"band {self.number} sees no sunlight")
        return float(np.pi * distance**2 / self.sunlight)

    def emitted(self, temperature: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the radiance of a black body, mW m-2 sr-1 (cm-1)-1, from its temperature in K."""
        if self.planck is None:
            raise ValueError(f"band {self.number} sees no heat")
        fk1, fk2, bc1, bc2 = self.planck
        return np.asarray(fk1 / (np.exp(fk2 / (bc1 + bc2 * temperature)) - 1))

    def counts(self, radiance: npt.NDArray[Any]) -> npt.NDArray[np.int16]:
        """Return counts; those that the bits do not hold are the largest or smallest.

        A radiance that is NaN has the count `fill`.
        """
        counts = np.clip(np.rint((radiance - self.offset) / self.scale), 0, self.fill - 1)
        return np.where(np.isnan(counts), self.fill, counts).astype(np.int16)


BANDS = {
    1: Band(1, 0.47, 2, 10, 0.8121064, -25.936647, 0.4, sunlight=2017.1648),
    2: Band(2, 0.64, 4, 12, 0.15859237, -20.289911, 0.16, sunlight=1631.3351, tenths=1),
    3: Band(3, 0.865, 2, 10, 0.37691253, -12.037643, 0.2, sunlight=957.0699, tenths=1),
    13: Band(
        13, 10.33, 1, 12, 0.04572892, -1.6443, 0.06,
        planck=(10803.3, 1392.74, 0.07550, 0.99975), tenths=3,
    ),
}  # fmt: skip
