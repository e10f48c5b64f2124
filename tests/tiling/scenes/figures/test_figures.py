"""What the figures show: values, places, names and units."""

from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr

from tiling.scenes import figures
from tiling.scenes.domains.planes import domain_grid, tile_grid
from tiling.scenes.embedding.training import Epoch, Training
from tiling.scenes.errors import UnusableInput
from tiling.scenes.figures.views import clock
from tiling.scenes.imagery.files import write_images
from tiling.scenes.imagery.regridding import grid_coordinates
from tiling.scenes.meta.model import Domain, Image
from tiling.scenes.planning.plans import write_tiles
from tiling.scenes.planning.tiles import Tile
from tiling.scenes.transforms.pictures import component_colours
from workbench.errors import BadInput

SCENES = ("goes16__202002021410", "goes16__202002031410")


def grid(longitude=-57.72, zonal=200e3, meridional=100e3):
    return domain_grid(Domain("rect", 13.3, longitude, zonal, meridional), 1000.0)


def on_domain(scene=SCENES[0], name="bt_13", shift=0.0):
    """A scene that is warmer to the north, on the grid of the domain."""
    places = grid()
    values = np.linspace(200, 300, 100, dtype=np.float32)[:, None] + np.zeros((100, 200)) + shift
    attrs = {"units": "K", "long_name": "Brightness temperature", "regrid_method": "bilinear"}
    image = xr.DataArray(
        values.astype(np.float32), dims=("y", "x"), coords=grid_coordinates(places), attrs=attrs
    )
    return xr.Dataset({name: image}, attrs={"scene_id": scene})


def native(scene=SCENES[0]):
    """Three channels in angles of the scan, y descending, the first pixel missing."""
    values = np.full((3, 20, 30), 0.5, np.float32)
    values[:, 0, 0] = np.nan
    axes = {
        "y": ("y", 0.04 - 28e-6 * np.arange(20), {"units": "rad"}),
        "x": ("x", 0.05 + 28e-6 * np.arange(30), {"units": "rad"}),
    }
    colours = xr.DataArray(values, dims=("channel", "y", "x"), coords=axes)
    return xr.Dataset({"truecolor_rgb": colours}, attrs={"scene_id": scene})


@pytest.mark.parametrize(
    ("longitude", "words"), [(-57.72, {"58°W", "57.5°W"}), (179.9, {"180°", "179.5°W"})]
)
def test_the_map_shows_domain_and_tiles(longitude, words):
    around = grid(longitude)
    tiles = {"anchor": [tile_grid(around, 40e3, 10e3, 32)]}
    figure = figures.domain_map(around, tiles, note="simulated")
    figure.canvas.draw()
    axis = figure.axes[0]
    assert figure.get_suptitle() == "Domain and tiles (simulated)"
    square = axis.lines[0]
    np.testing.assert_allclose(square.get_xdata()[[0, 8]], [24, 56], atol=0.1)
    np.testing.assert_allclose(square.get_ydata()[[0, 16]], [-6, 26], atol=0.1)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["anchor"]
    above, right = axis.child_axes
    assert words <= {tick.get_text() for tick in above.get_xticklabels()}
    assert "13°N" in {tick.get_text() for tick in right.get_yticklabels()}


def test_meridians_lie_where_they_are():
    """58°W crosses the upper edge where the projection says."""
    from pyproj import Proj

    around = grid()
    figure = figures.domain_map(around)
    figure.canvas.draw()
    above = figure.axes[0].child_axes[0]
    at = {
        tick.get_text(): x
        for x, tick in zip(above.get_xticks(), above.get_xticklabels(), strict=True)
    }
    lat = 13.3 + 50e3 / 110.6e3
    assert at["58°W"] == pytest.approx(Proj(str(around.crs))(-58, lat)[0] / 1e3, abs=0.1)


def test_the_grid_of_a_scene_on_the_earth_and_on_a_plane():
    assert figures.grid_of(on_domain()) == grid()
    plane = on_domain().drop_vars(["spatial_ref", "lon", "lat"])
    found = figures.grid_of(plane)
    assert found.crs is None
    assert found.affine == grid().affine


def test_tiles_of_a_plan_by_type(tmp_path):
    around = grid()
    tiles = [Tile("train", 0, "anchor", SCENES[0], 0.0, 0.0)]
    tiles.append(Tile("train", 0, "neighbor", SCENES[0], 16e3, 0.0))
    write_tiles(tmp_path / "plan.yml", tiles)
    found = figures.read_tile_grids(tmp_path / "plan.yml", around, 32)
    assert {kind: len(grids) for kind, grids in found.items()} == {"anchor": 1, "neighbour": 1}
    assert found["neighbour"][0] == tile_grid(around, 16e3, 0.0, 32)


def test_a_single_channel_has_a_scale_with_its_unit():
    figure = figures.scene(on_domain(), note="simulated")
    drawn = figure.axes[0].images[0]
    assert drawn.get_clim() == (180.0, 320.0)
    assert drawn.get_cmap().name == "gray_r"  # cold clouds are bright
    assert drawn.get_array()[0, 0] == 300  # north up
    assert drawn.get_extent() == [-100, 100, -50, 50]
    assert figure.axes[1].get_ylabel() == "Brightness temperature (K)"
    assert figure.axes[0].get_xlabel() == "km to the east"
    assert figure.get_suptitle() == "2020-02-02 14:10 UTC (simulated)"


def test_limits_of_the_dataset_are_those_of_the_scale():
    image = Image(limits=((270.0, 300.0),))
    assert figures.scene(on_domain(), image=image).axes[0].images[0].get_clim() == (270, 300)
    unknown = on_domain(name="lwp")
    drawn = figures.scene(unknown, limits={"lwp": (1.0, 2.0)}).axes[0].images[0]
    assert drawn.get_clim() == (1.0, 2.0)


def test_colours_in_angles_of_the_scan_with_gaps():
    figure = figures.scene(native())
    assert len(figure.axes) == 1  # no scale
    pixels = np.asarray(figure.axes[0].images[0].get_array())
    assert pixels.shape == (20, 30, 4)
    assert pixels[0, 0, 3] == 0
    assert figure.axes[0].get_ylabel() == "scan angle to the north (mrad)"
    left, right, bottom, top = figure.axes[0].images[0].get_extent()
    assert (left, top) == pytest.approx((49.986, 40.014))
    assert (right - left, top - bottom) == pytest.approx((0.84, 0.56))


def test_crops_share_one_scale():
    """Also where the kind has no limits of its own."""
    both = {SCENES[0]: on_domain(name="lwp"), SCENES[1]: on_domain(SCENES[1], "lwp", 100)}
    figure = figures.crops(both)
    limits = [axis.images[0].get_clim() for axis in figure.axes[:2]]
    assert limits[0] == limits[1]
    assert limits[0] == pytest.approx((202, 398), abs=1)
    assert [axis.get_title() for axis in figure.axes[:2]] == [clock(name) for name in SCENES]
    five = {f"goes16__20200202141{k}": native() for k in range(5)}
    axes = figures.crops(five).axes
    assert sum(axis.axison for axis in axes) == 5
    assert [bool(axis.get_xlabel()) for axis in axes[:5]] == [False, True, True, True, True]


def test_a_scene_before_and_after_regridding():
    figure = figures.regridded(native(), on_domain())
    assert figure.axes[0].get_title() == "native grid, 30 x 20 pixels"
    assert figure.axes[1].get_title() == "domain, 200 x 100 pixels of 1000 m, bilinear"
    assert len(figure.axes[1].child_axes) == 2


def test_a_sheet_has_a_column_for_each_whole_triplet(tmp_path):
    for number, kinds in enumerate((("anchor", "neighbor", "distant"), ("anchor", "neighbor"))):
        for kind in kinds:
            tile = on_domain(SCENES[kind == "distant"])
            write_images(tile, tmp_path / f"{number:05d}_{kind}.nc")
    triplets = figures.read_triplets(tmp_path)
    assert len(triplets) == 1
    figure = figures.triplet_sheet(triplets, note="simulated")
    titles = [axis.get_title() for axis in figure.axes[:3]]
    assert titles == ["02-02 14:10", "02-02 14:10", "02-03 14:10"]
    assert [axis.get_ylabel() for axis in figure.axes[:3]] == ["anchor", "neighbour", "distant"]
    assert figure.axes[3].get_ylabel() == "Brightness temperature (K)"


def test_no_triplets_are_said(tmp_path):
    with pytest.raises(UnusableInput, match="E092"):
        figures.read_triplets(tmp_path)


def trained(**changes):
    epochs = (Epoch(2.0, 0.7), Epoch(1.0, 0.9))
    told = {"untrained": 0.6, "epochs": epochs, "triplets": 96, "validation_triplets": 48,
            "validation_scenes": ("a", "b")}  # fmt: skip
    return Training(None, **{**told, **changes})


def test_a_training_begins_with_the_untrained_network():
    figure = figures.training_curves(trained())
    loss, accuracy = figure.axes
    np.testing.assert_array_equal(loss.lines[0].get_ydata(), [2, 1])
    curve, _, (bars,) = accuracy.containers[0]
    np.testing.assert_array_equal(curve.get_xydata(), [[0, 0.6], [1, 0.7], [2, 0.9]])
    low, high = bars.get_segments()[0][:, 1]
    assert (high - low) / 2 == pytest.approx(math.sqrt(0.6 * 0.4 / 48))
    assert accuracy.get_title() == "accuracy on 48 triplets of 2 other scenes"
    assert "untrained: 0.60" in [text.get_text() for text in accuracy.get_legend().get_texts()]


def test_a_training_without_validation_says_why():
    changes = {"untrained": math.nan, "epochs": (Epoch(1.0, math.nan),), "validation_triplets": 0}
    figure = figures.training_curves(
        trained(**changes, validation_scenes=(), reason="2 scenes cannot be split")
    )
    assert figure.axes[1].texts[0].get_text() == "2 scenes cannot be split"


def components(dims=3):
    rng = np.random.default_rng(1)
    x, y = 1000.0 * np.array([-40, 0, 40]), 1000.0 * np.array([20, -20])
    return xr.Dataset(
        {"emb": (("scene_id", "y", "x", "emb_dim"), rng.normal(size=(2, 2, 3, dims)))},
        coords={
            "scene_id": list(SCENES),
            "y": ("y", y, {"units": "m"}),
            "x": ("x", x, {"units": "m"}),
            "explained_variance": ("emb_dim", np.array([0.5, 0.2, 0.1, 0.05])[:dims]),
        },
    )


def test_embeddings_lie_below_their_scenes():
    values = components()
    figure = figures.embedding_maps({SCENES[1]: on_domain(SCENES[1])}, values)
    above, below = figure.axes
    shown = below.images[0]
    assert shown.get_extent() == [-60, 60, -40, 40]
    np.testing.assert_array_equal(shown.get_array(), component_colours(values)[1])
    assert above.get_xlim() == (-100, 100)
    assert "red 50%, green 20%, blue 10%" in figure.get_suptitle()


def test_a_scene_without_embeddings_is_refused():
    with pytest.raises(BadInput, match="not among the 2 scenes"):
        figures.embedding_maps({"goes16__202001010000": on_domain()}, components())
    with pytest.raises(BadInput, match="three components"):
        figures.embedding_maps({SCENES[0]: on_domain()}, components(2))


def tracks():
    x = np.array([[0.0, np.nan], [6e3, 10e3]])
    u = np.array([[np.nan, np.nan], [10.0, np.nan]])
    both = ("scene_id", "traj_id")
    time = np.array(["2020-02-02T14:10", "2020-02-02T14:20"], "M8[ns]")
    return xr.Dataset(
        {"x": (both, x), "y": (both, 0 * x), "u": (both, u), "v": (both, 0 * u)},
        coords={"scene_id": list(SCENES), "time": ("scene_id", time)},
    )


def test_paths_lead_through_the_scene():
    figure = figures.paths(on_domain(), tracks(), true=(10.0, 1.0))
    left, right = figure.axes
    np.testing.assert_array_equal(left.lines[0].get_xdata(), [0, 6])
    assert left.get_title() == "1 paths through 2020-02-02 14:10 UTC, of 10 minutes"
    labels = [text.get_text() for text in right.get_legend().get_texts()]
    assert labels == ["1 steps", "true velocity"]
    assert right.get_xlim()[0] < 10 < right.get_xlim()[1]
    with pytest.raises(BadInput, match="not among the 2 scenes"):
        figures.paths(on_domain("goes16__202001010000"), tracks())


@pytest.mark.parametrize(
    ("scene", "words"),
    [("goes16__202002021410", "2020-02-02 14:10"), ("LES__20200202141005", "2020-02-02 14:10:05"),
     ("odd", "odd")],
)  # fmt: skip
def test_scenes_are_named_by_their_time(scene, words):
    assert clock(scene) == words
