"""`efast.fuse` on random scenes against a slow program in float64, from clouds to quality layers.

The program below follows the definition step by step (Senty et al. 2024, Remote Sensing 16, 1833,
with the choices that `efast.fuse` documents) and shares no line with the package: loops over cells
and pixels, exact fractions where a limit is met.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pytest
import xarray as xr

import efast

RATIO, HALO = 4, 3
SHAPE, CELLS = (18, 22), (5, 6)  # no whole number of cells
BANDS, PARTNERS = ["B04", "B8A"], ["Oa08", "Oa17"]


class Options(NamedTuple):
    tolerance: float = 0.05
    saturation: float = 2.0
    far: float = 3.0  # saturation of the coarse series
    sigma: float = 20.0
    max_days: float = 100.0
    importance: float = 0.0
    step: int = 2
    window: float = 100.0
    sigma_coarse: float = 10.0
    smoothing: float = 1.0
    preserve: bool = False
    extrapolate: str = "nearest"


CASES = [
    Options(),
    Options(tolerance=0.25, sigma=6, extrapolate="linear", step=3, smoothing=0.5),
    Options(max_days=13, importance=0.7, window=12, sigma_coarse=4, extrapolate="none"),
    Options(tolerance=1, saturation=0.4, preserve=True, window=9, far=0.5, step=5),
    Options(smoothing=0, window=10, far=1.5, sigma=3),
]


def scene(seed):
    """DN with gaps in single bands, what is hidden, observations with gaps; all on their days."""
    rng = np.random.default_rng(seed)
    days = np.array([3, 9, 14, 14, 22, 31])
    seen_at = np.sort(np.concatenate([rng.choice(np.arange(1, 34), 14, replace=False), [12]]))
    dn = rng.integers(300, 6000, (len(days), 2, *SHAPE)).astype(np.uint16)
    dn[rng.random(dn.shape) < 0.02] = 0
    hidden = np.zeros((len(days), *SHAPE), bool)
    for image in hidden[1:]:
        top, left = rng.integers(0, 16, 2)
        image[top : top + rng.integers(1, 9), left : left + rng.integers(1, 9)] = True
    hidden[4] = True  # all cloud
    cells = tuple(size + 2 * HALO for size in CELLS)
    coarse = rng.uniform(0.03, 0.6, (len(seen_at), 2, *cells))
    for observation in coarse:
        top, left = rng.integers(0, 10, 2)
        observation[:, top : top + 4, left : left + 4] = np.nan
    coarse[:, 1][rng.random(coarse[:, 1].shape) < 0.05] = np.nan
    coarse[:, :, 5, 6] = np.nan  # a cell that is never seen
    coarse[0] = np.nan
    return dn, hidden, days, coarse.astype(np.float32), seen_at


def labelled(made, dn, hidden, days, coarse, seen_at):
    image = made.labelled(dn, days, BANDS, made.grid(shape=SHAPE)).assign_attrs(scale_factor=1e-4)
    weight = image[:, 0].drop_vars("band").copy(data=(~hidden).astype(np.uint8))
    size = 10 * RATIO * HALO
    box = made.grid(
        RATIO, tuple(RATIO * (side + 2 * HALO) for side in CELLS),
        (500_000 - size, 1_600_000 + size),
    )  # fmt: skip
    return (
        xr.Dataset({"reflectance": image, "weight": weight}),
        made.labelled(coarse, seen_at, PARTNERS, box),
    )


def far_from(bad):
    """Distance of each cell from the nearest bad one, infinite without one."""
    places = np.argwhere(bad)
    found = np.full(bad.shape, np.inf)
    for at in np.ndindex(bad.shape):
        if len(places):
            found[at] = np.sqrt(((places - at) ** 2).sum(axis=1).min())
    return found


def score_of(distance, saturation):
    return np.clip((distance - 1) / saturation, 0, 1)


def fine_scores(hidden, options):
    found = np.zeros((len(hidden), *CELLS))
    for image, mask in enumerate(hidden):
        cloudy = np.zeros(CELLS, bool)
        for y, x in np.ndindex(CELLS):
            part = mask[y * RATIO : (y + 1) * RATIO, x * RATIO : (x + 1) * RATIO]
            bad = np.count_nonzero(part)  # of what lies beyond the image nothing is known
            limit = Fraction(str(options.tolerance))
            cloudy[y, x] = Fraction(int(bad), RATIO**2) >= limit
        found[image] = score_of(far_from(cloudy), options.saturation)
    return found


def composites_of(coarse, seen_at, options):
    scores = [
        score_of(far_from(np.isnan(one).any(axis=0)), options.far) for one in coarse.astype(float)
    ]
    axis = range(seen_at.min(), seen_at.max() + 1, options.step)
    found = np.full((len(axis), *coarse.shape[1:]), np.nan)
    for at, day in enumerate(axis):
        for b, y, x in np.ndindex(coarse.shape[1:]):
            total = summed = 0.0
            for one, score, when in zip(coarse.astype(float), scores, seen_at, strict=True):
                if np.isfinite(one[b, y, x]) and abs(when - day) <= options.window / 2:
                    weight = score[y, x] * np.exp(
                        -((when - day) ** 2) / 2 / options.sigma_coarse**2
                    )
                    total, summed = total + weight, summed + weight * one[b, y, x]
            if total > 0:
                found[at, b, y, x] = summed / total
    if options.smoothing:
        found = np.array([[smoothed(plane, options) for plane in planes] for planes in found])
    return found, np.array(axis)


def smoothed(plane, options):
    reach = int(np.ceil(2 * options.smoothing))
    found = np.full(plane.shape, np.nan)
    rows, columns = plane.shape
    for y, x in np.ndindex(plane.shape):
        total = summed = 0.0
        for down in range(-reach, reach + 1):
            for along in range(-reach, reach + 1):
                value = plane[min(max(y + down, 0), rows - 1), min(max(x + along, 0), columns - 1)]
                weight = np.exp(-(down**2 + along**2) / 2 / options.smoothing**2)
                if np.isfinite(value):
                    total, summed = total + weight, summed + weight * value
        if total and not (options.preserve and np.isnan(plane[y, x])):
            found[y, x] = summed / total
    return found


def at_day(series, axis, day, extrapolate):
    """Value of one pixel's series at a day, and whether it is from beyond its values."""
    days, values = axis[np.isfinite(series)], series[np.isfinite(series)]
    if len(days) < 4:
        return np.nan, False
    beyond = day < days[0] or day > days[-1]
    if not beyond:
        return np.interp(day, days, values), False
    if extrapolate == "none":
        return np.nan, False
    ends = [0, 1] if day < days[0] else [-1, -2]
    if extrapolate == "nearest":
        return values[ends[0]], True
    slope = (values[ends[0]] - values[ends[1]]) / (days[ends[0]] - days[ends[1]])
    return values[ends[0]] + slope * (day - days[ends[0]]), True


def planes_at(composites, axis, days, extrapolate):
    shape = (len(days), *composites.shape[1:])
    values, beyond = np.full(shape, np.nan), np.zeros(shape, bool)
    for t, b, y, x in np.ndindex(shape):
        values[t, b, y, x], beyond[t, b, y, x] = at_day(
            composites[:, b, y, x], axis, days[t], extrapolate
        )
    return values, beyond


def cell_weights(scores, days, targets, options):
    found = np.zeros((len(targets), *scores.shape))
    for t, target in enumerate(targets):
        near = np.abs(days - target) < options.max_days
        in_time = np.where(near, np.exp(-((days - target) ** 2) / 2 / options.sigma**2), 0)
        parts = in_time[:, None, None] * scores
        total = parts.sum(axis=0)
        shares = np.divide(parts, total, out=np.zeros_like(parts), where=total > 0)
        for i in np.flatnonzero(near):
            if not options.importance or shares[i].mean() > options.importance / near.sum():
                found[t, i] = shares[i]
    return found


def up(plane, y, x):
    """Bilinear between the centres of cells, clamped; of cells without a value the others'."""
    places = [
        min(max((at + 0.5) / RATIO - 0.5, 0), size - 1)
        for at, size in zip((y, x), plane.shape, strict=True)
    ]
    value = weight = 0.0
    for row in {int(np.floor(places[0])), int(np.ceil(places[0]))}:
        for column in {int(np.floor(places[1])), int(np.ceil(places[1]))}:
            share = (1 - abs(places[0] - row)) * (1 - abs(places[1] - column))
            if share > 0 and np.isfinite(plane[row, column]):
                value, weight = value + share * plane[row, column], weight + share
    return value / weight if weight else np.nan


def slowly(dn, hidden, days, coarse, seen_at, targets, options):
    """Return reflectance and the layers of quality."""
    inner = (..., slice(HALO, HALO + CELLS[0]), slice(HALO, HALO + CELLS[1]))
    composites, axis = composites_of(coarse, seen_at, options)
    composites = composites[inner]
    scores = fine_scores(hidden, options)
    then, _ = planes_at(composites, axis, days, options.extrapolate)
    now, beyond = planes_at(composites, axis, targets, options.extrapolate)
    weights = cell_weights(scores, days, targets, options)
    values = np.full((len(targets), 2, *SHAPE), np.nan)
    layers = {name: np.full((len(targets), *SHAPE), np.nan) for name in ("age", "nearest")}
    layers |= {name: np.zeros((len(targets), *SHAPE)) for name in ("weight", "images", "flag")}
    for y, x in np.ndindex(SHAPE):
        before = np.array([[up(plane, y, x) for plane in planes] for planes in then])
        seen = np.where(
            (dn[:, :, y, x] > 0) & ~hidden[:, None, y, x], dn[:, :, y, x] * 1e-4, np.nan
        )
        change = seen - before
        for t, target in enumerate(targets):
            w = np.array([up(plane, y, x) for plane in weights[t]])
            for b in range(2):
                used = np.isfinite(change[:, b]) & (w > 0)
                if used.any():
                    mean = (w[used] * change[used, b]).sum() / w[used].sum()
                    values[t, b, y, x] = up(now[t, b], y, x) + mean
            whole = np.isfinite(change).all(axis=1) & (w > 0)
            apart = np.abs(days - target)[whole]
            layers["weight"][t, y, x] = w[whole].sum()
            layers["images"][t, y, x] = whole.sum()
            if whole.any():
                layers["age"][t, y, x] = (w[whole] * apart).sum() / w[whole].sum()
                layers["nearest"][t, y, x] = apart.min()
            layers["flag"][t, y, x] = beyond[t, :, y // RATIO, x // RATIO].any()
    return values, layers


@pytest.mark.parametrize(("seed", "options"), enumerate(CASES))
def test_it_is_the_definition(made, seed, options, monkeypatch):
    given = scene(seed)
    targets = np.array([0, 8, 14, 26, 39])
    fine, series = labelled(made, *given)
    how = {
        "cloud_tolerance": options.tolerance, "saturation": options.saturation,
        "sigma": options.sigma, "max_days": options.max_days,
        "minimum_importance": options.importance, "extrapolate": options.extrapolate,
        "composites": {
            "step": options.step, "mosaic_days": options.window, "sigma": options.sigma_coarse,
            "saturation": options.far, "smoothing": options.smoothing,
            "preserve_nan": options.preserve,
        },
    }  # fmt: skip
    begin = np.datetime64("2023-06-01")
    found = efast.fuse(fine, series, begin + targets, **how)
    values, layers = slowly(*given, targets, options)
    np.testing.assert_array_equal(np.isnan(found["reflectance"]), np.isnan(values))
    np.testing.assert_allclose(found["reflectance"], values, atol=3e-6)
    assert np.isfinite(values).mean() > 0.2
    for name, layer in layers.items():
        np.testing.assert_allclose(found[name], layer, atol=1e-4, err_msg=name)
    monkeypatch.setattr("efast.cells.cellblocks.BLOCK", 8)
    lazy = efast.fuse(fine.chunk({"y": 5, "x": 7}), series, begin + targets, **how)
    assert lazy["reflectance"].data.numblocks[2:] == (3, 3)
    xr.testing.assert_identical(lazy.compute(), found)
