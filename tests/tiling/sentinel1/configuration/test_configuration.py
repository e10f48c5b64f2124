"""The configuration: every option, every fault, files of all releases of S1Tiling."""

from __future__ import annotations

import json
import logging
import math
import pickle
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiling.sentinel1 import Configuration, ConfigurationError, ExitCode
from tiling.sentinel1.configuration.configuration import UnregisteredTileError
from tiling.sentinel1.configuration.inifiles import read_ini
from tiling.sentinel1.configuration.optiontable import OPTIONS


@pytest.fixture
def read(config_file):
    """`read({"Paths.tmp": …})`: the configuration of the good file with changes."""
    return lambda changes=None, **more: Configuration(config_file(changes, **more), False)


def fault(read, changes, **more) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read(changes, **more)
    assert caught.value.exit_code == ExitCode.CONFIG_ERROR
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    return caught.value.message


def test_a_good_file(read, tmp_path):
    found = read()
    assert found.output_preprocess == tmp_path / "out"
    assert found.lia_directory == tmp_path / "out/_LIA"
    assert found.extra_directories["eof_dir"] == tmp_path / "out/_EOF"
    assert (found.raw_directory, found.tmpdir) == (tmp_path / "raw", tmp_path / "tmp")
    assert (found.dem, found.dem_info, found.GeoidFile) == (
        tmp_path / "dem", "dem", tmp_path / "egm96.gtx",
    )  # fmt: skip
    assert (found.dem_field_ids, found.dem_main_field_id) == (["id"], "id")
    assert (found.polarisation, found.polarisations) == ("VV VH", ("vv", "vh"))
    assert found.period == (date(2021, 12, 1), date(2021, 12, 31))
    assert (found.tile_list, found.roi_by_tiles) == (["33TTG", "33TUG"], ["ALL"])
    assert (found.calibration_type, found.removethermalnoise) == ("sigma", True)
    assert (found.lower_signal_value, found.out_spatial_res, found.grid_spacing) == (1e-7, 10, 40)
    assert (found.nb_procs, found.ram_per_process, found.OTBThreads) == (2, 4096, 1)
    assert found.override_azimuth_cut_threshold_to is None
    assert (found.filter, found.filter_options, found.keep_non_filtered_products) == ("", {}, True)
    assert found.quicklook_scales == {"vh": 0.05, "vv": 0.5, "hh": 0.5, "hv": 0.5}
    assert found.nodatas["SAR"] == 0
    assert math.isnan(found.nodatas["LIA"])
    assert (found.srgr, found.grid_correction, found.exact) == ("linear", True, False)
    assert found.keep_latest_images is None  # nothing is deleted unless it is asked for
    assert (found.without_effect, found.former_names) == ({}, {})
    assert found.type_image == "GRD"


def test_every_option_is_an_attribute_that_is_described():
    assert {option.attribute for option in OPTIONS} == set(Configuration.__annotations__)
    documented = Configuration.__doc__
    assert not [option.attribute for option in OPTIONS if option.attribute not in documented]
    assert len({option.title for option in OPTIONS}) == len(OPTIONS)


def test_it_goes_to_workers_and_into_reports(read):
    found = read({"Metadata.Contact": "A. Person", "Processing.nodata.LIA": "-1"})
    again = pickle.loads(pickle.dumps(found))
    assert again.described() == found.described()
    assert json.loads(json.dumps(found.described()))["Metadata"] == {"Contact": "A. Person"}
    assert found.described()["Processing"]["nodata.LIA"] == -1
    assert found.described()["Processing"]["nodata.IA"] == "nan"


VALUES = [
    ("Paths.lia", "{folder}/lia", "lia_directory", "{folder}/lia"),
    ("Paths.dem_info", "GLO-30", "dem_info", "GLO-30"),
    ("Paths.dem_format", "{Product10}.tif", "dem_main_field_id", "Product10"),
    ("Paths.dem_format", "{name}_{cellID}.tif", "dem_main_field_id", "cellID"),
    ("Paths.dem_database", "{folder}/dem.gpkg", "dem_db_filepath", "{folder}/dem.gpkg"),
    ("DataSource.eodag_config", "~/eodag.yml", "eodag_config", str(Path.home() / "eodag.yml")),
    ("DataSource.platform_list", "S1A, s1c", "platform_list", ["S1A", "S1C"]),
    ("DataSource.platform_list", "", "platform_list", []),
    ("DataSource.orbit_direction", "des", "orbit_direction", "DES"),
    ("DataSource.orbit_direction", "", "orbit_direction", None),
    ("DataSource.relative_orbit_list", "[80, 161]; 80", "relative_orbit_list", [80, 161]),
    ("DataSource.polarisation", "HH-HV", "polarisation", "HH HV"),
    ("DataSource.polarisation", "VH", "polarisation", "VH"),
    ("DataSource.tile_to_product_overlap_ratio", "50", "tile_to_product_overlap_ratio", 50),
    ("DataSource.nb_parallel_downloads", "4", "nb_download_processes", 4),
    ("Mask.generate_border_mask", "off", "mask_cond", False),
    ("Processing.override_azimuth_cut_threshold_to", "True", None, True),
    ("Processing.override_azimuth_cut_threshold_to", "no", None, False),
    ("Processing.override_azimuth_cut_threshold_to", "None", None, None),
    ("Processing.calibration", "NormLim", "calibration_type", "normlim"),
    ("Processing.calibration", "gamma_naught_rtc", "calibration_type", "gamma_naught_rtc"),
    ("Processing.lower_signal_value", "1e-5", None, 1e-5),
    ("Processing.mode", "Debug logging", "Mode", ["debug", "logging"]),
    ("Processing.tiles", "ALL", "tile_list", ["ALL"]),
    ("Processing.tiles", "33TTG 33TTG,33TUG", "tile_list", ["33TTG", "33TUG"]),
    ("Processing.ia_maps_to_produce", "deg, tan", None, ["deg", "tan"]),
    ("Processing.produce_lia_map", "1", None, True),
    ("Processing.fname_fmt.filtered", "'{tile_name!l}_{polarisation!u}_{acquisition_day:.8}.tif'",
     "fname_fmt", {"filtered": "{tile_name!l}_{polarisation!u}_{acquisition_day:.8}.tif"}),
    ("Processing.dname_fmt.tiled", "{out_dir}", "dname_fmt", {"tiled": "{out_dir}"}),
    ("Processing.creation_options.mask", "uint8 COMPRESS=DEFLATE, TILED=YES", "creation_options",
     {"mask": {"pixel_type": "uint8", "gdal_options": ["COMPRESS=DEFLATE", "TILED=YES"]}}),
    ("Processing.creation_options.tiled", "COMPRESS=LZW", "creation_options",
     {"tiled": {"gdal_options": ["COMPRESS=LZW"]}}),
    ("Quicklook.ratio", "20", "quicklook_ratio", 20),
    ("Workbench.srgr", "nearest", None, "nearest"),
    ("Workbench.grid_correction", "false", None, False),
    ("Workbench.keep_latest_images", "1000", None, 1000),
    ("Workbench.keep_latest_images", "none", None, None),
    ("Workbench.orbit_files", "require", None, "require"),
    ("Workbench.dem_absent", "SEA", "absent_dem_cells", "sea"),
    ("Workbench.dem_reference", "egm2008", None, "EGM2008"),
    ("Workbench.geoid_reference", "epsg:5773", None, "EPSG:5773"),
]  # fmt: skip


@pytest.mark.parametrize(("title", "text", "attribute", "value"), VALUES)
def test_values(read, tmp_path, title, text, attribute, value):
    found = getattr(read({title: text}), attribute or title.partition(".")[2])
    if isinstance(value, str):
        value, found = value.replace("{folder}", str(tmp_path)), str(found)
    assert found == value


REQUIRED = [option.title for option in OPTIONS if repr(option.default) == "required"]


@pytest.mark.parametrize("title", [*REQUIRED, "Processing.tiles"])
@pytest.mark.parametrize(("text", "said"), [(None, "missing"), ("", "empty")])
def test_options_that_must_be_there(read, title, text, said):
    message = fault(read, {title: text})
    assert message == f"{title} is {said if title != 'Processing.tiles' else 'missing'}"


WRONG = [
    ("Paths.output", "{folder}/S1Processor.cfg/out", "is a file, not a folder"),
    ("Paths.tmp", "{folder}/no/such", "neither it nor the folder above it"),
    ("Paths.tmp", "%(NO_SUCH_VARIABLE)s/tmp", "%(NO_SUCH_VARIABLE)s is neither an option of"),
    ("Paths.tmp", "/tmp/50%", "written %%"),
    ("Paths.output", "%(output)s/a", "contains itself"),
    ("Paths.output", "/tmp/" + 300 * "a", "File name too long"),
    ("Paths.dem_format", "dem.tif", "all cells would be one file"),
    ("Paths.dem_format", "{id.tif", "no format"),
    ("Paths.dem_format", "{0}.tif", "{0} is no field"),
    ("DataSource.download", "maybe", "not True or False"),
    ("DataSource.download", "False # for now", "a comment stands on a line of its own"),
    ("DataSource.platform_list", "S1A, S2A", "S2A is no platform"),
    ("DataSource.polarisation", "VV-HH", "not one of VV-VH, HH-HV, VV, VH, HH, HV"),
    ("DataSource.orbit_direction", "DSC", "not one of asc, des"),
    ("DataSource.relative_orbit_list", "7, 176", "1 to 175, not 176"),
    ("DataSource.relative_orbit_list", "none", "there is no number in it"),
    ("DataSource.tile_to_product_overlap_ratio", "101", "from 0 to 100"),
    ("DataSource.tile_to_product_overlap_ratio", "-1", "from 0 to 100"),
    ("DataSource.tile_to_product_overlap_ratio", "0.5", "not a whole number"),
    ("DataSource.first_date", "2021/12/01", "not a day as YYYY-MM-DD"),
    ("DataSource.first_date", "2021-02-30", "no day of the calendar"),
    ("DataSource.last_date", "2021-11-30", "is before first_date, 2021-12-01"),
    ("DataSource.nb_parallel_downloads", "0", "from 1 to 100"),
    ("Mask.generate_border_mask", "2", "not True or False"),
    ("Processing.cache_dem_by", "move", "not one of symlink, copy"),
    ("Processing.override_azimuth_cut_threshold_to", "always", "not True or False"),
    ("Processing.calibration", "sgima", "did you mean sigma?"),
    ("Processing.lower_signal_value", "0", "must be more than 0"),
    ("Processing.lower_signal_value", "nan", "not a finite number"),
    ("Processing.output_spatial_resolution", "7", "whole number of pixels"),
    ("Processing.output_spatial_resolution", "-10", "must be more than 0"),
    ("Processing.output_spatial_resolution", "1e9", "whole number of pixels"),
    ("Processing.orthorectification_gridspacing", "inf", "not a finite number"),
    ("Processing.orthorectification_interpolation_method", "bco", "nor does S1Tiling support it"),
    ("Processing.tiles", "ALL 33TTG", "ALL stands alone"),
    ("Processing.tiles_list_in_file", "{folder}/none.txt", "No such file"),
    ("Processing.mode", "verbose", "not one of normal, debug, logging"),
    ("Processing.nb_parallel_processes", "0", "from 1"),
    ("Processing.nb_parallel_processes", "2.5", "not a whole number"),
    ("Processing.ram_per_process", "4 GB", "not a whole number"),
    ("Processing.nb_otb_threads", "-1", "from 1"),
    ("Processing.dem_warp_resampling_method", "cubik", "did you mean cubic?"),
    ("Processing.nodata.SAR", "-9999", "0 is what Sentinel-1 images"),
    ("Processing.nodata.LIA", "none", "not a number"),
    ("Processing.ia_maps_to_produce", "deg, sine", "not one of deg, cos, sin, tan"),
    ("Processing.fname_fmt.concatenation", "{tilename}_{polarisation}_{acquisition_day}.tif",
     "did you mean tile_name?"),
    ("Processing.fname_fmt.concatenation", "{tile_name!x}.tif", "!x is none of the conversions"),
    ("Processing.fname_fmt.concatenation", "{tile_name}/{polarisation}.tif", "holds no folder"),
    ("Processing.fname_fmt.concatenation", "{polarisation}.tif", "would have one name"),
    ("Processing.fname_fmt.concatenation", "{tile_name}_{acquisition_day}.tif",
     "without {polarisation}"),
    ("Processing.fname_fmt.lia_product", "{tile_name}_{orbit}.tif", "without {LIA_kind}"),
    ("Processing.fname_fmt.concatenation", "{polarisation:{tile_name}}.tif", "has a field in its"),
    ("Processing.fname_fmt.tiled", "{tile_name}.tif", "Processing.fname_fmt.tiled is no option"),
    ("Processing.dname_fmt.tiled", "{out_dir}/{polarisation}", "{polarisation} is no field"),
    ("Processing.creation_options.tiled", "compress=deflate", "no option such as COMPRESS=DEFLATE"),
    ("Processing.creation_options.tiled", "COMPRESS=LZW uint8", "uint8 is no option such as"),
    ("Processing.disable_streaming.gamma_area", "sometimes", "not True or False"),
    ("Filtering.filter", "median", "not one of none, lee, frost, gammamap, kuan"),
    ("Quicklook.generate", "yes please", "not True or False"),
    ("Quicklook.ratio", "0", "from 1 to 100"),
    ("Quicklook.scale_vh", "0", "must be more than 0"),
    ("Workbench.srgr", "cubic", "not one of linear, nearest"),
    ("Workbench.keep_latest_images", "0", "at least 1"),
    ("Workbench.dem_reference", "EGM08", "or a code such as EPSG:5703"),
    # Names
    ("Processing.calibratoin", "sigma", "did you mean calibration?"),
    ("Processing.output_spacial_resolution", "10", "did you mean output_spatial_resolution?"),
    ("Processing.first_date", "2021-01-01", "another section, DataSource.first_date"),
    ("Processing.no_use_resampled_dem", "True", "use_resampled_dem by now"),
    ("Workbench.srg", "linear", "did you mean srgr?"),
    ("Workbench.zzz", "1", "Workbench.zzz is no option"),
    ("Filterng.filter", "lee", "[Filterng] is no section; did you mean Filtering?"),
    ("PEPS.user", "x", "[PEPS]: since S1Tiling 0.2"),
]  # fmt: skip


@pytest.mark.parametrize(("title", "text", "said"), WRONG)
def test_wrong_options_are_refused_by_name(read, title, text, said):
    message = fault(read, {title: text})
    assert said in message
    assert (title in message) or title.partition(".")[0] in ("PEPS", "Filterng")
    assert "faults" not in message  # one fault, one message


def test_all_faults_come_at_once(read):
    message = fault(
        read, {"Paths.tmp": None, "Processing.calibration": "x", "Mask.generate_border_mask": "?"}
    )
    assert message.startswith("3 faults: ")
    for title in ("Paths.tmp", "Processing.calibration", "Mask.generate_border_mask"):
        assert title in message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Paths.output is missing"),
        ("output = /tmp", "no section headers"),
        ("[Paths]\noutput\n", "parsing errors"),
        ("[Paths]\noutput = a\noutput = b\n", "option 'output'"),
        ("[Paths]\nOutput = a\noutput = b\n", "the same, given twice"),
        ("[Paths]\na=b\n[PATHS]\na=b\n", "the same, given twice"),
        (b"[Paths]\noutput = \xff\xfe", "no text in UTF-8"),
    ],
)
def test_files_that_are_none(tmp_path, text, said):
    path = tmp_path / "broken.cfg"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigurationError, match=r"broken\.cfg") as caught:
        Configuration(path)
    assert said in str(caught.value)


def test_no_file(tmp_path):
    with pytest.raises(ConfigurationError, match="No such file"):
        Configuration(tmp_path / "none.cfg")
    with pytest.raises(ConfigurationError, match="Is a directory"):
        Configuration(str(tmp_path))


def test_variables_of_the_environment_and_the_file(read, tmp_path, monkeypatch):
    monkeypatch.setenv("S1_FOLDER", str(tmp_path))
    monkeypatch.setenv("S1_PERCENT", "100%sure")
    monkeypatch.setenv("TMP", "/nowhere/at/all")
    found = read(
        {"Paths.output": "%(S1_FOLDER)s/%(region)s/%(S1_PERCENT)s/%%",
         "Paths.s1_images": "%(output)s/raw", "Metadata.note": "50% of %(this)s"},
        head="[DEFAULT]\nregion : Asia",
    )  # fmt: skip
    assert found.output_preprocess == tmp_path / "Asia/100%sure/%"
    assert found.raw_directory == found.output_preprocess / "raw"
    assert found.extra_metadata == {"note": "50% of %(this)s"}
    assert "Paths.tmp is missing" in fault(read, {"Paths.tmp": None})  # TMP is no option
    monkeypatch.setenv("TMP", str(tmp_path))
    assert read({"Paths.tmp": "%(TMP)s/here"}).tmpdir == tmp_path / "here"


def test_variables_that_go_round(read):
    round_about = {"Paths.a": "%(b)s", "Paths.b": "%(a)s", "Paths.tmp": "%(a)s"}
    assert "%(a)s contains itself" in fault(read, round_about)
    chain = {f"Paths.v{n}": f"%(v{n + 1})s" for n in range(12)} | {"Paths.tmp": "%(v0)s"}
    assert "goes too deep" in fault(read, chain)


LINE = st.text("aZ9%()s$é=:#;[]{}'", min_size=1, max_size=12)


@given(value=LINE, own=LINE)
def test_any_text_comes_through(value, own):
    with TemporaryDirectory() as name:
        path = Path(name) / "a.cfg"
        escaped = value.replace("%", "%%")
        path.write_text(f"[Metadata]\nx : {own}\n[Paths]\ndem_info : {escaped}%(V)s\n", "utf-8")
        file = read_ini(path, {"V": own})
    assert file.sections["Metadata"]["x"] == own
    assert file.value("Paths", "dem_info") == value + own


def test_options_in_default_hold_for_their_section(read, tmp_path):
    head = f"[DEFAULT]\ntmp : {tmp_path}/default\nmy_region : x"
    assert read({"Paths.tmp": None}, head=head).tmpdir == tmp_path / "default"
    assert read(head=head).tmpdir == tmp_path / "tmp"


def test_a_name_of_ones_own_is_a_variable_if_something_uses_it(read, tmp_path):
    assert read({"Paths.root": str(tmp_path), "Paths.lia": "%(root)s/l"}).lia_directory == (
        tmp_path / "l"
    )
    assert "Paths.root is no option" in fault(read, {"Paths.root": str(tmp_path)})


def test_tiles_from_a_file(read, tmp_path):
    listed = tmp_path / "tiles.txt"
    listed.write_text("33TTG\r\n\n33TUG , 33TUH\n33TTG\n")
    found = read({"Processing.tiles_list_in_file": str(listed)})
    assert found.tile_list == ["33TTG", "33TUG", "33TUH"]
    assert "Processing.tiles" in found.without_effect
    assert read({"Processing.tiles_list_in_file": str(listed), "Processing.tiles": None}).tile_list
    listed.write_text("\n")
    assert "there is no tile in" in fault(read, {"Processing.tiles_list_in_file": str(listed)})


def test_the_whole_earth_is_not_downloaded(read):
    everything = {"Processing.tiles": "ALL", "DataSource.download": "True"}
    assert "the whole Earth" in fault(read, everything)
    assert read(everything | {"DataSource.roi_by_tiles": "33TTG"}).roi_by_tiles == ["33TTG"]


@pytest.mark.parametrize(
    ("method", "needed", "options"),
    [("Lee", "nblooks", {"rad": 2, "nblooks": 3.5}), ("KUAN", "nblooks", {"rad": 2, "nblooks": 1}),
     ("gammamap", "nblooks", {"rad": 2, "nblooks": 1}),
     ("frost", "deramp", {"rad": 2, "deramp": 0.1})],
)  # fmt: skip
def test_filters(read, method, needed, options):
    given = {
        "Filtering.filter": method,
        "Filtering.window_radius": "2",
        f"Filtering.{needed}": str(options[needed]),
        "Filtering.keep_non_filtered_products": "True",
    }
    found = read(given)
    assert (found.filter, found.filter_options) == (method.lower(), options)
    for name in ("window_radius", needed, "keep_non_filtered_products"):
        assert fault(read, given | {f"Filtering.{name}": None}).startswith(
            f"Filtering.{name} is missing"
        )
    thrown = given | {"Filtering.keep_non_filtered_products": "False"}
    kept = read(thrown)  # masks are made of what is not filtered
    assert kept.keep_non_filtered_products
    assert "Filtering.keep_non_filtered_products" in kept.without_effect
    assert not read(thrown | {"Mask.generate_border_mask": "False"}).keep_non_filtered_products


def test_no_geoid_is_one_of_proj_or_a_name(read, tmp_path, monkeypatch):
    from pyproj import datadir

    monkeypatch.setattr(datadir, "get_data_dir", lambda: str(tmp_path / "proj"))
    monkeypatch.setattr(datadir, "get_user_data_dir", lambda: str(tmp_path / "own"))
    assert read({"Paths.geoid_file": None}).GeoidFile == Path("egm96.gtx")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "us_nga_egm96_15.tif").write_bytes(b"")
    assert read({"Paths.geoid_file": None}).GeoidFile == tmp_path / "own/us_nga_egm96_15.tif"
    assert read({"Paths.geoid_file": "none"}).GeoidFile is None  # above the ellipsoid


def test_checks_of_a_program(config_file):
    checks = [
        (lambda found: found.tile_list, "no tiles"),
        (lambda found: found.relative_orbit_list, "a relative orbit is needed"),
    ]
    with pytest.raises(ConfigurationError, match="a relative orbit is needed"):
        Configuration(config_file(), extra_config_checks=checks)
    orbit = config_file({"DataSource.relative_orbit_list": "22"})
    assert Configuration(orbit, False, extra_config_checks=checks).relative_orbit_list == [22]


def test_elevation_models_of_tiles(read):
    found = read()
    with pytest.raises(KeyError, match="no elevation model was looked up for tile 33TTG"):
        found.get_dems_covering_s2_tile("33TTG")
    found.register_dems_related_to_S2_tiles({"33TUG": {"N41E013": {}}})
    assert found.get_dems_covering_s2_tile("33TUG") == {"N41E013": {}}
    with pytest.raises(UnregisteredTileError, match="known tiles: 33TUG") as caught:
        found.get_dems_covering_s2_tile("33TTG")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_what_is_shown(config_file, caplog):
    path = config_file(
        {"Processing.cache_dem_by": "copy", "Paths.dem_dir": None, "Paths.srtm": "{folder}/hgt",
         "Metadata.Contact": "me"}
    )  # fmt: skip
    with caplog.at_level(logging.INFO):
        Configuration(path)
    shown = [record.getMessage().strip() for record in caplog.records]
    assert "Processing.calibration = sigma" in shown
    (usual,) = [line for line in shown if line.startswith("by default in [Processing]: ")]
    assert "lower_signal_value = 1e-07, " in usual
    assert "cache_dem_by" not in usual  # it counts for nothing
    assert "Metadata.Contact = me" in shown
    assert "Paths.srtm is called Paths.dem_dir by now" in shown
    warned = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    assert warned == [
        "Processing.cache_dem_by has no effect: the elevation model is read where it is"
    ]
    caplog.clear()
    Configuration(path, do_show_configuration=False)
    assert not caplog.records


def test_logging_to_a_file(read, tmp_path):
    found = read({"Processing.mode": "debug logging"})
    with pytest.raises(ConfigurationError, match="init_logger"):
        _ = found.log_config
    assert logging.getLogger("tiling").handlers == []  # to read a file starts nothing
    before = logging.getLogger("tiling").level
    found.init_logger(tmp_path / "logs")
    found.init_logger(tmp_path / "logs")  # once is enough
    logging.getLogger("tiling.sentinel1").debug("a line")
    name = tmp_path / "logs" / "S1Processor.debug.log"
    assert found.log_config["handlers"]["file"]["filename"] == str(name)
    pickle.dumps(found)
    found.close_logger()
    logging.getLogger("tiling.sentinel1").warning("another line")
    assert [line.rpartition(" - ")[2] for line in name.read_text().splitlines()] == ["a line"]
    assert (logging.getLogger("tiling").handlers, logging.getLogger("tiling").level) == ([], before)
    found.init_logger(tmp_path / "quiet", mode="normal")
    assert not (tmp_path / "quiet").exists()
    found.close_logger()
