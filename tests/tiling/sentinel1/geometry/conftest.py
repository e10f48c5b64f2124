"""Real annotations, and a real image moved to another part of the Earth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tiling.sentinel1.geometry.imagemodels import image_model
from tiling.sentinel1.geometry.orbits import earth_fixed_points, fit_orbit
from tiling.sentinel1.products.annotations import StateVectors
from tiling.sentinel1.products.safefolders import Image

SPIN = 7.292115e-5  # rad/s, of the Earth
RADIUS = 7.071e6  # m, of the orbit
ANGULAR = np.sqrt(3.986004418e14 / RADIUS**3)  # rad/s, along the orbit


@pytest.fixture(scope="session")
def annotations(full_product, relief_product, older_products):
    """The annotations of five products, by the end of their names; IPF 2.36 to 3.40."""
    folders = {"5371": full_product, "ECC8": relief_product, **older_products}
    return {name: Image(folder, "vv").annotation for name, folder in folders.items()}


@pytest.fixture(scope="session")
def abeam(annotations):
    """`abeam(longitude, latitude)`: an image whose middle lies there.

    Line interval, travel times and polynomials are those of a real product; the orbit is a circle.
    """

    def model(longitude, latitude, heading=190.0, mode="linear"):
        vectors = circle(longitude, latitude, heading)
        return replace(
            image_model(annotations["5371"], mode=mode), orbit=fit_orbit(vectors), correction=None
        )

    return model


def circle(longitude, latitude, heading):
    """Return vectors of a circle to the left of a place, which lies abeam 12.5 s after the start.

    `heading` in degrees from north, of the track at the foot of the satellite.
    """
    place = earth_fixed_points(longitude, latitude, 0.0)
    up = place / np.linalg.norm(place)
    east = np.cross([0.0, 0.0, 1.0], up)
    east /= np.linalg.norm(east)
    north = np.cross(up, east)
    angle = np.radians(heading)
    ahead = north * np.cos(angle) + east * np.sin(angle)
    left = np.cross(up, ahead)
    away = np.radians(4.9)  # seen from the centre of the Earth; an incidence of about 39 degrees
    foot = up * np.cos(away) + left * np.sin(away)
    times = np.arange(-65.0, 90.0, 10.0)
    turned = ANGULAR * (times - 12.5)[:, None]
    still = RADIUS * (foot * np.cos(turned) + ahead * np.sin(turned))
    moving = RADIUS * ANGULAR * (ahead * np.cos(turned) - foot * np.sin(turned))
    moving = moving - np.cross([0.0, 0.0, SPIN], still)
    spun = -SPIN * (times - 12.5)
    cosine, sine, zero = np.cos(spun), np.sin(spun), np.zeros_like(spun)
    turn = np.array([[cosine, -sine, zero], [sine, cosine, zero], [zero, zero, np.ones_like(spun)]])
    positions = np.einsum("abt,tb->ta", turn, still)
    velocities = np.einsum("abt,tb->ta", turn, moving)
    return StateVectors(times, positions, velocities, "circle")
