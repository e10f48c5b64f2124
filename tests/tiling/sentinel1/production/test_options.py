"""Every option of the configuration does what it says: it changes a run, or says that it does not.

A small run of each scene is made once; with an option changed it goes on in a copy of its folders,
where only those steps are done anew whose manifests know the option. So each must change what is
written, and be known. What a plan shows is looked up in a plan, of which nothing is made.
"""

from __future__ import annotations

import configparser
import contextlib
import shutil
from functools import cache
from typing import ClassVar

import pytest
import rasterio

from tiling.sentinel1.configuration.configuration import Configuration
from tiling.sentinel1.configuration.optiontable import OPTIONS
from tiling.sentinel1.production import fetchingtiles, running
from tiling.sentinel1.production.running import process

USUAL = {
    "Processing.output_spatial_resolution": "1800",
    "Processing.ram_per_process": "1024",
    "DataSource.last_date": "2023-06-12",
    "Workbench.overwrite": "True",
}
MORE = {
    "Filtering.filter": "lee",
    "Filtering.window_radius": "1",
    "Filtering.nblooks": "4.4",
    "Filtering.keep_non_filtered_products": "True",
    "Quicklook.generate": "True",
    "Workbench.stac": "True",
    "Workbench.layover_shadow_mask": "True",
}
AREAS = {"Processing.calibration": "gamma_naught_rtc", "Mask.generate_border_mask": "False"}
LEVEL = {"Processing.ia_maps_to_produce": "deg cos sin tan"}
NORMLIM = {"Processing.calibration": "normlim", "Mask.generate_border_mask": "False"}
LEE = {name: text for name, text in MORE.items() if name.startswith("Filtering")}
FROST = {**LEE, "Filtering.filter": "frost", "Filtering.deramp": "0.1"}
DOWNLOAD = {"DataSource.download": "True", "DataSource.polarisation": "VV-VH"}

LZW = "COMPRESS=LZW"
NAME = "other_{flying_unit_code}_{tile_name}_{polarisation}_{orbit}_{acquisition_stamp}.tif"

# Options that change files: what is run, and the value instead.
FILES: dict[str, dict[str, str]] = {
    "tiles": {
        "Processing.remove_thermal_noise": "False",
        "Processing.lower_signal_value": "0.01",
        "Processing.override_azimuth_cut_threshold_to": "False",
        "Processing.orthorectification_interpolation_method": "nn",
        "Processing.calibration": "beta",
        "Processing.creation_options.tiled": LZW,
        "Processing.creation_options.mask": LZW,
        "Processing.creation_options.filtered": LZW,
        "Filtering.filter": "kuan",
        "Filtering.window_radius": "2",
        "Filtering.nblooks": "2",
        "Workbench.filter_nodata": "otb",
        "Workbench.cog": "True",
        "Workbench.srgr": "nearest",
        "Workbench.grid_correction": "False",
        "Workbench.exact": "True",
        "Workbench.geoid_reference": "EGM96",
        "Workbench.keep_latest_images": "1",
        "Quicklook.ratio": "10",
        "Quicklook.scale_vv": "0.1",
        "Metadata.Contact": "A. Person",
        "Paths.dem_info": "hills",
    },
    "areas": {
        "Processing.min_gamma_area": "100",
        "Processing.calibration_factor": "2",
        "Processing.creation_options.gamma_area": LZW,
    },
    "maps": {
        "Processing.creation_options.lia_deg": LZW,
        "Processing.creation_options.lia_sin": LZW,
        "Processing.nodata.LIA": "-1",
        "Processing.nodata.IA": "-1",
        **{f"Processing.creation_options.ia_{each}": LZW for each in ("deg", "cos", "sin", "tan")},
    },
    "frost": {"Filtering.deramp": "2"},
    # On larger pixels each is a node of the lattice.
    "smaller pixels": {"Processing.orthorectification_gridspacing": "80"},
}

WORDS = ("Paths.dem_info", "Workbench.geoid_reference")
"""What is said of heights and changes none: no file is made anew for it."""

# Options that a plan shows: which files there are to be and from what, what is asked of an archive.
PLANS: dict[str, dict[str, str]] = {
    "plain": {
        "Mask.generate_border_mask": "False",
        "Processing.output_spatial_resolution": "3660",
        "Processing.fname_fmt.concatenation": NAME,
        "Processing.dname_fmt.tiled": "{out_dir}/other/{tile_name}",
        "Processing.dname_fmt.mask": "{out_dir}/masks",
        "Processing.fname_fmt.filtered": NAME,
        "Processing.dname_fmt.filtered": "{out_dir}/other",
        "Processing.fname_fmt.quicklook": NAME.replace(".tif", ".png"),
        "Processing.dname_fmt.quicklook": "{out_dir}/pictures",
        "Processing.nodata.SAR": "1",
        "Workbench.filter_relative_guard": "True",
        "Workbench.layover_shadow_mask": "False",
        "Workbench.stac": "False",
        "Workbench.dem_reference": "ellipsoid",
        "Workbench.orbit_files": "require",
        "Quicklook.generate": "False",
        "Quicklook.scale_vh": "0.1",
        "Quicklook.scale_hh": "0.1",
        "Quicklook.scale_hv": "0.1",
        "Paths.output": "{folder}/elsewhere",
        "Paths.s1_images": "{folder}",
        "Paths.dem_dir": "{folder}",
        "Paths.dem_database": "{folder}/none.gpkg",
        "Paths.dem_format": "{Product10}.none",
        "Paths.geoid_file": "{folder}/none.gtx",
        "DataSource.polarisation": "VH",
        "DataSource.platform_list": "S1B",
        "DataSource.orbit_direction": "ASC",
        "DataSource.relative_orbit_list": "7",
        "DataSource.tile_to_product_overlap_ratio": "100",
        "DataSource.first_date": "2023-06-24",
        "DataSource.last_date": "2023-06-24",
        "DataSource.download": "True",
        "Processing.tiles": "32TPK",
        "Processing.tiles_list_in_file": "{folder}/tiles.txt",
    },
    "areas": {
        "Paths.gamma_area": "{folder}/areas",
        "Processing.fname_fmt.gamma_area_product": "area_{tile_name}_{orbit}.tif",
        "Processing.dname_fmt.gamma_area_product": "{out_dir}/areas",
        "Processing.fname_fmt.s2_gamma_area_corrected": NAME,
        "Processing.fname_fmt.filtered_calib": NAME,
    },
    "normlim": {"Processing.fname_fmt.s2_lia_corrected": NAME},
    "maps": {
        "Paths.lia": "{folder}/angles",
        "Paths.ia": "{folder}/angles",
        "Processing.produce_lia_map": "False",
        "Processing.ia_maps_to_produce": "deg",
        "Processing.fname_fmt.lia_product": "{LIA_kind}_{tile_name}_{orbit}.tif",
        "Processing.dname_fmt.lia_product": "{out_dir}/angles",
        "Processing.fname_fmt.ia_product": "{IA_kind}_on_{tile_name}_{orbit}.tif",
        "Processing.dname_fmt.ia_product": "{out_dir}/angles",
    },
    "steps": {
        "Paths.tmp": "{folder}/other",
        "Processing.fname_fmt.cut_borders": "{polarless_rootname}.tiff",
        "Processing.fname_fmt.orthorectification": NAME,
    },
    "filtered": {"Filtering.keep_non_filtered_products": "False"},
    "orbits": {"Paths.eof_dir": "{folder}/orbits"},
    "warned": {"Workbench.compare_geoid": "{folder}/none.gtx"},
    "downloads": {
        "DataSource.roi_by_tiles": "33TUM",
        "DataSource.eodag_config": "{folder}/eodag.yml",
        "DataSource.nb_parallel_downloads": "3",
    },
    "workers": {
        "Processing.nb_parallel_processes": "3",
        "Processing.ram_per_process": "3000",
        "Processing.nb_otb_threads": "3",
    },
}

SCENES = {
    "tiles": {**LEE, "Quicklook.generate": "True"},
    "plain": MORE,
    "areas": {**AREAS, **LEE},
    "normlim": NORMLIM,
    "maps": LEVEL,
    "frost": FROST,
    "smaller pixels": {"Processing.output_spatial_resolution": "300"},
    "steps": {},
    "filtered": {**LEE, "Mask.generate_border_mask": "False"},
    "orbits": {"Workbench.orbit_files": "require"},
    "warned": {"Workbench.geoid_reference": "EGM96"},
    "downloads": DOWNLOAD,
    "workers": {},
}
MODES = {
    "maps": {"maps_only": True},
    "steps": {"debug_caches": True, "cache_before_ortho": True},
}

ELSEWHERE = {
    "Processing.mode": "test_processing.py",
    "Workbench.overwrite": "test_running.py",
    "Workbench.dem_absent": "heights/test_demfolders.py",
    "Workbench.dem_cells": "heights/test_demfolders.py",
}
"""Options whose effect other tests show."""


def test_no_option_is_forgotten():
    looked_at = {title for table in (FILES, PLANS) for each in table.values() for title in each}
    counting = {option.title for option in OPTIONS if not option.without_effect}
    assert counting == {*looked_at, *ELSEWHERE} - {"Metadata.Contact"}
    assert not looked_at & set(ELSEWHERE)


def configuration(sample, folder, changes):
    """Write the configuration of the sample with changes, and read it."""
    parser = configparser.RawConfigParser(delimiters=(":", "="), interpolation=None)
    parser.optionxform = str
    parser.read(sample / "S1Processor.cfg", "utf-8")
    paths = {"output": "out", "lia": "out/_LIA", "tmp": "tmp", "s1_images": "raw"}
    usual = {f"Paths.{name}": str(folder / each) for name, each in paths.items()}
    for title, text in {**usual, **USUAL, **changes}.items():
        section, _, name = title.partition(".")
        if not parser.has_section(section):
            parser.add_section(section)
        parser.set(section, name, text.replace("{folder}", str(folder)).replace("%", "%%"))
    (folder / "raw").mkdir(parents=True, exist_ok=True)
    for product in (sample / "S1").iterdir():
        with contextlib.suppress(FileExistsError):
            (folder / "raw" / product.name).symlink_to(product)
    (folder / "tiles.txt").write_text("32TPK\n")
    with (folder / "S1Processor.cfg").open("w") as file:
        parser.write(file)
    return Configuration(folder / "S1Processor.cfg", False)


def content(path):
    """Return what a file holds, without what differs from run to run."""
    if path.suffix == ".tif":
        with rasterio.open(path) as file:
            tags = {k: v for k, v in file.tags().items() if k != "TIFFTAG_DATETIME"}
            stored = file.profile["compress"], str(file.nodata), file.tags(ns="IMAGE_STRUCTURE")
            return file.read().tobytes(), tags, stored
    return path.read_bytes()


def outcome(sample, folder, scene, changes):
    """Run, and return what is there then, or the error and what it says."""
    try:
        cfg = configuration(sample, folder, {**SCENES[scene], **changes})
        process(cfg, debug_otb=True, **MODES.get(scene, {}))
    except Exception as error:
        return type(error), str(error)
    raw = sorted(path.name for path in (folder / "raw").iterdir())
    made = [path for path in (folder / "out").rglob("*") if path.is_file()]
    return raw, {
        str(path.relative_to(folder)): content(path)
        for path in made
        if path.name != "summary.json" and not path.name.startswith(".")
        and path.parent.name != ".records"
    }  # fmt: skip


@pytest.fixture(scope="module")
def made(simulated, tmp_path_factory):
    """Return the folder of the run of a scene, and what it made."""

    @cache
    def run(scene):
        folder = tmp_path_factory.mktemp(scene)
        return folder, outcome(simulated, folder, scene, {})

    return run


@pytest.mark.parametrize(
    ("scene", "title", "text"),
    [(scene, *each) for scene, table in FILES.items() for each in table.items()],
)
def test_what_a_run_makes(made, simulated, tmp_path, scene, title, text):
    folder, before = made(scene)
    if title not in WORDS:
        shutil.copytree(folder, tmp_path / "run", symlinks=True)
    found = outcome(simulated, tmp_path / "run", scene, {title: text})
    assert isinstance(before[1], dict), before
    assert isinstance(found[1], dict), found
    assert found != before


class Archive:
    """Has nothing, and notes what it was asked."""

    asked: ClassVar[list[str]] = []

    def __init__(self, config):
        self.asked.append(f"by {config}")

    def page(self, query, number, items):
        self.asked.append(repr(query))
        return []


def plan(sample, folder, scene, changes):
    """Plan, and return the steps, what an archive and a cluster are asked for, and the error."""

    def planned(steps, stands):
        told.extend((step.kind, step.outputs, step.manifest.key, step.wanted) for step in steps)
        return needed(steps, stands)

    def fetcher(cfg, provider, pace, dryrun):
        told.append(repr(pace))
        return of(cfg, provider, pace, dryrun)

    def no_workers(client, **options):
        raise RuntimeError(f"a cluster is asked for: {options}")

    needed, of, told, error = running.needed, fetchingtiles.TileFetcher.of, Archive.asked, ""
    told.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "needed", planned)
        patch.setattr(fetchingtiles.TileFetcher, "of", fetcher)
        patch.setattr(fetchingtiles, "EodagProvider", Archive)
        patch.setattr(running, "workers", no_workers)
        try:
            cfg = configuration(sample, folder, {**SCENES[scene], **changes})
            process(cfg, dryrun=scene != "workers", **MODES.get(scene, {}))
        except Exception as reason:
            error = f"{type(reason)} {reason}"
    return list(told), error


@pytest.fixture(scope="module")
def plans(simulated, tmp_path_factory):
    """Return the folder of a scene, in which nothing is made, and its plan."""

    @cache
    def find(scene):
        folder = tmp_path_factory.mktemp(f"plan-{scene}")
        return folder, plan(simulated, folder, scene, {})

    return find


@pytest.mark.parametrize(
    ("scene", "title", "text"),
    [(scene, *each) for scene, table in PLANS.items() for each in table.items()],
)
def test_what_is_planned(plans, simulated, scene, title, text):
    folder, before = plans(scene)
    assert not before[1] or scene in ("orbits", "workers"), before[1]
    assert plan(simulated, folder, scene, {title: text}) != before
