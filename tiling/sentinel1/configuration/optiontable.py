"""All options of the configuration, by section, and what became of those that are no more.

Source: documentation and source of S1Tiling, releases 0.1 to 1.4.2.
"""

from __future__ import annotations

from tiling.sentinel1.configuration.nameformats import dem_format, file_format, folder_format
from tiling.sentinel1.configuration.options import UNSET, Below, Dropped, Option, family
from tiling.sentinel1.configuration.values import (
    boolean,
    choice,
    choices,
    creation_options,
    day,
    file_path,
    folder,
    no_data,
    nothing_but_zero,
    number,
    orbits,
    platforms,
    polarisations,
    reference,
    split,
    text,
    unless_empty,
    whole,
    yes_no_or_unset,
)

__all__ = ["CALIBRATIONS", "DROPPED", "DROPPED_SECTIONS", "FILTERS", "FREE", "OPTIONS", "SECTIONS"]

CALIBRATIONS = ("sigma", "beta", "gamma", "dn", "normlim", "gamma_naught_rtc")
FILTERS = ("none", "lee", "frost", "gammamap", "kuan")
IA_MAPS = ("deg", "cos", "sin", "tan")
WARPS = (
    "near", "bilinear", "cubic", "cubicspline", "lanczos", "average", "rms", "mode", "max", "min",
    "med", "q1", "q3", "qum",
)  # fmt: skip

FREE = "Metadata"
"""The section whose options are free: tags of the products."""

_NO_FILE = "there is no such file between the steps"
_STREAMED = "all is computed in blocks"
_EXACT = "heights are interpolated at each pixel, no elevation model is warped"
_FACETS = "the facets of the elevation model are summed without margins or resampling"

PATHS = (
    Option("Paths", "output", "output_preprocess", folder),
    Option("Paths", "lia", "lia_directory", folder, Below("output_preprocess", "_LIA")),
    Option("Paths", "ia", "ia_directory", folder, Below("output_preprocess", "_IA")),
    Option(
        "Paths", "gamma_area", "gamma_area_directory", folder,
        Below("output_preprocess", "_GAMMA_AREA"),
    ),
    Option("Paths", "eof_dir", "eof_directory", folder, Below("output_preprocess", "_EOF")),
    Option("Paths", "s1_images", "raw_directory", folder),
    Option("Paths", "dem_dir", "dem", folder, aliases=("Paths.srtm",)),
    Option("Paths", "dem_info", "dem_info", text, None),
    Option("Paths", "dem_database", "dem_database", file_path, None),
    Option("Paths", "dem_format", "dem_filename_format", dem_format, "{id}.hgt"),
    Option("Paths", "geoid_file", "GeoidFile", unless_empty(file_path), UNSET),
    Option("Paths", "tmp", "tmpdir", folder),
)  # fmt: skip

DATA_SOURCE = (
    Option("DataSource", "eodag_config", "eodag_config", file_path, None),
    Option("DataSource", "download", "download", boolean),
    Option(
        "DataSource", "nb_parallel_downloads", "nb_download_processes", whole(1, 100), 1,
        aliases=("DataSource.nb_parallel_processes",),
    ),
    Option("DataSource", "roi_by_tiles", "roi_by_tiles", split),
    Option("DataSource", "platform_list", "platform_list", platforms, ()),
    Option("DataSource", "polarisation", "polarisation", polarisations),
    Option(
        "DataSource", "orbit_direction", "orbit_direction",
        lambda value: choice("asc", "des")(value).upper(), None,
    ),
    Option("DataSource", "relative_orbit_list", "relative_orbit_list", orbits, ()),
    Option(
        "DataSource", "tile_to_product_overlap_ratio", "tile_to_product_overlap_ratio",
        whole(0, 100), 0,
    ),
    Option("DataSource", "first_date", "first_date", day),
    Option("DataSource", "last_date", "last_date", day),
)  # fmt: skip

PROCESSING = (
    Option("Mask", "generate_border_mask", "mask_cond", boolean),
    Option(
        "Processing", "cache_dem_by", "cache_dem_by", choice("symlink", "copy"), "symlink",
        without_effect="the elevation model is read where it is",
    ),
    Option(
        "Processing", "override_azimuth_cut_threshold_to", "override_azimuth_cut_threshold_to",
        yes_no_or_unset, None,
    ),
    Option("Processing", "calibration", "calibration_type", choice(*CALIBRATIONS)),
    Option("Processing", "remove_thermal_noise", "removethermalnoise", boolean),
    Option("Processing", "lower_signal_value", "lower_signal_value", number(above=0), 1e-7),
    Option("Processing", "output_spatial_resolution", "out_spatial_res", number(above=0)),
    Option("Processing", "orthorectification_gridspacing", "grid_spacing", number(above=0)),
    Option(
        "Processing", "orthorectification_interpolation_method", "interpolation_method",
        choice("nn", "linear", instead="; bco is not offered, nor does S1Tiling support it"), "nn",
    ),
    Option("Processing", "tiles", "tile_list", split, None),
    Option("Processing", "tiles_list_in_file", "tiles_list_in_file", file_path, None),
    Option(
        "Processing", "tiles_shapefile", "output_grid", file_path, None,
        without_effect="the published grid is part of this package",
    ),
    Option("Processing", "mode", "Mode", choices("normal", "debug", "logging"), None),
    Option("Processing", "nb_parallel_processes", "nb_procs", whole(1, 10_000)),
    Option("Processing", "ram_per_process", "ram_per_process", whole(1)),
    Option(
        "Processing", "nb_otb_threads", "OTBThreads", whole(1, 10_000),
        aliases=("Processing.OTBNbThreads",),
    ),
    Option("Processing", "produce_lia_map", "produce_lia_map", boolean, False),
    Option("Processing", "ia_maps_to_produce", "ia_maps_to_produce", choices(*IA_MAPS), ()),
    Option(
        "Processing", "dem_warp_resampling_method", "dem_warp_resampling_method", choice(*WARPS),
        "cubic", without_effect=_EXACT,
    ),
    Option("Processing", "min_gamma_area", "min_gamma_area", number(least=0), 1.0),
    Option("Processing", "calibration_factor", "calibration_factor", number(above=0), 1.0),
    Option(
        "Processing", "use_resampled_dem", "use_resampled_dem", boolean, True,
        without_effect=_FACETS,
    ),
    Option(
        "Processing", "resample_dem_factor_x", "resample_dem_factor_x", number(above=0), 2.0,
        without_effect=_FACETS,
    ),
    Option(
        "Processing", "resample_dem_factor_y", "resample_dem_factor_y", number(above=0), 2.0,
        without_effect=_FACETS,
    ),
    Option(
        "Processing", "distribute_area", "distribute_area", boolean, False, without_effect=_FACETS
    ),
    Option(
        "Processing", "inner_margin_ratio", "inner_margin_ratio", number(least=0), 0.01,
        without_effect=_FACETS,
    ),
    Option(
        "Processing", "outer_margin_ratio", "outer_margin_ratio", number(least=0), 0.04,
        without_effect=_FACETS,
    ),
    Option("Processing", "nodata.SAR", "nodatas", nothing_but_zero, 0.0, "SAR"),
    Option("Processing", "nodata.LIA", "nodatas", no_data, float("nan"), "LIA"),
    Option("Processing", "nodata.IA", "nodatas", no_data, float("nan"), "IA"),
    Option(
        "Processing", "nodata.RTC", "nodatas", no_data, 0.0, "RTC",
        without_effect="0 stands for no value, as in all tiles",
    ),
    Option(
        "Processing", "nodata.XYZ", "nodatas", no_data, float("nan"), "XYZ",
        without_effect=_NO_FILE,
    ),
    Option(
        "Processing", "nodata.DEM", "nodatas", no_data, -32768.0, "DEM", without_effect=_NO_FILE
    ),
)  # fmt: skip

FAMILIES = (
    *family(
        "Processing", "fname_fmt",
        ("concatenation", "filtered", "filtered_calib", "quicklook", "lia_product",
         "s2_lia_corrected", "ia_product", "gamma_area_product", "s2_gamma_area_corrected",
         "cut_borders", "orthorectification"),
        file_format,
    ),
    *family(
        "Processing", "fname_fmt",
        ("calibration", "correct_denoising", "dem_s2_agglomeration", "dem_on_s2", "geoid_on_s2",
         "height_on_s2", "ground_and_sat_s2", "normals_on_s2", "ground_and_sat_s2_ellipsoid",
         "normals_wgs84_on_s2", "dem_s1_agglomeration", "xyz", "normals_on_s1", "s1_lia",
         "s1_sin_lia", "lia_orthorectification", "lia_concatenation", "s1_on_dem", "gamma_area",
         "s1_on_geoid_dem", "resampled_dem", "gamma_area_concatenation",
         "gamma_area_orthorectification"),
        file_format, without_effect=_NO_FILE,
    ),
    *family(
        "Processing", "dname_fmt",
        ("tiled", "filtered", "mask", "quicklook", "lia_product", "ia_product",
         "gamma_area_product"),
        folder_format,
    ),
    *family(
        "Processing", "dname_fmt", ("s1_lia", "s1_sin_lia"), folder_format,
        without_effect=_NO_FILE,
    ),
    *family(
        "Processing", "creation_options",
        ("tiled", "filtered", "mask", "lia_deg", "lia_sin", "ia_deg", "ia_cos", "ia_sin", "ia_tan",
         "gamma_area"),
        creation_options,
    ),
    *family(
        "Processing", "creation_options",
        ("s1_lia", "s1_sin_lia", "s1_gamma_area", "calibration", "correct_denoising",
         "cut_borders", "orthorectification", "geoid_on_s2", "height_on_s2", "ground_and_sat_s2",
         "normals_on_s2", "ground_and_sat_s2_ellipsoid", "normals_wgs84_on_s2", "height_4rtc",
         "s1_on_dem", "resampled_dem"),
        creation_options, without_effect=_NO_FILE,
    ),
    *family(
        "Processing", "disable_streaming", ("normals_on_s2", "gamma_area", "apply_gamma_area"),
        boolean, without_effect=_STREAMED,
    ),
)  # fmt: skip

FILTERING = (
    Option("Filtering", "filter", "filter", choice(*FILTERS), ""),
    Option("Filtering", "window_radius", "filter_options", whole(1, 50), None, "rad"),
    Option("Filtering", "nblooks", "filter_options", number(above=0), None, "nblooks"),
    Option("Filtering", "deramp", "filter_options", number(least=0), None, "deramp"),
    Option(
        "Filtering", "keep_non_filtered_products", "keep_non_filtered_products", boolean, None
    ),
)  # fmt: skip

QUICKLOOK = (
    Option("Quicklook", "generate", "generate_quicklook", boolean, False),
    Option("Quicklook", "ratio", "quicklook_ratio", whole(1, 100), 5),
    Option("Quicklook", "scale_vh", "quicklook_scales", number(above=0), 0.05, "vh"),
    Option("Quicklook", "scale_vv", "quicklook_scales", number(above=0), 0.5, "vv"),
    Option("Quicklook", "scale_hh", "quicklook_scales", number(above=0), 0.5, "hh"),
    Option("Quicklook", "scale_hv", "quicklook_scales", number(above=0), 0.5, "hv"),
)

WORKBENCH = (
    Option("Workbench", "srgr", "srgr", choice("linear", "nearest"), "linear"),
    Option("Workbench", "grid_correction", "grid_correction", boolean, True),
    Option("Workbench", "exact", "exact", boolean, False),
    Option("Workbench", "orbit_files", "orbit_files", choice("auto", "require", "never"), "auto"),
    Option("Workbench", "dem_cells", "dem_cells", file_path, None),
    Option("Workbench", "dem_absent", "absent_dem_cells", choice("error", "sea"), "error"),
    Option("Workbench", "dem_reference", "dem_reference", reference, None),
    Option("Workbench", "geoid_reference", "geoid_reference", reference, None),
    Option("Workbench", "compare_geoid", "compare_geoid", file_path, None),
    Option("Workbench", "layover_shadow_mask", "layover_shadow_mask", boolean, False),
    Option("Workbench", "filter_nodata", "filter_nodata", choice("exclude", "otb"), "exclude"),
    Option("Workbench", "filter_relative_guard", "filter_relative_guard", boolean, False),
    Option("Workbench", "overwrite", "overwrite", boolean, False),
    Option("Workbench", "cog", "cog", boolean, False),
    Option("Workbench", "stac", "stac", boolean, False),
    Option("Workbench", "keep_latest_images", "keep_latest_images", unless_empty(whole(1)), None),
)  # fmt: skip

OPTIONS = (*PATHS, *DATA_SOURCE, *PROCESSING, *FAMILIES, *FILTERING, *QUICKLOOK, *WORKBENCH)
"""Each option once. Where there is no default it is required."""

SECTIONS = (
    "Paths",
    "DataSource",
    "Mask",
    "Processing",
    "Filtering",
    "Quicklook",
    FREE,
    "Workbench",
)

_NEVER = "S1Tiling reads it no longer"
_OTHER_ENGINE = "an option of the tools that S1Tiling calls"

DROPPED = (
    Dropped(
        "Processing.tile_to_product_overlap_ratio",
        "it is DataSource.tile_to_product_overlap_ratio, in percent, since S1Tiling 1.0",
    ),
    Dropped("Processing.srtm_shapefile", "see Paths.dem_database"),
    Dropped("Processing.border_threshold", _NEVER),
    Dropped("DataSource.roi_by_coordinates", f"{_NEVER}; see DataSource.roi_by_tiles"),
    Dropped("Filtering.filtering_activated", "see Filtering.filter"),
    Dropped("Filtering.reset_outcore", _NEVER),
    Dropped("Processing.output_nodata", _OTHER_ENGINE),
    Dropped("Processing.area_ratio", _OTHER_ENGINE),
    Dropped("Processing.gamma_area_nostreaming", _OTHER_ENGINE),
    Dropped("Processing.gamma_area_to_gamma_naught_rtc_nostreaming", _OTHER_ENGINE),
    Dropped("Processing.inner_margin_ratio_status", _OTHER_ENGINE),
    Dropped("Processing.outer_margin_ratio_status", _OTHER_ENGINE),
    Dropped("Processing.dem_epsg", "what heights count from is read in the elevation model"),
    Dropped("Processing.geoid_epsg", "what heights count from is read in the elevation model"),
    Dropped("Processing.produce_gamma_area_map", _NEVER),
    Dropped("Paths.map", "see Paths.gamma_area and Paths.lia"),
)
"""Accepted, and listed as without effect."""

DROPPED_SECTIONS = ("HPC-Cluster",)
