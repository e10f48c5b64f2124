"""A simulated orbit: a circle that the Earth turns under, laid so that it looks at a place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.geometry.orbits import earth_fixed_points

__all__ = ["SimulatedOrbit", "orbit_abeam"]

Floats = npt.NDArray[np.float64]

RADIUS = 7_071_000.0  # m
INCLINATION = np.radians(98.18)
TURNING = 2 * np.pi / (12 * 86_400 / 175)  # of the platform, rad/s: 175 orbits in 12 days
EARTH = 7.292_115e-5  # of the Earth, rad/s


@dataclass(frozen=True)
class SimulatedOrbit:
    """Where the platform is, exactly.

    Attributes
    ----------
    argument
        Angle from the equator along the orbit at time 0, radians.
    node
        Longitude of the ascending node at time 0, radians.
    """

    argument: float
    node: float

    def at(self, times: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Return positions and velocities, (n, 3), Earth-fixed, metres and metres per second."""
        times = np.atleast_1d(np.asarray(times, np.float64))
        u, node = self.argument + TURNING * times, self.node - EARTH * times
        cosine, sine = np.cos(INCLINATION), np.sin(INCLINATION)

        def turned(along: Floats, across: Floats, up: Floats) -> Floats:
            """Return a vector of the orbit's plane, whose node is turned to its longitude."""
            return np.stack(
                [
                    along * np.cos(node) - across * np.sin(node),
                    along * np.sin(node) + across * np.cos(node),
                    up,
                ],
                axis=1,
            )

        flat = np.cos(u), np.sin(u) * cosine, np.sin(u) * sine
        moving = -np.sin(u), np.cos(u) * cosine, np.cos(u) * sine
        positions = RADIUS * turned(*flat)
        velocities = RADIUS * TURNING * turned(*moving)
        velocities[:, 0] += EARTH * positions[:, 1]
        velocities[:, 1] -= EARTH * positions[:, 0]
        return positions, velocities


def orbit_abeam(longitude: float, latitude: float, distance: float) -> SimulatedOrbit:
    """Lay a descending orbit so that a place is abeam, to the right, at time 0.

    Parameters
    ----------
    longitude, latitude
        Of the place, degrees, at height 0, 70 degrees or less from the equator.
    distance
        Slant range, metres.
    """
    from scipy.optimize import root

    place = earth_fixed_points(longitude, latitude, 0.0)

    def missed(unknown: Floats) -> Floats:
        position, velocity = SimulatedOrbit(*unknown).at(0.0)
        away = position[0] - place
        speed = np.linalg.norm(velocity[0])
        return np.array([away @ velocity[0] / speed, np.linalg.norm(away) - distance])

    # A descending orbit passes east of what it sees on its right.
    argument = np.pi - np.arcsin(np.sin(np.radians(latitude)) / np.sin(INCLINATION))
    east = np.radians(longitude) + 0.1 / np.cos(np.radians(latitude))
    node = east - np.arctan2(np.sin(argument) * np.cos(INCLINATION), np.cos(argument))
    found = root(missed, [argument, node], tol=1e-14)
    if np.abs(missed(found.x)).max() > 1e-3:
        raise ArithmeticError(f"no orbit has ({longitude}, {latitude}) abeam at {distance:g} m")
    return SimulatedOrbit(float(found.x[0]), float(found.x[1]))
