"""What lies on a tile after one pass: the images of one platform, day and orbit, in time order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tiling.sentinel1.products.manifests import Manifest
from workbench.errors import BadInput

__all__ = ["Acquisition", "acquisition"]


@dataclass(frozen=True)
class Acquisition:
    """One polarisation of the images that are put together on a tile.

    Attributes
    ----------
    platform
        Such as ``S1A``.
    polarisation
        Such as ``vv``.
    direction
        ``ASC`` or ``DES``.
    orbit
        Absolute number, of the first image.
    relative_orbit
        1 to 175.
    products
        Names without ``.SAFE``, in time order.
    starts
        When each image starts, UTC, whole seconds, in time order.
    """

    platform: str
    polarisation: str
    direction: str
    orbit: int
    relative_orbit: int
    products: tuple[str, ...]
    starts: tuple[np.datetime64, ...]

    @property
    def day(self) -> str:
        """The day of the first image, such as ``20211223``."""
        return _basic(self.starts[0])[:8]

    @property
    def first(self) -> str:
        """When the first image starts, such as ``20211223t051122``."""
        return _basic(self.starts[0])

    @property
    def stamp(self) -> str:
        """The time that names what is made of it: without the clock where images are merged."""
        return self.first if len(self.starts) == 1 else f"{self.day}txxxxxx"

    def alone(self, number: int) -> Acquisition:
        """Return the acquisition of one of its images; `number` counts from 0."""
        return Acquisition(
            self.platform, self.polarisation, self.direction, self.orbit, self.relative_orbit,
            (self.products[number],), (self.starts[number],),
        )  # fmt: skip


def acquisition(manifests: Iterable[Manifest], polarisation: str) -> Acquisition:
    """Return what images of one pass are together.

    Parameters
    ----------
    manifests
        Of the products, in any order.
    polarisation
        Such as ``vv``; each product must have it.

    Raises
    ------
    BadInput
        If there is none, they are not of one platform, relative orbit and day, or one lacks the
        polarisation.
    """
    ordered = sorted(manifests, key=lambda each: (each.start, each.folder.name))
    passes = {
        (each.platform, each.relative_orbit, each.direction, str(each.start)[:10])
        for each in ordered
    }
    if len(passes) != 1:
        raise BadInput(
            f"{', '.join(each.folder.name for each in ordered) or 'no product'}: products of one "
            "platform, relative orbit and day are needed"
        )
    polarisation = polarisation.lower()
    for each in ordered:
        if polarisation not in each.polarisations:
            raise BadInput(f"{each.folder.name} has no {polarisation}")
    first = ordered[0]
    return Acquisition(
        first.platform,
        polarisation,
        first.direction,
        first.orbit,
        first.relative_orbit,
        tuple(each.folder.name.removesuffix(".SAFE") for each in ordered),
        tuple(each.start.astype("datetime64[s]") for each in ordered),
    )


def _basic(time: np.datetime64) -> str:
    text = str(np.datetime_as_string(time, unit="s"))
    return text.replace("-", "").replace(":", "").replace("T", "t")
