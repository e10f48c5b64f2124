"""The front doors: tiles, and maps of incidence, from a configuration."""

from __future__ import annotations

import logging
from collections.abc import Callable
from os import PathLike
from typing import Any

from tiling.sentinel1.configuration.configuration import Configuration
from tiling.sentinel1.errors import ConfigurationError
from tiling.sentinel1.production.running import process
from tiling.sentinel1.situation import Situation

__all__ = ["s1_process", "s1_process_lia"]

logger = logging.getLogger(__name__)

_DOWNLOADS = ("dl_wait", "dl_timeout", "searched_items_per_page", "nb_max_search_retries")
_LEAST = {"dl_wait": 0, "dl_timeout": 0, "searched_items_per_page": 1, "nb_max_search_retries": 1}


def s1_process(
    config_opt: str | PathLike[str] | Configuration,
    dl_wait: float = 2,
    dl_timeout: float = 20,
    searched_items_per_page: int = 20,
    nb_max_search_retries: int = 5,
    dryrun: bool = False,
    debug_otb: bool = False,
    debug_caches: bool = False,
    watch_ram: bool = False,
    debug_tasks: bool = False,
    cache_before_ortho: bool = False,
    lia_process: Callable[..., Any] | None = None,
    *,
    gamma_area_process: Callable[..., Any] | None = None,
    client: Any = None,
) -> Situation:
    """Make calibrated, terrain-corrected tiles of Sentinel-1 on the grid of Sentinel-2.

    Products are searched for and downloaded if the configuration says so, calibrated, put on the
    tiles, joined where two of an orbit meet, masked and filtered.

    Parameters
    ----------
    config_opt
        A file, or a `Configuration`.
    dl_wait, dl_timeout
        Minutes between two tries to get a product that is not there yet, and until it is given
        up. These and the next two give way to attributes of the configuration of these names.
    searched_items_per_page
        Products that a page of search results has.
    nb_max_search_retries
        Tries for a page that does not come in time.
    dryrun
        Say what would be done, and do nothing.
    debug_otb
        Serial debugging: one task after another in this process, without a cluster. The name is
        that of S1Tiling; nothing of OTB is called.
    debug_caches
        Keep the files between the steps.
    watch_ram
        Log the memory of each worker and task.
    debug_tasks
        Draw the tasks of each tile into ``tasks-{n}-{tile}.svg``.
    cache_before_ortho
        Write calibrated images, borders removed, to ``{tmp}/S1``.
    lia_process, gamma_area_process
        What registers the steps of maps instead of the function that does; for the calibrations
        normlim and gamma_naught_rtc.
    client
        Dask client to run on; by default a cluster of Processing.nb_parallel_processes workers is
        started on this machine, of fewer if fewer steps can go on at a time, and none for one.

    Returns
    -------
    Situation
        What went wrong on the way; its `code` is 0 if nothing did.

    Raises
    ------
    Error
        `ConfigurationError`, `NoS2TileError`, `NoS1ImageError`, `MissingDEMError`,
        `MissingGeoidError`, `CorruptedDataSAFEError`, `DownloadS1FileError`.
    """
    configuration = _configuration(config_opt)
    for name, function in (
        ("lia_process", lia_process), ("gamma_area_process", gamma_area_process),
    ):  # fmt: skip
        if function is not None and not callable(function):
            raise ConfigurationError(f"{name}={function!r} cannot be called")
    _check_use(configuration, "lia_process", lia_process, "normlim")
    _check_use(configuration, "gamma_area_process", gamma_area_process, "gamma_naught_rtc")
    return _run(
        configuration,
        maps_only=False,
        dl_wait=dl_wait,
        dl_timeout=dl_timeout,
        searched_items_per_page=searched_items_per_page,
        nb_max_search_retries=nb_max_search_retries,
        dryrun=dryrun,
        debug_otb=debug_otb,
        debug_caches=debug_caches,
        watch_ram=watch_ram,
        debug_tasks=debug_tasks,
        cache_before_ortho=cache_before_ortho,
        lia_process=lia_process,
        gamma_area_process=gamma_area_process,
        client=client,
    )


def s1_process_lia(
    config_opt: str | PathLike[str] | Configuration,
    dl_wait: float = 2,
    dl_timeout: float = 20,
    searched_items_per_page: int = 20,
    nb_max_search_retries: int = 5,
    dryrun: bool = False,
    debug_otb: bool = False,
    debug_caches: bool = False,
    watch_ram: bool = False,
    debug_tasks: bool = False,
    *,
    client: Any = None,
) -> Situation:
    """Make maps of the local incidence angle, and of its sine, on the grid of Sentinel-2.

    For each tile, direction and relative orbit there is one, whatever the date, that all tiles
    of that orbit can be normalised with.

    Parameters
    ----------
    config_opt
        A file, or a `Configuration`.
    dl_wait, dl_timeout, searched_items_per_page, nb_max_search_retries, dryrun, debug_otb,
    debug_caches, watch_ram, debug_tasks, client
        As of `s1_process`.

    Returns
    -------
    Situation
        What went wrong on the way; its `code` is 0 if nothing did.

    Raises
    ------
    Error
        As `s1_process`.
    """
    return _run(
        _configuration(config_opt),
        maps_only=True,
        dl_wait=dl_wait,
        dl_timeout=dl_timeout,
        searched_items_per_page=searched_items_per_page,
        nb_max_search_retries=nb_max_search_retries,
        dryrun=dryrun,
        debug_otb=debug_otb,
        debug_caches=debug_caches,
        watch_ram=watch_ram,
        debug_tasks=debug_tasks,
        client=client,
    )


def _configuration(config_opt: Any) -> Configuration:
    if isinstance(config_opt, Configuration):
        return config_opt
    if not isinstance(config_opt, str | PathLike):
        raise ConfigurationError(
            f"config_opt is a {type(config_opt).__name__}: give a path or a Configuration"
        )
    return Configuration(config_opt)


def _check_use(configuration: Configuration, name: str, function: Any, calibration: str) -> None:
    if function is not None and configuration.calibration_type != calibration:
        raise ConfigurationError(
            f"{name} is for Processing.calibration = {calibration}, not "
            f"{configuration.calibration_type}",
            configuration.config_file,
        )


def _run(configuration: Configuration, **options: Any) -> Situation:
    """Carry out a run, with the log that the configuration asks for."""
    for name in _DOWNLOADS:
        value = getattr(configuration, name, options[name])
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not _LEAST[name] <= value < float("inf"):
            raise ConfigurationError(f"{name} = {value!r}: a number from {_LEAST[name]} is wanted")
        options[name] = value
    if configuration.Mode is not None:
        silent = ["logging"] if options["dryrun"] else []  # which writes no file
        words = [word for word in configuration.Mode if word not in silent]
        configuration.init_logger(configuration.output_preprocess, words)
    try:
        situation = process(configuration, **options)
    finally:
        configuration.close_logger()
    if situation.code:
        logger.warning(
            "failed: %d tasks, %d searches, %d downloads, of which %d took too long",
            situation.nb_computation_errors, situation.nb_search_failures,
            situation.nb_download_failures, situation.nb_download_timeouts,
        )  # fmt: skip
    return situation
