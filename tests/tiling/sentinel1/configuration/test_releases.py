"""Files as they were written for releases of S1Tiling: all of their options, other values."""

from __future__ import annotations

import pytest

from tiling.sentinel1 import Configuration

# Release 0.1: capitals, one old section.
OLDEST = """
[DEFAULT]
region=Europe
[Paths]
Output : {folder}/%(region)s
S1Images : {folder}/raw
SRTM : {folder}/hgt
GeoidFile : ./Geoid/egm96.grd
tmp : {folder}/tmp
[DataSource]
eodagConfig : %(HOME)s/.config/eodag/eodag.yml
Download : False
ROI_by_tiles : ALL
ROI_by_coordinates : 0.9 43.9 2.3 43.1
Polarisation : VV-VH
first_date : 2021-08-01
last_date : 2022-07-31
[Mask]
Generate_border_mask: False
[Processing]
Calibration: sigma
Remove_thermal_noise: True
OutputSpatialResolution : 10.
TilesShapefile : ./shapefile/Features.shp
SRTMShapefile : ./shapefile/srtm.shp
Orthorectification_gridspacing : 40
BorderThreshold : 0.
Tiles : 33TTG
TileToProductOverlapRatio : 0.5
Mode :Normal
NbParallelProcesses : 2
RAMPerProcess : 4096
OTBNbThreads: 4
[Filtering]
Filtering_activated : False
Reset_outcore : True
Window_radius : 2
[HPC-Cluster]
Parallelize_tiles : False
"""

# Release 1.0 and 1.1.
MIDDLE = """
[Paths]
output : {folder}/out
lia : {folder}/lia
s1_images : {folder}/raw
dem_dir : {folder}/dem
dem_database : {folder}/dem.gpkg
dem_format : {{Product10}}.tif
geoid_file : {folder}/egm96.grd
tmp : {folder}/tmp
[DataSource]
eodag_config : %(HOME)s/.config/eodag/eodag.yml
download : True
nb_parallel_downloads : 2
roi_by_tiles : 33TTG
platform_list : S1A, S1B
polarisation : VV-VH
orbit_direction : DES
relative_orbit_list : 22, 95
tile_to_product_overlap_ratio : 20
first_date : 2021-12-01
last_date : 2021-12-31
[Mask]
generate_border_mask: True
[Processing]
cache_dem_by: copy
calibration: normlim
remove_thermal_noise: True
lower_signal_value : 1e-7
nodata.LIA : nan
output_spatial_resolution : 10.
tiles_shapefile : {folder}/Features.shp
orthorectification_gridspacing : 40
orthorectification_interpolation_method : nn
tiles : 33TTG
mode : debug logging
nb_parallel_processes : 1
ram_per_process : 4096
nb_otb_threads: 2
produce_lia_map : True
dem_warp_resampling_method = cubic
override_azimuth_cut_threshold_to = None
fname_fmt.calibration : {{rootname}}_{{calibration_type}}_calOk.tiff
fname_fmt.cut_borders : {{rootname}}_{{calibration_type}}_OrthoReady.tiff
fname_fmt.lia_product : {{LIA_kind}}_{{flying_unit_code}}_{{tile_name}}_{{orbit}}.tif
fname_fmt.concatenation : {{tile_name}}_{{polarisation}}_{{orbit}}_{{acquisition_stamp}}.tif
dname_fmt.tiled : {{out_dir}}/{{tile_name}}
dname_fmt.filtered : '{{out_dir}}/filtered/{{tile_name}}'
creation_options.mask = uint8 COMPRESS=DEFLATE
[Filtering]
filter : Lee
window_radius : 2
deramp : 0.1
nblooks: 1.0
keep_non_filtered_products : True
"""

# Release 1.4, all that it knows.
NEWEST = (
    MIDDLE.replace("normlim", "gamma_naught_rtc")
    .replace("S1A, S1B", "S1A S1C")
    .replace(
        "[DataSource]",
        "ia : {folder}/ia\ngamma_area : {folder}/area\neof_dir : {folder}/eof\n"
        "dem_info : GLO-30\n[DataSource]",
    )
    .replace(
        "[Filtering]",
        """use_resampled_dem : True
resample_dem_factor_x : 2.0
resample_dem_factor_y : 2.0
distribute_area : False
inner_margin_ratio : 0.01
outer_margin_ratio : 0.04
min_gamma_area : 1.0
calibration_factor : 1.0
output_nodata : False
ia_maps_to_produce : deg, sin
nodata.IA : nan
nodata.RTC : 0
disable_streaming.normals_on_s2 : True
disable_streaming.gamma_area : False
disable_streaming.apply_gamma_area : False
creation_options.s1_on_dem : float64 COMPRESS=DEFLATE BIGTIFF=YES PREDICTOR=3 TILED=YES
creation_options.lia_deg : uint16 COMPRESS=DEFLATE
fname_fmt.filtered_calib : {{tile_name}}_{{polarisation!u}}_{{acquisition_start}}_{{orbit:.3}}.tif
fname_fmt.s2_gamma_area_corrected : {{tile_name}}_{{polarisation}}_{{acquisition_stamp}}_RTC.tif
[Quicklook]
generate : True
ratio : 10
scale_vh : 0.1
[Metadata]
Contact : A. Person <a@b.org>
Something Important: 100% sure
[Filtering]""",
    )
)


@pytest.fixture
def read(tmp_path):
    def configuration(text: str) -> Configuration:
        path = tmp_path / "S1Processor.cfg"
        path.write_text(text.format(folder=tmp_path), "utf-8")
        return Configuration(path)

    return configuration


def test_release_0_1(read, tmp_path):
    found = read(OLDEST)
    assert (found.output_preprocess, found.raw_directory) == (tmp_path / "Europe", tmp_path / "raw")
    assert (found.dem, str(found.GeoidFile)) == (tmp_path / "hgt", "Geoid/egm96.grd")
    assert str(found.eodag_config).endswith("/.config/eodag/eodag.yml")
    assert (found.out_spatial_res, found.grid_spacing, found.tile_list) == (10, 40, ["33TTG"])
    assert (found.nb_procs, found.ram_per_process, found.OTBThreads) == (2, 4096, 4)
    assert (found.Mode, found.interpolation_method) == (["normal"], "nn")
    assert found.tile_to_product_overlap_ratio == 0  # it was a share, of something else
    assert set(found.without_effect) == {
        "[HPC-Cluster]", "Processing.tiles_shapefile", "Processing.SRTMShapefile",
        "Processing.BorderThreshold", "Processing.TileToProductOverlapRatio",
        "DataSource.ROI_by_coordinates", "Filtering.Filtering_activated",
        "Filtering.Reset_outcore",
    }  # fmt: skip
    assert found.former_names["Processing.OTBNbThreads"] == "Processing.nb_otb_threads"
    assert found.former_names["Paths.SRTM"] == "Paths.dem_dir"


def test_release_1_1(read, tmp_path):
    found = read(MIDDLE)
    assert (found.dem, found.dem_main_field_id) == (tmp_path / "dem", "Product10")
    assert (found.calibration_type, found.produce_lia_map) == ("normlim", True)
    assert (found.platform_list, found.relative_orbit_list) == (["S1A", "S1B"], [22, 95])
    assert (found.filter, found.filter_options) == ("lee", {"rad": 2, "nblooks": 1})
    assert found.dname_fmt["filtered"] == "{out_dir}/filtered/{tile_name}"
    assert set(found.without_effect) == {
        "Processing.cache_dem_by", "Processing.tiles_shapefile", "Processing.fname_fmt.calibration",
        "Processing.dem_warp_resampling_method",
    }  # fmt: skip


def test_release_1_4(read, tmp_path):
    found = read(NEWEST)
    assert (found.gamma_area_directory, found.eof_directory) == (
        tmp_path / "area", tmp_path / "eof",
    )  # fmt: skip
    assert (found.dem_info, found.platform_list) == ("GLO-30", ["S1A", "S1C"])
    assert found.ia_maps_to_produce == ["deg", "sin"]
    assert (found.generate_quicklook, found.quicklook_ratio) == (True, 10)
    assert found.quicklook_scales == {"vh": 0.1, "vv": 0.5, "hh": 0.5, "hv": 0.5}
    assert found.extra_metadata == {
        "Contact": "A. Person <a@b.org>",
        "Something Important": "100% sure",
    }
    for title in ("Processing.use_resampled_dem", "Processing.disable_streaming.gamma_area",
                  "Processing.creation_options.s1_on_dem", "Processing.output_nodata"):  # fmt: skip
        assert found.without_effect[title]


def test_a_new_folder_of_elevation_models_wins_over_the_old_option(read, tmp_path):
    both = MIDDLE.replace("dem_dir :", "srtm : {folder}/hgt\ndem_dir :")
    found = read(both)
    assert found.dem == tmp_path / "dem"
    assert "Paths.srtm" in found.without_effect
    empty = MIDDLE.replace("dem_dir : {folder}/dem", "dem_dir :\nsrtm : {folder}/hgt")
    assert read(empty).dem == tmp_path / "hgt"


@pytest.mark.parametrize("calibration", ["sigma", "normlim", "gamma_naught_rtc"])
def test_what_is_set_for_areas_says_that_another_calibration_makes_none(
    config_file, caplog, calibration
):
    asked = {
        "Paths.gamma_area": "{folder}/areas",
        "Processing.min_gamma_area": "2",
        "Processing.calibration_factor": "2",
        "Processing.fname_fmt.gamma_area_product": "{tile_name}_{orbit}.tif",
        "Processing.creation_options.gamma_area": "COMPRESS=LZW",
    }
    found = Configuration(config_file({"Processing.calibration": calibration, **asked}))
    areas = calibration == "gamma_naught_rtc"
    assert set(found.without_effect) == (set() if areas else set(asked))
    told = f"areas are for calibration = gamma_naught_rtc, and it is {calibration}"
    assert caplog.text.count(told) == (0 if areas else len(asked))
