"""Ground that moves in known ways, without noise: the printed decimal is the only error."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import egms_io
from egms_io.formats.l2 import write_burst
from egms_io.formats.names import BurstName
from egms_io.method.seriesmodels import STATISTICS, fit, years_since_first
from egms_io.simulation import GNSS, Ground, Track, observe

BOUNDS = (4_540_000.0, 2_050_000.0, 4_541_200.0, 2_051_200.0)
TENTH = 0.05  # mm: the largest error of a value with one decimal


class Simple(Ground):
    """One motion everywhere, linear, quadratic and seasonal, with other numbers east and up."""

    def motion(self, easting, northing, days):
        t = ((days - np.datetime64("2020-01-01")) / np.timedelta64(365, "D"))[:, None]
        t = t + 0 * easting
        east = 3 * t + 1.5 * t**2 + 2 * np.cos(2 * np.pi * t)
        up = -6 * t - 1.0 * t**2 + 4 * np.sin(2 * np.pi * t)
        return east, up


def observed(folder, ground, firsts, step, count):
    looks = [(22, 845, 191.42, (36.5, 38.2)), (117, 227, -8.94, (38.1, 39.8))]
    paths = []
    for (track, burst, angle, incidence), first in zip(looks, firsts, strict=True):
        name = BurstName(track, burst, 2, "VV", "L2b", 2020, 2023, 1)
        look = Track(name, angle, incidence, np.datetime64(first) + step * np.arange(count))
        batches = observe(ground, look, 300, seed=2, noise_mm=0)
        paths.append(write_burst(folder, name, look.dates, batches, look.metadata))
    return paths


@pytest.fixture(scope="module")
def simple(tmp_path_factory):
    """Both passes on the output dates, so that the kernel's bias is the same for both."""
    folder = tmp_path_factory.mktemp("truth")
    ground = Simple(BOUNDS)
    paths = observed(folder, ground, ("2020-01-03", "2020-01-03"), 6, 183)  # three years
    product = egms_io.ortho(paths, aoi=BOUNDS, end="2022-12-30")
    days = product.method.days
    east, up = ground.motion(np.array([BOUNDS[0]]), np.array([BOUNDS[1]]), days)
    return SimpleNamespace(product=product, truth={"E": east, "U": up}, days=days)


def amplification(product):
    """Bound |error of east|, |error of up| for an error of one in every line-of-sight value.

    From (e, u) = A⁻¹ z the sums of absolute values in the rows of A⁻¹, largest over the cells. The
    incidence of the two bursts lies between 36.5 and 39.8 degrees.
    """
    theta = np.radians([36.5, 39.8])
    rows = []
    for one in theta:
        for other in theta:
            matrix = np.array([[np.sin(one), np.cos(one)], [-np.sin(other), np.cos(other)]])
            rows.append(np.abs(np.linalg.inv(matrix)).sum(axis=1))
    return np.max(rows, axis=0)


def error_bounds(simple):
    """Bound the error of each displacement, east and up, in mm.

    A printed value is off by at most `TENTH`; a whole burst may be off by a constant beside that
    (removed by the fit). The kernel mixes 0.5 % of the neighbours in, which for these motions is
    less than 0.005 times the second difference. Lines of sight are printed to 0.0005: times the
    largest displacement, and once more for the simulation's own use of the rounded values (0).
    """
    gain = amplification(simple.product)
    second = max(np.abs(np.diff(truth, 2, axis=0)).max() for truth in simple.truth.values())
    ends = 0.005 * max(np.abs(np.diff(truth, axis=0)).max() for truth in simple.truth.values())
    return gain * (TENTH + 0.005 * second * 1.5 + ends * 1.5)


def test_series_are_recovered(simple):
    t = years_since_first(simple.days)
    for bound, (name, truth), frame in zip(
        error_bounds(simple),
        simple.truth.items(),
        (simple.product.east, simple.product.up),
        strict=True,
    ):
        series = frame[list(simple.product.method.dates)].to_numpy()
        referred, _ = fit(truth, t)
        # The constant that refers the series is a linear function of the errors too.
        constant = np.abs(np.linalg.pinv(_basis(t))[5]).sum()
        assert np.abs(series - referred.T).max() < bound * (1 + constant), name
        assert len(frame) > 20


def _basis(t):
    angle = 2 * np.pi * t
    return np.column_stack([t, t**2, t**3, np.cos(angle) - 1, np.sin(angle), np.ones_like(t)])


@pytest.mark.parametrize("component", ["E", "U"])
def test_statistics_are_recovered_within_derived_bounds(simple, component):
    """A coefficient errs by at most Σ|row of the pseudo-inverse| times the largest error."""
    t = years_since_first(simple.days)
    frame = simple.product.east if component == "E" else simple.product.up
    bound = error_bounds(simple)["EU".index(component)]
    _, truth = fit(simple.truth[component], t)
    angle = 2 * np.pi * t
    ones, cos, sin = np.ones_like(t), np.cos(angle), np.sin(angle)
    linear = np.abs(np.linalg.pinv(np.column_stack([t, cos, sin, ones]))).sum(axis=1)
    square = np.abs(np.linalg.pinv(np.column_stack([t, t**2, cos, sin, ones]))).sum(axis=1)
    cubic = np.abs(np.linalg.pinv(np.column_stack([t, t**2, t**3, cos, sin, ones]))).sum(axis=1)
    limits = {
        "mean_velocity": bound * linear[0],
        "acceleration": 2 * bound * square[1],
        "seasonality": bound * np.hypot(cubic[3], cubic[4]),
        "rmse_ts": bound,
    }
    for name, limit in limits.items():
        assert np.abs(frame[name] - truth[name][0]).max() < limit, name
    assert limits["mean_velocity"] < 1  # mm / yr: the bounds mean something
    assert limits["seasonality"] < 1
    assert set(limits) < set(STATISTICS)


def test_velocity_and_acceleration_are_the_numbers_put_in(simple):
    """Acceleration is 2 × 1.5 and 2 × -1.0; velocity is the slope of the parabola's chord."""
    years = years_since_first(simple.days)[-1]
    start = 2 / 365  # the first output date, in years since the motion began
    for frame, (slope, square) in (
        (simple.product.east, (3.0, 1.5)),
        (simple.product.up, (-6.0, -1.0)),
    ):
        assert frame["acceleration"].median() == pytest.approx(2 * square, abs=0.05)
        chord = slope + square * (years + 2 * start)
        assert frame["mean_velocity"].median() == pytest.approx(chord, abs=0.15)
    assert simple.product.east["seasonality"].median() == pytest.approx(2, abs=0.05)
    assert simple.product.up["seasonality"].median() == pytest.approx(4, abs=0.05)


def test_gnss_velocity_is_the_frame_s(simple):
    """The input has one decimal, so a cell errs by at most 0.05 times the gain of the solve."""
    gain = amplification(simple.product)
    for field, truth, limit in zip(("gnss_velocity_e", "gnss_velocity_u"), GNSS, gain, strict=True):
        assert np.abs(simple.product.east[field] - truth).max() < 0.0501 * limit + 0.002


def test_places_that_move_are_found(tmp_path):
    """The shipped ground: bowl sinking, aquifer swinging, slope accelerating, fault stepping."""
    ground = Ground(BOUNDS)
    paths = observed(tmp_path, ground, ("2020-01-03", "2020-01-06"), 6, 183)
    product = egms_io.ortho(paths, aoi=BOUNDS)
    t = years_since_first(product.method.days)
    for row, frame in enumerate((product.east, product.up)):
        x, y = (frame[name].to_numpy(float) for name in ("easting", "northing"))
        truth = ground.motion(x, y, product.method.days)[row]
        _, statistics = fit(truth, t)
        for name in ("mean_velocity", "seasonality", "acceleration"):
            # Points lie up to 70 m from the centre, and three days off: nine in ten are close.
            error = np.abs(frame[name] - statistics[name])
            span = np.ptp(statistics[name])
            assert np.quantile(error, 0.9) < 0.25 * span, name
            assert np.corrcoef(frame[name], statistics[name])[0, 1] > 0.9, name
