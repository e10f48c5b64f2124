"""What is odd, broken or beside the point, row by row of section 11 of the specification.

===========================================  =======================================================
row                                          test
===========================================  =======================================================
empty Sentinel-2 window                      test_an_empty_window_is_named
one Sentinel-2 image                         test_one_image_takes_the_change_of_the_coarse_series
fewer than 4 composites                      test_too_few_composites
target outside inputs, interval <= 0,        test_targets.py::test_refused,
end <= start, target extent not inside       test_cli.py::test_wrong_words_are_named_in_one_line
band lists of different lengths              test_cli.py::test_wrong_words_are_named_in_one_line
NDVI without its bands                       test_ndvi_without_its_bands
area not a multiple of the ratio             test_an_area_of_any_size
area across UTM zones                        test_an_area_across_zones_has_one_crs
duplicate dates                              test_tiles_of_one_pass_are_one_image,
                                             test_two_observations_of_a_day_both_count
time zone suffix                             test_times_may_say_their_zone
all-cloud image                              test_an_image_all_cloud_changes_nothing
flag band absent                             sentinel3/test_synfiles.py (flags.nc),
                                             test_a_flag_that_is_absent
offset already applied                       test_an_offset_is_never_taken_twice
missing file in SEN3                         test_a_missing_file_is_named
corrupt JP2                                  test_damage_inside_a_file
===========================================  =======================================================

and of the plan: test_an_image_of_a_wrong_zone, test_an_iterator_of_items,
test_a_cube_as_odc_gives_it, test_what_is_far_away_or_of_another_time_changes_nothing,
test_fill_values_are_not_fused, test_water_is_no_other_unit.
"""

from __future__ import annotations

import json
import logging
import shutil

import numpy as np
import pytest
import rasterio
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox

import efast
from efast.errors import BadFile, BadInput
from efast.production.planning import Opened
from efast.production.request import Request
from efast.sentinel3.sampleproducts import write_syn
from workbench.sentinel2.sampleproducts import write_safe, write_stac

BANDS = ("B02", "B03", "B04", "B8A")
TARGETS = ["2023-06-05", "2023-06-20", "2023-07-02"]
FIRST = np.datetime64("2022-03-01T10:52:11", "ns")


@pytest.fixture
def copied(products, tmp_path):
    """The products, to be damaged."""
    for name in ("fine", "coarse"):
        shutil.copytree(getattr(products, name), tmp_path / name)
    return tmp_path / "fine", tmp_path / "coarse"


def planned(fine, coarse, products, **asked):
    """The lazy result of a run."""
    how = {"period": products.period, "interval": 10, "resolution": 20.0, **asked}
    return Opened(Request(fine=fine, coarse=coarse, **how)).cube({})


def same(one, other):
    one, other = one.compute(), other.compute()
    assert np.isfinite(one["age"]).any()
    for name in ("reflectance", "weight", "images", "age", "nearest", "flag"):
        np.testing.assert_array_equal(one[name].values, other[name].values)


# windows and images


def test_an_empty_window_is_named(products, tmp_path):
    with pytest.raises(
        BadInput, match=r"no acquisition in 2021-03-01.* to 2021-03-31.*there are 6"
    ):
        planned(products.fine, products.coarse, products, period=("2021-03-01", "2021-04-01"))
    with pytest.raises(BadInput, match="no acquisition meets the region"):
        planned(products.fine, products.coarse, products, aoi=(10, 40, 11, 41))
    june = tmp_path / sorted(products.coarse.iterdir())[0].name.replace("202203", "202206")
    june.mkdir()
    with pytest.raises(BadInput, match=r"no Sentinel-3 product in .*products: 1, from 2022-06-"):
        planned(products.fine, tmp_path, products)


def test_one_image_takes_the_change_of_the_coarse_series(cubes):
    fine, coarse = cubes
    alone = fine.isel(time=[0])
    found = efast.fuse(alone, coarse, TARGETS, keep="s3_composite_target_interp")
    series = efast.fuse(alone, coarse, ["2023-06-01"], keep="s3_composite_s2_interp")
    image = alone["reflectance"].values[0] * 1e-4
    middles = (..., slice(4, None, 10), slice(4, None, 10))  # 5 of 10 pixels: half a pixel off
    for t in range(3):
        change = (
            found["s3_composite_target_interp"].values[t]
            - series["s3_composite_s2_interp"].values[0]
        )
        here = found["reflectance"].values[t]
        known = alone["reflectance"].values[0] > 0
        assert (np.isfinite(here) == known).all()
        expected = (image[middles] + change[:, :, :8])[:, :6]
        wide = np.nanmax(np.abs(np.diff(change, axis=1))) + np.nanmax(np.abs(np.diff(change)))
        apart = np.abs(here[middles][:, :6] - expected)
        assert np.nanmax(apart) <= 0.1 * wide + 1e-6  # of half a pixel between cells
    assert (found["images"].values[:, :30] == 1).all()
    assert (found["nearest"].values[1][:30] == 19).all()


def test_an_image_all_cloud_changes_nothing(cubes):
    fine, coarse = cubes
    cloud = fine.isel(time=[2]).assign_coords(time=fine["time"][[2]] + np.timedelta64(2, "D"))
    cloud["weight"] = xr.zeros_like(cloud["weight"])
    cloud["reflectance"] = xr.full_like(cloud["reflectance"], 9000)
    more = xr.concat([fine, cloud], "time")
    xr.testing.assert_identical(
        efast.fuse(fine, coarse, TARGETS), efast.fuse(more, coarse, TARGETS)
    )
    found = efast.fuse(cloud, coarse, TARGETS)
    assert np.isnan(found["reflectance"]).all()
    assert (found["weight"] == 0).all()
    assert (found["images"] == 0).all()


def test_tiles_of_one_pass_are_one_image(products, copied, landscape):
    """Two tiles of a pass, of which each shows a half: one image; one of them may be missing."""
    fine, coarse = copied
    day = sorted(fine.iterdir())[2]
    twin = fine / day.name.replace("T31UDS", "T31UDR").replace("105211", "105218")
    shutil.copytree(day, twin)
    for product, part in ((day, slice(None, 60)), (twin, slice(60, None))):
        for path in product.glob("GRANULE/*/IMG_DATA/R*/*.jp2"):
            with rasterio.open(path) as file:
                values, profile = file.read(), file.profile
            rows = slice(*(None if at is None else at * 20 // int(profile["transform"].a)
                           for at in (part.start, part.stop)))  # fmt: skip
            values[:, rows] = 0
            rewritten(path, values, profile)
    text = (twin / "MTD_MSIL2A.xml").read_text()
    (twin / "MTD_MSIL2A.xml").write_text(text.replace("T10:52:11", "T10:52:18"))
    whole = planned(products.fine, coarse, products)
    same(planned(fine, coarse, products), whole)
    assert len(Opened(Request(fine=fine, coarse=coarse, period=products.period)).fine["time"]) == 6


def rewritten(path, values, profile, **changes):
    path.unlink()
    profile = {**profile, **changes, "driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES"}
    with rasterio.open(path, "w", **profile) as file:
        file.write(values)
    path.with_name(path.name + ".aux.xml").unlink(missing_ok=True)


def test_two_observations_of_a_day_both_count(cubes):
    fine, coarse = cubes
    later = coarse.isel(time=[5]).assign_coords(time=coarse["time"][[5]] + np.timedelta64(30, "m"))
    both = xr.concat([coarse, later + 0.1], "time").sortby("time")
    mean = coarse.copy()
    mean.values[5] += 0.05  # gaps are the same
    found = efast.fuse(fine, both, TARGETS, keep="s3_composite_data_bands")
    name = "s3_composite_data_bands"
    once = efast.fuse(fine, coarse, TARGETS, keep=name)[name]
    assert (found[name].values >= once.values - 1e-6)[np.isfinite(once.values)].all()
    assert not np.allclose(found[name].values, once.values, equal_nan=True)
    assert found.sizes["time_composite"] == once.sizes["time_composite"]


# the coarse series


def test_too_few_composites(cubes, caplog):
    fine, coarse = cubes
    few = coarse.isel(time=slice(0, 2))
    with pytest.raises(
        BadInput, match=r"all cells have fewer than 4 composites.*of 2 from 2023-05-26"
    ):
        efast.fuse(fine, few, TARGETS)
    alone = efast.fuse(fine, few, TARGETS, on_missing_coarse="s2")
    assert np.isfinite(alone["reflectance"]).any()
    assert set(np.unique(alone["flag"].values[alone["images"].values > 0])) == {2}
    holes = coarse.copy()
    holes.values[3:, 0, :, 4] = np.nan  # one band, one column of cells, three observations
    caplog.clear()
    found = efast.fuse(fine, holes, TARGETS, composites={"smoothing": 0, "mosaic_days": 1,
                                                         "saturation": 0.1})  # fmt: skip
    assert "of the cells have fewer than 4 composites with a value" in caplog.text
    assert np.isnan(found["reflectance"].values[:, 0, :, 45]).all()
    assert np.isfinite(found["reflectance"].values[:, 1, :, 60:]).any()


def test_images_far_outside_the_coarse_series_are_said(cubes, caplog):
    fine, coarse = cubes
    efast.fuse(fine, coarse, TARGETS)
    assert "outside the coarse series" not in caplog.text
    efast.fuse(fine, coarse.isel(time=slice(10, None)), TARGETS)
    assert "2 of 6 images lie up to 14 days outside the coarse series, 2023-06-15" in caplog.text


def test_fill_values_are_not_fused(cubes):
    fine, coarse = cubes
    filled = coarse.fillna(-1.0)
    with pytest.raises(
        BadInput, match="Oa08 of the coarse series holds -1, which is no reflectance"
    ):
        efast.fuse(fine, filled, TARGETS)
    floats = (fine["reflectance"] * 1e-4).where(fine["reflectance"] > 0, -9999)
    with pytest.raises(BadInput, match="B8A of the fine series holds -9999"):
        efast.fuse(fine.assign(reflectance=floats), coarse, TARGETS)


def test_water_is_no_other_unit(cubes):
    """The clearest cells are a lake; elsewhere is land."""
    fine, coarse = cubes
    image, series = fine["reflectance"].copy(), coarse.copy()
    rows, columns = image.shape[2:]
    first = efast.fuse(fine, coarse, TARGETS, keep="s2_distance_score")["s2_distance_score"].values
    _, row, column = np.unravel_index(int(first.argmax()), first.shape)
    image.values[..., row * 10 : row * 10 + 20, column * 10 : column * 10 + 20] = 4
    series.values[..., row : row + 2, column : column + 2] = 0.02
    found = efast.fuse(fine.assign(reflectance=image), series, TARGETS)
    assert found["reflectance"].shape[2:] == (rows, columns)
    with pytest.raises(BadInput, match="different units"):
        efast.fuse(fine, coarse * 100, TARGETS)


# bands, indices, times


def test_ndvi_without_its_bands(cubes, products):
    fine, coarse = cubes
    with pytest.raises(BadInput, match="ndvi needs B8A"):
        efast.fuse(fine, coarse, TARGETS, bands={"B04": "Oa08"}, indices="ndvi")
    with pytest.raises(BadInput, match="ndvi needs"):
        efast.run(
            products.fine, products.coarse, products.fine.parent / "never", indices="ndvi",
            period=products.period, bands={"B04": "Oa08"}, formats="zarr",
        )  # fmt: skip


@pytest.mark.filterwarnings("error::UserWarning")
def test_times_may_say_their_zone(cubes, products):
    fine, coarse = cubes
    stated = [f"{day}T23:30:00Z" for day in TARGETS[:2]] + ["2023-07-03T01:00:00+02:00"]
    asked = Request(
        fine=1, coarse=2, period=("2023-06-01T00:00:00Z", "2023-08-01Z"[:-1]), targets=stated
    )
    assert asked.days.astype(str).tolist() == TARGETS
    days = efast.fuse(fine, coarse, stated)["time"].values
    np.testing.assert_array_equal(days, np.array(TARGETS, "M8[ns]"))


# areas


def test_an_area_of_any_size(cubes, made):
    """Cells at its edge are not cloudy for the pixels that lie beyond it."""
    fine, coarse = cubes  # 65 by 84 pixels on 7 by 9 cells of 10
    found = efast.fuse(fine, coarse, TARGETS, keep="s2_distance_score")
    assert (found.sizes["y"], found.sizes["x"]) == (65, 84)
    assert (found["s2_distance_score"].values[0] == 1).all()  # the first image is clear
    assert np.isfinite(found["reflectance"].values[:, 0]).all()
    wide = made.grid(shape=(70, 90)).coordinates
    padded = fine.reindex(y=wide["y"].values, x=wide["x"].values, fill_value=1)
    padded["reflectance"].attrs = fine["reflectance"].attrs
    padded = padded.odc.assign_crs("EPSG:32628")
    same(found, efast.fuse(padded, coarse, TARGETS).isel(y=slice(65), x=slice(84)))


def test_an_area_across_zones_has_one_crs(products, copied):
    """Products of two zones in one area: the grid is in one of them."""
    fine, coarse = copied
    for product in sorted(fine.iterdir())[3:]:
        for path in product.glob("GRANULE/*/IMG_DATA/R*/*.jp2"):
            into_zone(path, "EPSG:32632", warped=True)
        product.rename(fine / product.name.replace("T31UDS", "T32UKU"))
    area = Opened(
        Request(fine=products.fine, coarse=coarse, period=products.period)
    ).grid.geographic_extent.boundingbox
    found = planned(fine, coarse, products, aoi=tuple(area)).compute()
    assert found.odc.geobox.crs.epsg in (32631, 32632)
    assert (found["images"].values.max(axis=(1, 2)) > 3).all()  # images of both zones
    assert np.isfinite(found["age"]).mean() > 0.8


def into_zone(path, crs, *, warped=False):
    """Write an image in another zone: where it was, or under its old numbers."""
    from rasterio.warp import Resampling, calculate_default_transform, reproject

    with rasterio.open(path) as file:
        values, profile, old = file.read(), file.profile, file.crs
        step = file.transform.a
        bounds = file.bounds
    if not warped:
        return rewritten(path, values, profile, crs=crs)
    transform, width, height = calculate_default_transform(
        old, crs, values.shape[2], values.shape[1], *bounds, resolution=step
    )
    moved = np.zeros((1, height, width), values.dtype)
    reproject(
        values, moved, src_transform=profile["transform"], src_crs=old, dst_transform=transform,
        dst_crs=crs, src_nodata=0, dst_nodata=0, resampling=Resampling.nearest,
    )  # fmt: skip
    return rewritten(path, moved, profile, crs=crs, transform=transform, width=width, height=height)


def test_an_image_of_a_wrong_zone(products, copied, monkeypatch):
    fine, coarse = copied
    for path in sorted(fine.iterdir())[1].glob("GRANULE/*/IMG_DATA/R*/*.jp2"):
        into_zone(path, "EPSG:32655")
    monkeypatch.setattr("workbench.sentinel2.stacks.Blocks.__call__", pytest.fail)
    with pytest.raises(BadFile, match=r"B02_10m\.jp2: in EPSG:32655, but tile 31UDS .*EPSG:32631"):
        planned(fine, coarse, products)


@pytest.mark.parametrize("what", ["beside", "before", "in between"])
def test_what_is_far_away_or_of_another_time_changes_nothing(
    products, copied, landscape, what, caplog
):
    fine, coarse = copied
    area = {"aoi": (2.295, 48.84, 2.32, 48.855)}
    before = planned(products.fine, products.coarse, products, **area)
    if what == "before":
        times = [FIRST - np.timedelta64(at, "D") for at in (2, 9, 40)]
        for at, time in enumerate(times):
            write_safe(fine, landscape.observe(time, cover=0.5), bands=BANDS)
            truth = landscape.truth(time)[0].sel(band=list(BANDS))
            write_syn(coarse, time - np.timedelta64(1, "h"), truth, orbit=200 + at)
        shutil.rmtree(next(iter(fine.glob("*202201*"))) / "GRANULE")  # nor need it be whole
        next(iter(coarse.glob("*____202201*"))).joinpath("flags.nc").unlink()
    else:
        far = sorted(fine.iterdir())[0]
        copy = fine / far.name.replace("T31UDS", "T31TDE").replace("20220302", "20220309")
        shutil.copytree(far, copy)
        text = (copy / "MTD_MSIL2A.xml").read_text()
        (copy / "MTD_MSIL2A.xml").write_text(text.replace("2022-03-02", "2022-03-09"))
        for path in copy.glob("GRANULE/*/IMG_DATA/R*/*.jp2"):
            with rasterio.open(path) as file:
                values, profile = file.read(), file.profile
            south = Affine.translation(0, -900_000) @ profile["transform"]
            rewritten(path, values, profile, transform=south)
        time = FIRST + np.timedelta64(5 if what == "beside" else 12, "D")
        truth = landscape.truth(time)[0].sel(band=list(BANDS))
        elsewhere = GeoBox(
            truth.odc.geobox.shape, Affine(10, 0, 448_000, 0, -10, 4_500_000), "EPSG:32631"
        )
        truth = truth.assign_coords(
            x=elsewhere.coordinates["x"].values, y=elsewhere.coordinates["y"].values
        )
        write_syn(coarse, time - np.timedelta64(20, "h"), truth, orbit=300)
        (coarse / "notes.txt").write_text("nothing")
        (fine / "notes.txt").write_text("nothing")
    same(planned(fine, coarse, products, **area), before)


# sources


def test_an_iterator_of_items(products, landscape, tmp_path):
    days = (1, 6, 11, 16, 21, 26)
    frames = [landscape.observe(FIRST + np.timedelta64(day, "D"), cover=0) for day in days]
    write_stac(tmp_path, frames)
    text = next(tmp_path.glob("*.json")).read_text().replace("./S2A_", f"{tmp_path}/S2A_")
    items = json.loads(text)["features"]
    how = {"period": products.period, "interval": 15, "resolution": 20, "formats": "zarr"}
    one = efast.run(iter(items), iter(sorted(products.coarse.iterdir())), tmp_path / "a", **how)
    other = efast.run(items, products.coarse, tmp_path / "b", **how)
    same(one.open(), other.open())
    assert one.open()["images"].max() == 6


@pytest.mark.parametrize("lazy", [False, True])
def test_a_cube_as_odc_gives_it(products, lazy):
    """Bands under common names, DN with the offset taken out, SCL beside; pixels of 20 m."""
    stack = efast.read_fine(products.fine, resolution=20.0, chunks=None)
    names = {"B02": "blue", "B03": "green", "B04": "red", "B8A": "nir08"}
    stated = {"nodata": 0, "scale_factor": 1e-4, "add_offset": 0.0}
    loaded = xr.Dataset(
        {name: stack["reflectance"].sel(band=band, drop=True).assign_attrs(stated)
         for band, name in names.items()}
        | {"scl": stack["weight"].copy(data=np.where(stack["weight"] > 0, 4, 9).astype("u1"))}
    )  # fmt: skip
    if lazy:
        loaded = loaded.chunk({"y": 50, "x": 70})
    asked = {"resolution": None}
    found = planned(loaded, products.coarse, products, **asked)
    assert found.odc.geobox == stack["reflectance"].odc.geobox
    same(found, planned(stack, products.coarse, products, **asked))


def test_what_has_no_effect_on_a_cube_is_refused(products):
    stack = efast.read_fine(products.fine, resolution=20.0)
    for asked, words in (
        ({"aoi": (2, 48, 3, 49)}, "cut it with .sel"),
        ({"reading": {"dilate": 20}}, "cut it with .sel"),
        ({"resolution": 10}, "pixels of 20 m"),
    ):
        with pytest.raises(BadInput, match=words):
            planned(stack, products.coarse, products, **asked)


def test_an_offset_is_never_taken_twice(products):
    stack = efast.read_fine(products.fine, resolution=20.0)
    loaded = stack["reflectance"].to_dataset("band").assign(SCL=stack["weight"] * 4)
    for band in BANDS:
        loaded[band].attrs = {"scale_factor": 1e-4, "add_offset": 0.0}
    with pytest.raises(BadInput, match="removed a second time"):
        planned(loaded, products.coarse, products, reading={"offset": 1000})


# broken products


def test_a_missing_file_is_named(products, copied):
    _, coarse = copied
    broken = sorted(coarse.iterdir())[3]
    (broken / "Syn_Oa08_reflectance.nc").unlink()
    with pytest.raises(BadFile, match=rf"{broken.name}/Syn_Oa08_reflectance\.nc"):
        planned(products.fine, coarse, products)


def test_a_flag_that_is_absent(products, copied):
    import netCDF4

    _, coarse = copied
    broken = sorted(coarse.iterdir())[3]
    with netCDF4.Dataset(broken / "flags.nc", "a") as file:
        file.renameVariable("CLOUD_flags", "OTHER_flags")
    with pytest.raises(BadFile, match=rf"{broken.name}/flags\.nc: .*CLOUD_flags"):
        planned(products.fine, coarse, products)


@pytest.mark.parametrize("band", ["B03_10m", "B8A_20m", "SCL_20m"])
def test_damage_inside_a_file(products, copied, tmp_path, caplog, band):
    """The header can be read; what is behind it cannot be decoded."""
    fine, coarse = copied
    broken = sorted(fine.iterdir())[2]
    (path,) = broken.glob(f"GRANULE/*/IMG_DATA/*/*_{band}.jp2")
    content = bytearray(path.read_bytes())
    content[-len(content) // 2 :] = bytes(len(content) // 2)
    path.write_bytes(bytes(content))
    how = {"period": products.period, "interval": 15, "resolution": 20, "formats": "zarr"}
    with pytest.raises(BadFile, match=path.name):
        efast.run(fine, coarse, tmp_path / "out", **how)
    assert not list((tmp_path / "out").glob("*.zarr"))
    with caplog.at_level(logging.WARNING):
        result = efast.run(fine, coarse, tmp_path / "out", reading={"on_error": "skip"}, **how)
    assert "skipped 1 broken items" in caplog.text
    assert path.name in caplog.text
    shutil.rmtree(broken)
    same(result.open(), efast.run(fine, coarse, tmp_path / "without", **how).open())
