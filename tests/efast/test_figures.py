"""Figures show what they say: labels, dates, one mark per observation, errors of the truth."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from PIL import Image

import efast
from efast import figures

mpl.use("Agg")

TARGETS = ["2023-06-03", "2023-06-12", "2023-06-30"]


@pytest.fixture(scope="module")
def scene(cubes):
    """Fine images, the coarse series, both fused with steps between."""
    fine, coarse = cubes
    result = efast.fuse(fine, coarse, TARGETS, keep=figures.STEPS)
    return fine, coarse.to_dataset(name="reflectance"), result


@pytest.fixture(autouse=True)
def closed():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def titles(axes):
    return [axis.get_title() for axis in axes]


def shown(axis):
    return np.ma.filled(axis.images[0].get_array().astype(float), np.nan)


def lines(axis):
    return {line.get_label(): line for line in axis.lines}


def test_inputs_have_a_bar_for_every_time(scene):
    fine, coarse, _ = scene
    figure = figures.inputs(fine, coarse, 4, note="simulated")
    assert len(figure.axes) == 4 + 2
    share = float(fine["weight"][0].mean())
    assert f"{share:.0%} clear" in titles(figure.axes)[0]
    for axis, cube in zip(figure.axes[-2:], (fine, coarse), strict=True):
        assert len(axis.patches) == cube.sizes["time"]
    seen = np.isfinite(coarse["reflectance"].values).all(1)[:, :6, :8].mean((1, 2))  # centres in
    heights = [bar.get_height() for bar in figure.axes[-1].patches]
    np.testing.assert_allclose(heights, 100 * seen)
    assert "(simulated)" in figure.get_suptitle()


def test_masks_and_scores_are_those_of_the_steps(scene):
    fine, _, steps = scene
    date = fine["time"].values[2]
    figure = figures.masks_and_scores(fine, steps, [date])
    step = steps.sel(time_s2=date)
    np.testing.assert_array_equal(shown(figure.axes[2]), step["s2_cloud_mask_coarse"])
    np.testing.assert_array_equal(shown(figure.axes[3]), step["s2_distance_to_cloud"])
    np.testing.assert_array_equal(shown(figure.axes[4]), step["s2_distance_score"])
    assert figure.axes[0].get_ylabel() == str(date)[:10]
    labels = [axis.get_xlabel() for axis in figure.axes[5:]]
    assert labels == ["cells", "what the image counts"]


def test_an_image_without_a_cloud_says_so(scene):
    fine, coarse, _ = scene
    clear = fine.assign(weight=fine["weight"].copy(data=np.ones_like(fine["weight"])))
    clear = clear.isel(y=slice(0, 60), x=slice(0, 80))  # whole cells
    steps = efast.fuse(clear, coarse, TARGETS[:1], keep=figures.STEPS)
    figure = figures.masks_and_scores(clear, steps, [clear["time"].values[1]])
    assert [text.get_text() for text in figure.axes[3].texts] == ["no cloud"]
    assert np.isnan(shown(figure.axes[3])).all()


def test_composites_beside_observations(scene):
    _, coarse, steps = scene
    figure = figures.composites(steps, TARGETS[:2], (3, 4), "B04")
    assert titles(figure.axes)[1] == "composite 2023-06-03"
    series = figure.axes[-1]
    np.testing.assert_array_equal(
        lines(series)["composites"].get_ydata(),
        steps["s3_composite_data_bands_smoothed"].sel(band="B04")[:, 3, 4],
    )
    dots = series.collections[0].get_offsets()[:, 1]
    np.testing.assert_array_equal(
        np.ma.filled(dots, np.nan), coarse["reflectance"].sel(band="Oa08")[:, 3, 4]
    )
    assert series.get_ylabel() == "reflectance in B04"


def test_a_strip_has_a_column_for_each_date(scene):
    fine, _, result = scene
    figure = figures.fusion_strip(fine, result, result, TARGETS)
    found = titles(figure.axes)
    near = fine.sel(time=TARGETS[1], method="nearest")
    assert found[1] == f"{str(near['time'].values)[:10]}, {float(near['weight'].mean()):.0%} clear"
    assert found[6:] == TARGETS
    labels = [axis.get_ylabel() for axis in figure.axes[::3]]
    assert labels == ["Sentinel-2", "Sentinel-3", "fused"]


def test_ndvi_of_pixels(scene):
    fine, _, result = scene
    truth = result[["reflectance"]].isel(time=[1])
    figure = figures.ndvi_series(fine, result, result, [(14, 20), (40, 70)], truth)
    drawn = lines(figure.axes[0])
    red, nir = result["reflectance"].values[:, :, 14, 20].T
    np.testing.assert_allclose(drawn["fused"].get_ydata(), (nir - red) / (nir + red), rtol=1e-5)
    seen = np.isfinite(drawn["Sentinel-2, clear"].get_ydata()).sum()
    usable = (fine["weight"] > 0) & (fine["reflectance"] > 0).all("band")
    assert seen == usable.values[:, 14, 20].sum()
    assert len(drawn["truth"].get_xdata()) == 1
    red, nir = result["s3_composite_data_bands_smoothed"].values[:, :, 1, 2].T
    np.testing.assert_allclose(
        drawn["Sentinel-3, its cell"].get_ydata(), (nir - red) / (nir + red), rtol=1e-5
    )


def test_quality_of_a_date(scene):
    *_, result = scene
    figure = figures.quality_maps(result, TARGETS[1])
    for axis, name in zip(
        figure.axes, ("weight", "images", "age", "nearest", "flag"), strict=False
    ):
        assert axis.get_title() == name
        np.testing.assert_array_equal(shown(axis), result[name][1])
    assert TARGETS[1] in figure.get_suptitle()


def test_errors_beside_the_truth(scene):
    *_, result = scene
    truth = result[["reflectance"]].fillna(0.2)
    nir = xr.DataArray([0.0, 0.05], dims="band")
    other = truth + nir
    figure = figures.comparison(truth, {"EFAST": truth, "other": other})
    ndvi = [
        (one["reflectance"][:, 1] - one["reflectance"][:, 0]) / one["reflectance"].sum("band")
        for one in (truth, other)
    ]
    expected = abs(ndvi[1] - ndvi[0]).mean(("y", "x"))
    (axis,) = (axis for axis in figure.axes if axis.get_ylabel() == "mean abs. error [NDVI]")
    bars = [bar.get_height() for bar in axis.patches]
    np.testing.assert_allclose(bars, [0, 0, 0, *expected], rtol=1e-5)


def test_hidden_dates_as_in_the_report(cubes):
    fine, coarse = cubes
    found = efast.hidden_date_errors(fine, coarse, least_clear=0.5, dates=2, saturation=3)
    figure = figures.hidden_dates(found, note="simulated")
    assert "2 dates, pixels common to all, simulated" in figure.get_suptitle()
    drawn = lines(figure.axes[0])["EFAST"].get_ydata()
    np.testing.assert_array_equal(drawn, found.errors[0]["EFAST"].common_rmse[:2])
    assert titles(figure.axes)[-1] == "NDVI"


def test_an_animation_has_both_sensors_and_a_frame_for_each_date(scene, tmp_path):
    *_, result = scene
    path = figures.animation(result, result, tmp_path / "a.gif", size=42)
    with Image.open(path) as film:
        assert film.n_frames == len(TARGETS)
        assert film.size == (2 * 42 + 6, 33)


def test_steps_of_a_run_are_opened_under_their_names(cubes, tmp_path):
    fine, coarse = cubes
    days = ("2023-06-01", "2023-06-20")
    efast.run(
        fine, coarse, tmp_path, period=days, interval=9, bands={"B04": "Oa08", "B8A": "Oa17"},
        cell=100, formats="zarr", keep=figures.STEPS,
    )  # fmt: skip
    steps = efast.open_steps(tmp_path)
    assert set(steps) == set(figures.STEPS)
    assert list(steps["band"].values) == ["B04", "B8A"]
    within = (fine["time"] < np.datetime64(days[1])).sum()
    assert steps.sizes["time_s2"] == within
    with pytest.raises(efast.BadInput, match=r"holds no steps between: run with keep="):
        efast.open_steps(tmp_path / "images")


def test_downloaded_images_are_shown_by_date_with_curves_of_pixels(scene):
    fused = scene[2]["reflectance"]
    figure = figures.fused_images(fused, TARGETS[:2], [(1, 2), (10, 20)], note="simulated")
    assert titles(figure.axes)[:2] == TARGETS[:2]
    maps, curves = figure.axes[2:4], figure.axes[4 if len(figure.axes) == 5 else -1]
    red, near = (fused.sel(band=band) for band in ("B04", "B8A"))
    ndvi = ((near - red) / (near + red)).values
    for at, axis in enumerate(maps):
        np.testing.assert_allclose(shown(axis), ndvi[at], rtol=1e-4, atol=1e-6)
    drawn = lines(curves)
    np.testing.assert_allclose(drawn["row 10, column 20"].get_ydata(), ndvi[:, 10, 20], rtol=1e-4)
    mean = np.nanmean(ndvi, axis=(1, 2))
    np.testing.assert_allclose(drawn["mean of the area"].get_ydata(), mean, rtol=1e-4)
    assert "(simulated)" in figure.get_suptitle()


def test_cells_stand_on_one_scale_with_their_errors():
    truth = np.arange(12.0).reshape(3, 4) / 20
    near, mean = truth + 0.1, truth - 0.02
    near[0, 0] = np.nan
    figure = figures.cells({"nearest": near, "binned": mean}, "reflectance [1]", truth)
    assert titles(figure.axes)[:3] == ["nearest\nRMSE 0.1000", "binned\nRMSE 0.0200", "truth"]
    assert {axis.images[0].get_clim() for axis in figure.axes[:3]} == {(-0.02, 0.65)}
    assert np.isnan(shown(figure.axes[0])[0, 0])
    assert figure.axes[3].get_ylabel() == "reflectance [1]"
    plain = figures.cells({"nearest": near}, "reflectance [1]")
    assert titles(plain.axes)[0] == "nearest"


def test_cells_without_any_value_are_no_error():
    nothing = np.full((2, 2), np.nan)
    figure = figures.cells({"nearest": nothing}, "reflectance [1]", nothing)
    assert titles(figure.axes)[0] == "nearest\nno common cell"
    figure.canvas.draw()
