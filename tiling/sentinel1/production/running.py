"""A whole run: what is checked, downloaded, planned, made, and told at its end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tiling.sentinel1.downloads.providers import Provider
from tiling.sentinel1.downloads.tiledownloads import Pace, TileDownloads
from tiling.sentinel1.errors import CorruptedDataSAFEError, NoS1ImageError
from tiling.sentinel1.production.carrying import Carried, carry_out
from tiling.sentinel1.production.drawings import draw_steps
from tiling.sentinel1.production.fetchingtiles import TileFetcher
from tiling.sentinel1.production.ground import surfaces
from tiling.sentinel1.production.plans import Wishes, plan_tile
from tiling.sentinel1.production.selecting import broken_products, orbit_files, select
from tiling.sentinel1.production.settings import Settings
from tiling.sentinel1.production.standing import Standing
from tiling.sentinel1.production.steps import Step, needed
from tiling.sentinel1.production.workers import workers
from workbench.files import sweep
from workbench.locks import held
from workbench.runs import Run

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["process"]

logger = logging.getLogger(__name__)

_LAYOVER_KM = 15.0
"""Ground that far from a tile can lie over it: 8 km of height at an incidence of 29 degrees."""


@dataclass(frozen=True)
class _Modes:
    """How a run goes, as `process` has it."""

    maps_only: bool
    dryrun: bool
    serial: bool
    intermediates: bool
    watch_ram: bool
    drawn: bool
    images_first: bool


@dataclass
class _Tally:
    """What a run has to tell."""

    downloads: list[TileDownloads] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)
    products: set[str] = field(default_factory=set)
    kept: int = 0
    found: int = 0
    outputs: list[Path] = field(default_factory=list)
    carried: Carried = field(default_factory=Carried)
    warnings: set[str] = field(default_factory=set)


def process(
    cfg: Any,
    *,
    maps_only: bool = False,
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
    gamma_area_process: Callable[..., Any] | None = None,
    client: Client | None = None,
    provider: Provider | None = None,
) -> Any:
    """Carry out the run that a configuration describes.

    Tiles, heights and products are checked before any work begins. What stands already is kept,
    what was made otherwise is not written over, and whatever one step cannot do, the others are
    done. The run holds its folders of outputs and of temporary files: another one there is refused.

    Parameters
    ----------
    cfg
        The configuration; attributes are called as those of S1Tiling.
    maps_only
        Make maps of incidence only.
    dl_wait, dl_timeout, searched_items_per_page, nb_max_search_retries
        See `tiling.sentinel1.downloads.tiledownloads.Pace`.
    dryrun
        Search, plan, say what would be done, and write nothing.
    debug_otb
        One step after another in this thread.
    debug_caches
        Keep what is between the steps: each image on its own, tiles before they are filtered.
    watch_ram
        Log the memory of each step.
    debug_tasks
        Draw the steps of each tile, ``<output>/tasks-{n}-{tile}.svg``; also in a dry run.
    cache_before_ortho
        Write calibrated images to ``<tmp>/S1`` before they are put on tiles.
    lia_process, gamma_area_process
        Called with the planned steps of the maps, and the configuration; returns the steps that are
        done in their place.
    client
        Cluster; by default one of this machine, as the configuration says.
    provider
        Where products are downloaded from; by default eodag.

    Returns
    -------
    Situation
        What went wrong, counted.

    Raises
    ------
    NoS2TileError, NoS1ImageError, MissingDEMError, MissingGeoidError, WrongHeightsError
        If there is nothing to be done, or not with this.
    CorruptedDataSAFEError
        If a product that is asked for is not whole; after all that does not need it has been made.
    DownloadS1FileError
        If downloads cannot even be tried.
    OutputExists
        If files are in the way that were made otherwise.
    FolderInUse
        If another run is at work.
    DiskFull
        If a disk is.
    """
    modes = _Modes(
        maps_only, dryrun, debug_otb, debug_caches, watch_ram, debug_tasks, cache_before_ortho
    )
    pace = Pace(
        dl_wait, dl_timeout, searched_items_per_page, nb_max_search_retries,
        int(getattr(cfg, "nb_download_processes", 1) or 1),
    )  # fmt: skip
    tally = _Tally()
    planner = lia_process or gamma_area_process
    with ExitStack() as stack:
        record = None if dryrun else _entered(stack, cfg, modes)
        try:
            _run(cfg, modes, TileFetcher.of(cfg, provider, pace, dryrun), tally, client, planner)
        finally:
            if record is not None:
                _write_down(record, tally)
        if record is not None:
            _sweep(cfg)
        if tally.broken:
            name, reason = next(iter(sorted(tally.broken.items())))
            more = f" (and {len(tally.broken) - 1} more)" if len(tally.broken) > 1 else ""
            raise CorruptedDataSAFEError(name, reason + more)
    return _situation(tally)


def _entered(stack: ExitStack, cfg: Any, modes: _Modes) -> Run:
    """Hold the folders of a run, and begin its record."""
    what = "a run of Sentinel-1"
    stack.enter_context(held(Path(cfg.tmpdir), what))
    parameters = {
        name: str(value) for name, value in sorted(vars(cfg).items()) if not name.startswith("_")
    }
    told = {"configuration": parameters, "modes": vars(modes)}
    run = Run(Path(cfg.output_preprocess), system="sentinel1", parameters=told)
    return stack.enter_context(run)


def _sweep(cfg: Any) -> None:
    """Remove what runs that were killed left half-written, in all folders of a run."""
    names = ("output_preprocess", "tmpdir", "lia_directory", "ia_directory", "gamma_area_directory")
    folders = {Path(folder) for name in names if (folder := getattr(cfg, name, None)) is not None}
    for folder in sorted(folders):
        sweep(folder, recursive=True)


def _run(
    cfg: Any,
    modes: _Modes,
    fetcher: TileFetcher,
    tally: _Tally,
    client: Client | None,
    planner: Callable[..., Any] | None,
) -> None:
    from tiling.sentinel1.selection.filters import Filters

    settings, filters = Settings.of(cfg), Filters.of(cfg)
    tiles = _tiles(cfg, filters, settings)
    areas = settings.calibration == "gamma_naught_rtc" and not modes.maps_only
    heights = surfaces(tiles, cfg, around=_LAYOVER_KM if areas else 0)
    found_any = False
    standing = Standing(bool(getattr(cfg, "overwrite", False)))
    with ExitStack() as stack:
        cluster: list[Client | None] = []
        for group in _groups(tiles, fetcher):
            downloads = [fetcher.fetch(tile) for tile in group]
            tally.downloads += downloads
            products, broken = broken_products(
                Path(cfg.raw_directory), filters, noise=settings.remove_noise
            )
            plans = _plans(cfg, modes, settings, filters, group, heights, tally, planner,
                           products, broken, downloads)  # fmt: skip
            steps = [step for plan in plans.values() for step in plan]
            found_any = found_any or any(each.found for each in downloads)
            todo = needed(list({step.name: step for step in steps}.values()), standing.stands)
            standing.refuse(todo)
            _draw(cfg, modes, tiles, plans, todo)
            tally.kept, tally.found = len(standing.kept), len(standing.found)
            if modes.dryrun:
                for step in todo:
                    logger.info("would be made: %s %s", step.kind, step.outputs[0])
            elif todo:
                if not cluster:
                    cluster.append(stack.enter_context(_workers(cfg, modes, client)))
                _carry(todo, cluster[0], modes, tally)
            _remove_raw(cfg, modes)
    if not (found_any or tally.products or tally.skipped) and not any(
        d.search_error for d in tally.downloads
    ):
        raise NoS1ImageError(_why_nothing(cfg, filters, settings, tiles))


def _why_nothing(cfg: Any, filters: Any, settings: Settings, tiles: Sequence[str]) -> str:
    from tiling.sentinel1.selection.absence import why_nothing

    folder, ratio = Path(cfg.raw_directory), float(cfg.tile_to_product_overlap_ratio or 0)
    products, _ = broken_products(folder, filters, noise=settings.remove_noise)
    return why_nothing(folder, filters, products, tiles, ratio)


def _tiles(cfg: Any, filters: Any, settings: Settings) -> list[str]:
    """Return the tiles of a run; for ``ALL`` those that products on this machine lie on."""
    from tiling.sentinel1.selection.tiles import covered_tiles, existing_tiles

    named = list(cfg.tile_list or ())
    if [name.upper() for name in named] != ["ALL"]:
        found: list[str] = existing_tiles(named)
        return found
    products, _ = broken_products(Path(cfg.raw_directory), filters, noise=settings.remove_noise)
    tiles: list[str] = covered_tiles(products, float(cfg.tile_to_product_overlap_ratio or 0))
    if not tiles:
        raise NoS1ImageError(
            f"no tile is covered enough by products in {cfg.raw_directory}, of which all tiles "
            "are to be made"
        )
    return tiles


def _groups(tiles: Sequence[str], fetcher: TileFetcher) -> Iterator[list[str]]:
    """Yield the tiles that are made together: all, but one by one where each is downloaded."""
    if fetcher.downloads:
        yield from ([tile] for tile in tiles)
    else:
        yield list(tiles)


def _plans(
    cfg: Any,
    modes: _Modes,
    settings: Settings,
    filters: Any,
    tiles: Sequence[str],
    heights: Mapping[str, Any],
    tally: _Tally,
    planner: Callable[..., Any] | None,
    products: Sequence[Any],
    broken: Mapping[str, str],
    downloads: Sequence[TileDownloads],
) -> dict[str, list[Step]]:
    """Return the steps of each tile, and note what cannot be made."""
    from tiling.sentinel1.outputs.names import Names

    names, wishes = Names.of(cfg), _wishes(cfg, modes, filters)
    ratio = float(cfg.tile_to_product_overlap_ratio or 0)
    plans = {}
    tally.broken |= broken
    for tile, download in zip(tiles, downloads, strict=True):
        missing = [each.offer.name for each in download.failures]
        selected = select(products, tile, ratio=ratio, missing=missing, broken=broken)
        tally.skipped += selected.skipped
        passes = []
        for one in selected.passes:
            try:
                passes.append(orbit_files(one, settings, wishes.polarisations))
            except CorruptedDataSAFEError as reason:  # its own pass only
                logger.error("not made: %s of %s: %s", tile, one.day, reason)
                tally.broken[str(reason.product)] = reason.details
                tally.skipped.append(f"{tile} of {one.day}: {reason}")
        tally.products |= {each.identifier for one in passes for each in one.products}
        steps = plan_tile(
            tile, passes, settings=settings, wishes=wishes, names=names, surface=heights[tile]
        )
        if planner is not None:
            maps = [step for step in steps if step.kind == "incidence"]
            others = [step for step in steps if step.kind != "incidence"]
            steps = [*planner(maps, cfg), *others]
        if not passes:
            logger.warning("%s: no product to be put on it", tile)
        plans[tile] = steps
    return plans


def _wishes(cfg: Any, modes: _Modes, filters: Any) -> Wishes:
    masks = bool(cfg.mask_cond) and not modes.maps_only
    keep = getattr(cfg, "keep_non_filtered_products", None)
    if keep is False and masks:
        logger.warning("tiles are kept that are filtered: border masks are made of them")
    return Wishes(
        polarisations=filters.polarisations,
        maps_only=modes.maps_only,
        degrees=bool(cfg.produce_lia_map),
        masks=masks,
        quicklooks=bool(getattr(cfg, "generate_quicklook", False)),
        items=bool(getattr(cfg, "stac", False)),
        unfiltered=keep is not False or masks,
        intermediates=modes.intermediates,
        images_first=modes.images_first,
    )


def _draw(
    cfg: Any,
    modes: _Modes,
    tiles: Sequence[str],
    plans: Mapping[str, list[Step]],
    todo: Sequence[Step],
) -> None:
    if not modes.drawn:
        return
    names = {step.name for step in todo}
    for tile, steps in plans.items():
        path = Path(cfg.output_preprocess) / f"tasks-{tiles.index(tile) + 1}-{tile}.svg"
        used = {name for step in steps for name in getattr(step.work, "products", ())}
        draw_steps(path, steps, sorted(used), [s.name for s in steps if s.name not in names])
        logger.info("steps of %s: %s", tile, path)


def _workers(cfg: Any, modes: _Modes, client: Client | None) -> Any:
    return workers(
        client,
        processes=int(cfg.nb_procs),
        megabytes=float(cfg.ram_per_process),
        threads=int(cfg.OTBThreads),
        serial=modes.serial,
    )


def _carry(
    todo: Sequence[Step],
    client: Client | None,
    modes: _Modes,
    tally: _Tally,
) -> None:
    carried = carry_out(todo, client=client, watch_ram=modes.watch_ram)
    tally.carried.made |= carried.made
    tally.carried.failed |= carried.failed
    tally.carried.dropped |= carried.dropped
    for error in carried.failed.values():
        if isinstance(error, CorruptedDataSAFEError):  # what a look from outside did not show
            tally.broken[str(error.product)] = error.details
    made = [step for step in todo if step.name in carried.made]
    for step in made:
        warning = carried.made[step.name].told.get("warning")
        tally.warnings |= {str(warning)} if warning else set()
        if step.wanted:
            tally.outputs += step.outputs
        elif step.kind == "tile" and not modes.intermediates and _all_done(step, todo, carried):
            for path in (*step.outputs, step.record):
                path.unlink(missing_ok=True)


def _remove_raw(cfg: Any, modes: _Modes) -> None:
    """Remove the oldest products beyond a limit, where the configuration asks for one."""
    keep = getattr(cfg, "keep_latest_images", None)
    if keep is None or modes.dryrun:
        return
    from tiling.sentinel1.selection.retention import remove_beyond_limit

    remove_beyond_limit(Path(cfg.raw_directory), int(keep))


def _all_done(step: Step, todo: Sequence[Step], carried: Carried) -> bool:
    """Tell whether all that needs a step has been made."""
    return all(other.name in carried.made for other in todo if step.name in other.needs)


def _write_down(record: Run, tally: _Tally) -> None:
    """Put into the record of a run what it has to tell."""
    counts = {
        "products": len(tally.products),
        "made": len(tally.carried.made),
        "kept": tally.kept,
        "kept_unknown": tally.found,
        "failed": len(tally.carried.failed),
        "dropped": len(tally.carried.dropped),
        "skipped": len(tally.skipped),
        "downloaded": sum(each.safe is not None for d in tally.downloads for each in d.fetched),
        "download_failures": sum(len(each.failures) for each in tally.downloads),
        "download_timeouts": sum(len(each.timeouts) for each in tally.downloads),
        "search_failures": sum(each.search_error is not None for each in tally.downloads),
    }
    for name, number in counts.items():
        record.count(name, number)
    record.inputs += [{"path": name} for name in sorted(tally.products)]
    record.set("failed", {name: str(error) for name, error in tally.carried.failed.items()})
    record.set("dropped", tally.carried.dropped)
    record.set("skipped", tally.skipped)
    record.set("broken", tally.broken)
    record.set("steps", _step_records(tally.carried))
    for warning in sorted(tally.warnings):
        record.warn(warning)
    for path in tally.outputs:
        if path.exists():
            record.output(path)


def _step_records(carried: Carried) -> dict[str, dict[str, Any]]:
    return {
        name: {
            "seconds": round(made.seconds, 3),
            "process": made.process,
            "most_memory": made.memory[1],
        }
        for name, made in carried.made.items()
    }


def _situation(tally: _Tally) -> Any:
    from tiling.sentinel1.situation import Situation

    return Situation(
        nb_computation_errors=len(tally.carried.failed),
        nb_search_failures=sum(each.search_error is not None for each in tally.downloads),
        nb_download_failures=sum(len(each.failures) for each in tally.downloads),
        nb_download_timeouts=sum(len(each.timeouts) for each in tally.downloads),
    )
