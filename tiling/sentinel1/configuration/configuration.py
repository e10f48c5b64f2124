"""The configuration of a run: one attribute for each option of the file."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from tiling.sentinel1.configuration.crosschecks import check_together
from tiling.sentinel1.configuration.defaultgeoid import default_geoid
from tiling.sentinel1.configuration.inifiles import read_ini
from tiling.sentinel1.configuration.logs import close_log_files, log_settings, open_log_file
from tiling.sentinel1.configuration.nameformats import fields_of
from tiling.sentinel1.configuration.options import UNSET, Option
from tiling.sentinel1.configuration.optiontable import OPTIONS, SECTIONS
from tiling.sentinel1.configuration.reading import read_options
from tiling.sentinel1.errors import ConfigurationError, Error

__all__ = ["Configuration", "UnregisteredTileError"]

logger = logging.getLogger(__name__)


class UnregisteredTileError(Error, KeyError):
    """A tile whose elevation model was not looked for.

    Attributes
    ----------
    tile_name
        The tile.
    known
        Those that were looked at.
    """

    def __init__(self, tile_name: str, known: tuple[str, ...]) -> None:
        super().__init__(tile_name, known)
        self.tile_name, self.known = tile_name, known

    def __str__(self) -> str:
        known = ", ".join(self.known) or "none"
        return f"no elevation model was looked up for tile {self.tile_name}; known tiles: {known}"


class Configuration:
    """The options of a run, read from a file and checked.

    The file has the options of S1Tiling, releases 0.2 to 1.4, and a section [Workbench] of its
    own. Attributes are called as S1Tiling calls them, and can be set to other values before the
    run. What a file says to the tools that S1Tiling calls is accepted and changes nothing;
    `without_effect` lists it.

    Parameters
    ----------
    config_file
        The file, an INI file in UTF-8. ``%(NAME)s`` in a value stands for another option of the
        section, one in [DEFAULT], or a variable of the environment; paths begin where the program
        is called, or at home with ``~``.
    do_show_configuration
        Whether all options are logged.
    extra_config_checks
        Pairs of a function of the configuration and what is wrong where it returns nothing true.

    Attributes
    ----------
    output_preprocess, lia_directory, ia_directory, gamma_area_directory, eof_directory
        Paths.output, lia, ia, gamma_area, eof_dir: folders for tiles, maps, and files of orbits.
    raw_directory, tmpdir
        Paths.s1_images, tmp: folders for products, and for files between the steps.
    dem, dem_info, dem_database, dem_filename_format, GeoidFile
        Paths.dem_dir, dem_info, dem_database, dem_format, geoid_file; the database is None where it
        is not given, the geoid then EGM96 from the folders of PROJ, or ``egm96.gtx``. ``none`` for
        the geoid is None: heights of the model are above the ellipsoid.
    eodag_config, download, nb_download_processes
        DataSource.eodag_config, download, nb_parallel_downloads.
    roi_by_tiles, platform_list, polarisation, orbit_direction, relative_orbit_list
        DataSource: tiles or ``["ALL"]``; such as ``["S1A"]``; one or two with a blank between, such
        as ``"VV VH"``; ``ASC``, ``DES`` or None; numbers. Empty lists and None are no condition.
    tile_to_product_overlap_ratio, first_date, last_date
        DataSource: per cent, 0 for no condition; ``YYYY-MM-DD``, both inclusive.
    mask_cond
        Mask.generate_border_mask.
    calibration_type, removethermalnoise, lower_signal_value, override_azimuth_cut_threshold_to
        Processing.calibration, remove_thermal_noise, lower_signal_value and the option of that
        name: True, False, or None to look at the image.
    out_spatial_res, grid_spacing, interpolation_method
        Processing.output_spatial_resolution, m; orthorectification_gridspacing, m, of which the
        nodes follow at which places are solved; ``nn`` or ``linear``.
    tile_list, tiles_list_in_file, output_grid
        Processing.tiles, or what the file of tiles_list_in_file lists; tiles_shapefile.
    Mode
        Words of Processing.mode: some of ``normal``, ``debug``, ``logging``; None if not given.
    nb_procs, ram_per_process, OTBThreads
        Processing.nb_parallel_processes; ram_per_process, MB; nb_otb_threads.
    produce_lia_map, ia_maps_to_produce, min_gamma_area, calibration_factor, nodatas
        Processing; the last by ``SAR``, ``LIA``, ``IA``, ``RTC``, ``XYZ``, ``DEM``.
    cache_dem_by, dem_warp_resampling_method, use_resampled_dem, resample_dem_factor_x,
    resample_dem_factor_y, distribute_area, inner_margin_ratio, outer_margin_ratio,
    disable_streaming
        Processing; kept for programs that read them, without effect here.
    fname_fmt, dname_fmt, creation_options
        Processing: those that are given, by the rest of their name. Creation options are dicts of
        ``gdal_options``, a list, and ``pixel_type``, which may lack.
    filter, filter_options, keep_non_filtered_products
        Filtering.filter, ``""`` for none; ``rad``, and ``nblooks`` or ``deramp``.
    generate_quicklook, quicklook_ratio, quicklook_scales
        Quicklook: whether; per cent; by polarisation in lower case.
    extra_metadata
        The tags of [Metadata], as they are written.
    srgr, grid_correction, exact
        Workbench: polynomials of ground range ``linear`` or ``nearest`` in time; whether what is
        left at the product's own grid is taken away; whether places are solved at each pixel.
    orbit_files
        Workbench: whether files of precise orbits in `eof_directory` are taken where there are any
        (``auto``), must be there (``require``), or are left alone (``never``).
    dem_cells, absent_dem_cells
        Workbench.dem_cells, dem_absent: a list of the cells that the elevation model has, or None;
        whether one that is neither there nor in a list is an ``error`` or ``sea``.
    dem_reference, geoid_reference, compare_geoid
        Workbench: what the heights are above and which geoid it is, such as ``EGM2008``, where
        files do not say it; a second geoid, to tell what it matters to take the first.
    overwrite
        Workbench: whether files that were made otherwise are replaced.
    layover_shadow_mask, cog, stac
        Workbench: whether masks, cloud-optimised GeoTIFFs, STAC items are made.
    filter_nodata, filter_relative_guard
        Workbench: whether pixels without value are left out (``exclude``) or count as 0 (``otb``);
        whether the least variance of a filter is relative.
    keep_latest_images
        Workbench: of products in `raw_directory` only so many are kept, and older ones deleted;
        None deletes none. S1Tiling keeps 1000.
    type_image
        ``GRD``.

    Raises
    ------
    ConfigurationError
        With all that is wrong: options that are missing, unknown, not understood or contradictory.
    """

    output_preprocess: Path
    lia_directory: Path
    ia_directory: Path
    gamma_area_directory: Path
    eof_directory: Path
    raw_directory: Path
    dem: Path
    dem_info: str
    dem_database: Path | None
    dem_filename_format: str
    GeoidFile: Path | None
    tmpdir: Path
    eodag_config: Path | None
    download: bool
    nb_download_processes: int
    roi_by_tiles: list[str]
    platform_list: list[str]
    polarisation: str
    orbit_direction: str | None
    relative_orbit_list: list[int]
    tile_to_product_overlap_ratio: int
    first_date: str
    last_date: str
    mask_cond: bool
    cache_dem_by: str
    override_azimuth_cut_threshold_to: bool | None
    calibration_type: str
    removethermalnoise: bool
    lower_signal_value: float
    out_spatial_res: float
    grid_spacing: float
    interpolation_method: str
    tile_list: list[str]
    tiles_list_in_file: Path | None
    output_grid: Path | None
    Mode: list[str] | None
    nb_procs: int
    ram_per_process: int
    OTBThreads: int
    produce_lia_map: bool
    ia_maps_to_produce: list[str]
    dem_warp_resampling_method: str
    min_gamma_area: float
    calibration_factor: float
    use_resampled_dem: bool
    resample_dem_factor_x: float
    resample_dem_factor_y: float
    distribute_area: bool
    inner_margin_ratio: float
    outer_margin_ratio: float
    nodatas: dict[str, float]
    fname_fmt: dict[str, str]
    dname_fmt: dict[str, str]
    creation_options: dict[str, dict[str, Any]]
    disable_streaming: dict[str, bool]
    filter: str
    filter_options: dict[str, float]
    keep_non_filtered_products: bool
    generate_quicklook: bool
    quicklook_ratio: int
    quicklook_scales: dict[str, float]
    srgr: str
    grid_correction: bool
    exact: bool
    orbit_files: str
    dem_cells: Path | None
    absent_dem_cells: str
    dem_reference: str | None
    geoid_reference: str | None
    compare_geoid: Path | None
    overwrite: bool
    layover_shadow_mask: bool
    filter_nodata: str
    filter_relative_guard: bool
    cog: bool
    stac: bool
    keep_latest_images: int | None

    type_image = "GRD"

    def __init__(
        self,
        config_file: str | os.PathLike[str],
        do_show_configuration: bool = True,
        *,
        extra_config_checks: Iterable[tuple[Callable[[Configuration], Any], str]] = (),
    ) -> None:
        path = Path(config_file)
        reading = read_options(read_ini(path, os.environ))
        check_together(reading)
        reading.raise_faults(path)
        for name, value in reading.values.items():
            setattr(self, name, value)
        if reading.values["GeoidFile"] is UNSET:
            self.GeoidFile = default_geoid()
        if not self.dem_info:
            self.dem_info = self.dem.absolute().name
        self.config_file = path
        self.extra_metadata: dict[str, str] = reading.metadata
        self.without_effect: dict[str, str] = reading.without_effect
        self.former_names: dict[str, str] = reading.former
        self._given = frozenset(reading.given)
        self._dems: dict[str, Any] = {}
        self._log_config: dict[str, Any] | None = None
        self._levels: dict[str, int] = {}
        for holds, message in extra_config_checks:
            if not holds(self):
                raise ConfigurationError(message, path)
        if do_show_configuration:
            self.show_configuration()

    def __repr__(self) -> str:
        return f"Configuration({str(self.config_file)!r})"

    @property
    def polarisations(self) -> tuple[str, ...]:
        """Polarisations as products have them, such as ``("vv", "vh")``."""
        return tuple(self.polarisation.lower().split())

    @property
    def period(self) -> tuple[date, date]:
        """First and last day, both inclusive."""
        return date.fromisoformat(self.first_date), date.fromisoformat(self.last_date)

    @property
    def extra_directories(self) -> dict[str, Path]:
        """Folders of maps and orbits, by the names that formats of folders have for them."""
        return {
            "lia_dir": self.lia_directory,
            "ia_dir": self.ia_directory,
            "gamma_area_dir": self.gamma_area_directory,
            "eof_dir": self.eof_directory,
        }

    @property
    def dem_field_ids(self) -> list[str]:
        """Fields of the database of the elevation model that its file names need."""
        return fields_of(self.dem_filename_format)

    @property
    def dem_main_field_id(self) -> str:
        """The field that names a cell: the first that has id in its name, else the first."""
        fields = self.dem_field_ids
        return next((name for name in fields if "id" in name or "ID" in name), fields[0])

    @property
    def dem_db_filepath(self) -> str:
        """The database of the elevation model, empty for none."""
        return str(self.dem_database or "")

    def register_dems_related_to_S2_tiles(  # noqa: N802
        self, dems_by_s2_tiles: Mapping[str, Any]
    ) -> None:
        """Keep what was found of the elevation model for each tile."""
        self._dems = dict(dems_by_s2_tiles)

    def get_dems_covering_s2_tile(self, tile_name: str) -> Any:
        """Return what was found of the elevation model for a tile.

        Raises
        ------
        UnregisteredTileError
            If the tile was not looked at.
        """
        if tile_name not in self._dems:
            raise UnregisteredTileError(tile_name, tuple(self._dems))
        return self._dems[tile_name]

    def init_logger(
        self, config_log_dir: str | os.PathLike[str], mode: str | list[str] | None = None
    ) -> None:
        """Log as the mode says, with ``logging`` to a file in a folder besides.

        Parameters
        ----------
        config_log_dir
            Folder for the file ``S1Processor.log``, to which lines are added.
        mode
            Words instead of those of Processing.mode.
        """
        words = mode if mode is not None else self.Mode or []
        self.Mode = words.lower().split() if isinstance(words, str) else list(words)
        self._log_config = log_settings(Path(config_log_dir).absolute(), self.Mode)
        former = open_log_file(self._log_config)
        self._levels = self._levels or former

    def close_logger(self) -> None:
        """Close the file of `init_logger`, and log as before."""
        if self._log_config is not None:
            close_log_files(self._log_config, self._levels)
            self._levels = {}

    @property
    def log_config(self) -> dict[str, Any]:
        """What is logged where, as `logging.config` writes it.

        Raises
        ------
        ConfigurationError
            Before `init_logger`.
        """
        if self._log_config is None:
            raise ConfigurationError("nothing is logged yet: call init_logger", self.config_file)
        return self._log_config

    def described(self) -> dict[str, dict[str, Any]]:
        """Return the present value of each option by section and name, for reports.

        Options of a name with a dot that have no value are left out.
        """
        found: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
        for option in OPTIONS:
            value = getattr(self, option.attribute)
            if option.key and option.key not in value:
                continue
            found[option.section][option.name] = _plain(value[option.key] if option.key else value)
        found["Metadata"] = dict(self.extra_metadata)
        return found

    def show_configuration(self) -> None:
        """Log all options: what the file says, the defaults, and what is without effect."""
        logger.info("configuration %s", self.config_file)
        for section in SECTIONS:
            shown = [each for each in OPTIONS if each.section == section and self._shown(each)]
            for option in shown:
                if option.title in self._given:
                    logger.info("  %s = %s", option.title, self._words(option))
            usual = [each for each in shown if each.title not in self._given]
            if usual:
                words = (f"{each.name} = {self._words(each)}" for each in usual)
                logger.info("  by default in [%s]: %s", section, ", ".join(words))
        for tag, text in self.extra_metadata.items():
            logger.info("  Metadata.%s = %s", tag, text)
        for old, new in self.former_names.items():
            logger.info("  %s is called %s by now", old, new)
        for title, reason in self.without_effect.items():
            logger.warning("%s has no effect: %s", title, reason)

    def _shown(self, option: Option) -> bool:
        value = getattr(self, option.attribute)
        if option.without_effect:
            return False
        return option.key in value if option.key else value is not None

    def _words(self, option: Option) -> str:
        value = getattr(self, option.attribute)
        value = value[option.key] if option.key else value
        if isinstance(value, list):
            return " ".join(map(str, value)) or "none"
        return "none" if value == "" else str(value)


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
