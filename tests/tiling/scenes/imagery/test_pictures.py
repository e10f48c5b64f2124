"""Pictures: fixed limits, inverted cold clouds, gaps, north up."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from PIL import Image as Pillow

from tiling.scenes.errors import SceneError
from tiling.scenes.imagery.pictures import (
    fixed_limits,
    is_inverted,
    picture,
    stretched,
    write_picture,
)
from tiling.scenes.meta.model import Image


def scene(rising: bool = True, **images: Any) -> xr.Dataset:
    first = np.asarray(next(iter(images.values())))
    y = np.arange(first.shape[-2]) * (1.0 if rising else -1.0)
    return xr.Dataset(
        {
            name: (("channel", "y", "x")[-np.ndim(values) :], np.asarray(values, np.float32))
            for name, values in images.items()
        },
        {"y": y, "x": np.arange(first.shape[-1])},
    )


def test_cold_clouds_are_white_and_north_is_up() -> None:
    values = [[180.0, 320.0, 250.0], [100.0, 400.0, np.nan]]  # the second row is the northern
    found = picture(scene(bt_13=values))
    assert found is not None
    np.testing.assert_array_equal(found[..., 0], [[255, 0, 0], [255, 0, 128]])
    np.testing.assert_array_equal(found[..., 1], [[255, 255, 0], [255, 255, 255]])
    native = picture(scene(rising=False, bt_13=values))
    np.testing.assert_array_equal(native, found[::-1])


def test_the_same_value_has_the_same_grey_in_every_tile() -> None:
    one = picture(scene(bt_13=np.linspace(200, 300, 12).reshape(3, 4)))
    other = picture(scene(bt_13=np.full((3, 4), 200.0)))
    assert one is not None
    assert other is not None
    assert one[-1, 0, 0] == other[0, 0, 0]


def test_per_image_is_the_old_rule() -> None:
    values = np.array([[1.0, 2.0], [3.0, 5.0]])
    found = picture(scene(rising=False, lwp=values), Image(limits="per_image"))
    assert found is not None
    want = 255 * (1 - (values - 1) / 4)
    assert np.abs(found[..., 0] - want).max() <= 0.5
    flat = picture(scene(lwp=np.full((2, 2), 7.0)), Image(limits="per_image"))
    assert flat is not None
    assert (flat[..., 0] == 0).all()
    empty = picture(scene(lwp=np.full((2, 2), np.nan)), Image(limits="per_image"))
    assert empty is not None
    assert (empty == 0).all()


def test_given_limits_and_those_of_all_scenes() -> None:
    shallow = picture(scene(bt_13=[[270.0, 300.0]]), Image(limits=((270.0, 300.0),)))
    assert shallow is not None
    assert shallow[0, :, 0].tolist() == [255, 0]
    found = picture(scene(lwp=[[0.0, 2.0]]), limits={"lwp": (0.0, 4.0)})
    assert found is not None
    assert found[0, :, 0].tolist() == [0, 128]
    with pytest.raises(SceneError, match="E040: lwp has no fixed limits"):
        picture(scene(lwp=[[0.0, 2.0]]))
    with pytest.raises(SceneError, match="1 pairs for 3 channels"):
        picture(scene(truecolor_rgb=np.ones((3, 2, 2))), Image(limits=((0.0, 1.0),)))


def test_true_colour_is_stretched_by_its_logarithm() -> None:
    assert stretched(np.array([0.0223, 0.001, 1.4])).tolist()[:2] == [0.0, 0.0]
    low = np.log10(0.0223)
    white = 10 ** (low + 0.75 * (1 - low))
    assert stretched(np.array([0.99 * white, white, 5.0])).round(2).tolist() == [1.0, 1.0, 1.0]
    assert stretched(np.array([0.9 * white]))[0] < 0.98
    want = (np.log10(0.2) - low) / (0.75 * (1 - low))
    assert stretched(np.array([0.2]))[0] == pytest.approx(want)
    values = np.full((3, 2, 2), 0.2)
    values[1, 0, 0] = np.nan
    found = picture(scene(truecolor_rgb=values))
    assert found is not None
    assert found.shape == (2, 2, 4)
    assert found[0, 0].tolist() == [round(want * 255)] * 3 + [255]
    assert found[1, 0].tolist() == [0, 0, 0, 0]


def test_a_picture_needs_little_memory_beside_itself() -> None:
    values = np.random.default_rng(0).random((3, 500, 1000), dtype=np.float32)
    values[1, 70, 3] = np.nan
    images = scene(truecolor_rgb=values)
    tracemalloc.start()
    try:
        found = picture(images)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found is not None
    assert peak < 2 * found.nbytes  # of numbers of 8 bytes it would be six times as much
    whole = np.moveaxis(stretched(values), 0, -1)[::-1]
    missing = np.isnan(whole).any(axis=-1)
    assert (found[..., 3] == np.where(missing, 0, 255)).all()
    assert (
        found[..., :3] == (np.where(missing[..., None], 0, whole) * 255 + 0.5).astype("u1")
    ).all()


def test_three_channels_are_colours_in_their_order_and_others_no_picture() -> None:
    images = {"bt_13": [[180.0]], "refl_2": [[0.5]], "refl_1": [[0.0]]}
    found = picture(scene(**images))
    assert found is not None
    assert found[0, 0].tolist() == [255, 128, 0, 255]
    assert picture(scene(bt_13=[[180.0]], bt_14=[[180.0]])) is None
    assert picture(scene(**images, bt_9=[[200.0]])) is None
    apart = xr.Dataset(
        {f"refl_{n}": ((f"y_{n}", f"x_{n}"), np.ones((n + 1, n + 1))) for n in (1, 2, 3)},
        {f"y_{n}": np.arange(n + 1.0) for n in (1, 2, 3)},
    )
    assert picture(apart) is None


def test_a_function_of_the_user() -> None:
    def shown(da_bt_13: xr.DataArray, da_bt_14: xr.DataArray) -> xr.DataArray:
        return (da_bt_13 - da_bt_14) / 10

    found = picture(scene(bt_13=[[5.0, np.nan]], bt_14=[[0.0, 0.0]]), function=shown)
    assert found is not None
    assert found[0].tolist() == [[128, 255], [0, 0]]
    for wrong, words in [
        (lambda da_bt_13: da_bt_13.values[0], r"\(2,\)"),
        (lambda da_bt_13: da_bt_13.values + 9, "beyond 0 to 1"),
        (lambda da_bt_13: np.array([["a", "b"]]), "wanted numbers"),
        (lambda da_bt_13: np.zeros((1, 2, 5)), r"\(1, 2, 5\)"),
    ]:
        with pytest.raises(SceneError, match=words):
            picture(scene(bt_13=[[5.0, 1.0]]), function=wrong)


def test_limits_of_kinds() -> None:
    assert fixed_limits("bt_8") == (180.0, 320.0)
    assert fixed_limits("refl_6") == (0.0, 1.0)
    assert fixed_limits("lwp") is None
    assert fixed_limits("rad_17") is None
    # Planck with the constants of band 8 in real files (fk1, fk2, bc1, bc2)
    fk1, fk2, bc1, bc2 = 50687.1, 2331.58, 1.55228, 0.99667
    found = fixed_limits("rad_8")
    assert found is not None
    for kelvin, radiance in zip((180.0, 320.0), found, strict=True):
        assert radiance == pytest.approx(fk1 / (np.exp(fk2 / (bc1 + bc2 * kelvin)) - 1), rel=0.1)
    low, high = fixed_limits("rad_1")  # type: ignore[misc]
    assert (low, round(high)) == (0.0, 642)
    assert [is_inverted(n) for n in ("bt_9", "rad_7", "rad_6", "refl_2", "ACHA")] == [
        True, True, False, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize("channels", [2, 4])
def test_pictures_are_written_and_read_back(tmp_path: Path, channels: int) -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (5, 7, channels), np.uint8)
    path = write_picture(tmp_path / "a.png", pixels[::-1])
    with Pillow.open(path) as found:
        np.testing.assert_array_equal(np.asarray(found), pixels[::-1])
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
