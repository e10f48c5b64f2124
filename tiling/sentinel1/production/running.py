"""A whole run: what is checked, downloaded, planned, made, and told at its end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tiling.sentinel1.downloads.providers import Provider
from tiling.sentinel1.downloads.tiledownloads import Pace, TileDownloads
from tiling.sentinel1.errors import CorruptedDataSAFEError, NoS1ImageError
from tiling.sentinel1.outputs.names import Names
from tiling.sentinel1.production.carrying import carry_out
from tiling.sentinel1.production.drawings import draw_steps
from tiling.sentinel1.production.fetchingtiles import TileFetcher
from tiling.sentinel1.production.ground import surfaces
from tiling.sentinel1.production.mapping import AROUND_KM
from tiling.sentinel1.production.planning import Pass, Planner, Wishes
from tiling.sentinel1.production.plans import plan_tile
from tiling.sentinel1.production.selecting import Found, find_products, orbit_files, select
from tiling.sentinel1.production.settings import Settings
from tiling.sentinel1.production.sharedmaps import MapFolders
from tiling.sentinel1.production.standing import Standing
from tiling.sentinel1.production.steps import Step, needed, side_by_side
from tiling.sentinel1.production.tallies import Tally
from tiling.sentinel1.production.workers import workers
from tiling.sentinel1.selection.absence import why_nothing
from tiling.sentinel1.selection.filters import Filters
from tiling.sentinel1.selection.retention import remove_beyond_limit
from tiling.sentinel1.selection.tiles import covered_tiles, existing_tiles
from tiling.sentinel1.situation import Situation
from workbench.files import sweep
from workbench.locks import held
from workbench.runs import Run

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["process"]

logger = logging.getLogger(__name__)


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
) -> Situation:
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
        Cluster; by default one of this machine, as the configuration says, where steps can go on at
        a time.
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
    run = _Run(
        cfg, modes, TileFetcher.of(cfg, provider, pace, dryrun), lia_process or gamma_area_process
    )
    with ExitStack() as stack:
        record = None if dryrun else _entered(stack, cfg, modes)
        try:
            run.go(client)
        finally:
            if record is not None:
                run.tally.write_down(record)
        if record is not None:
            _sweep(cfg)
        if run.tally.broken:
            name, reason = next(iter(sorted(run.tally.broken.items())))
            more = f" (and {len(run.tally.broken) - 1} more)" if len(run.tally.broken) > 1 else ""
            raise CorruptedDataSAFEError(name, reason + more)
    return run.tally.situation()


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


def _todo(steps: Mapping[str, Step], standing: Standing) -> list[Step]:
    """Return the steps that are left to do; what was made otherwise is in the way."""
    todo = needed(list(steps.values()), standing.stands)
    standing.refuse(todo)
    return todo


class _Run:
    """A run that is under way."""

    def __init__(
        self, cfg: Any, modes: _Modes, fetcher: TileFetcher, planner: Callable[..., Any] | None
    ) -> None:
        self.cfg, self.modes, self.fetcher, self.planner = cfg, modes, fetcher, planner
        self.settings, self.filters, self.names = Settings.of(cfg), Filters.of(cfg), Names.of(cfg)
        self.raw = Path(cfg.raw_directory)
        self.ratio = float(cfg.tile_to_product_overlap_ratio or 0)
        self.wishes = self._wishes()
        self.tally = Tally()

    def _wishes(self) -> Wishes:
        cfg, modes = self.cfg, self.modes
        masks = bool(cfg.mask_cond) and not modes.maps_only
        keep = getattr(cfg, "keep_non_filtered_products", None)
        if keep is False and masks:
            logger.warning("tiles are kept that are filtered: border masks are made of them")
        if cfg.produce_lia_map and not modes.maps_only and cfg.calibration_type != "normlim":
            logger.info("no map of incidence: tiles of this calibration need none; S1LIAMap has it")
        if modes.maps_only and cfg.calibration_type == "gamma_naught_rtc":
            logger.info("maps of incidence only: those of areas are made with the tiles")
        return Wishes(
            polarisations=self.filters.polarisations,
            maps_only=modes.maps_only,
            degrees=bool(cfg.produce_lia_map),
            level=tuple(getattr(cfg, "ia_maps_to_produce", ())),
            masks=masks,
            hidden=bool(getattr(cfg, "layover_shadow_mask", False)) and not modes.maps_only,
            quicklooks=bool(getattr(cfg, "generate_quicklook", False)),
            items=bool(getattr(cfg, "stac", False)),
            unfiltered=keep is not False or masks,
            intermediates=modes.intermediates,
            images_first=modes.images_first,
        )

    def go(self, client: Client | None) -> None:
        """Make all tiles: together, but one by one where each is downloaded."""
        cfg, modes, tally = self.cfg, self.modes, self.tally
        tiles = self._tiles()
        heights = surfaces(tiles, cfg)
        areas = self.settings.calibration == "gamma_naught_rtc" and not modes.maps_only
        around = heights
        if areas or self.wishes.hidden:
            around = surfaces(tiles, cfg, around=AROUND_KM)
        standing = Standing(bool(getattr(cfg, "overwrite", False)))
        groups = [[tile] for tile in tiles] if self.fetcher.downloads else [tiles]
        with ExitStack() as stack:
            cluster: list[Client | None] = []
            for group in groups:
                downloads = {tile: self.fetcher.fetch(tile) for tile in group}
                tally.downloads += downloads.values()
                plans = self._plans(downloads, heights, around)
                steps = {step.name: step for plan in plans.values() for step in plan}
                maps = stack.enter_context(MapFolders())
                todo = _todo(steps, standing)
                if not modes.dryrun and maps.hold(todo):
                    todo = _todo(steps, standing)
                maps.until(todo)
                self._draw(tiles, plans, todo)
                tally.kept, tally.found = len(standing.kept), len(standing.found)
                if modes.dryrun:
                    for step in todo:
                        logger.info("would be made: %s %s", step.kind, step.outputs[0])
                elif todo:
                    if not cluster:
                        most = side_by_side(todo) if len(groups) == 1 else None
                        cluster.append(stack.enter_context(self._workers(client, most)))
                    self._carry(todo, cluster[0], maps)
                keep = getattr(cfg, "keep_latest_images", None)
                if keep is not None and not modes.dryrun:
                    remove_beyond_limit(self.raw, int(keep))
        if tally.nothing:
            raise NoS1ImageError(
                why_nothing(self.raw, self.filters, self._find().products, tiles, self.ratio)
            )

    def _find(self) -> Found:
        found = find_products(self.raw, self.filters, noise=self.settings.remove_noise)
        self.tally.replace(found.replaced)
        return found

    def _tiles(self) -> list[str]:
        """Return the tiles of a run; for ``ALL`` those that products on this machine lie on."""
        named = list(self.cfg.tile_list or ())
        if [name.upper() for name in named] != ["ALL"]:
            return existing_tiles(named)
        tiles = covered_tiles(self._find().products, self.ratio)
        if not tiles:
            raise NoS1ImageError(
                f"no tile is covered enough by products in {self.raw}, of which all tiles "
                "are to be made"
            )
        return tiles

    def _plans(
        self,
        downloads: Mapping[str, TileDownloads],
        heights: Mapping[str, Any],
        around: Mapping[str, Any],
    ) -> dict[str, list[Step]]:
        """Return the steps of each tile, and note what cannot be made."""
        found = self._find()
        self.tally.broken |= found.broken
        plans = {}
        for tile, download in downloads.items():
            missing = [each.offer.name for each in download.failures]
            selected = select(
                found.products, tile, ratio=self.ratio, missing=missing, broken=found.broken
            )
            self.tally.skipped += selected.skipped
            passes = self._with_orbits(tile, selected.passes)
            self.tally.products |= {each.identifier for one in passes for each in one.products}
            planner = Planner(
                tile, self.settings, self.wishes, self.names, heights[tile], around[tile]
            )
            steps = plan_tile(planner, passes)
            if self.planner is not None:
                maps = [step for step in steps if step.kind == "incidence"]
                others = [step for step in steps if step.kind != "incidence"]
                steps = [*self.planner(maps, self.cfg), *others]
            if not passes:
                logger.warning("%s: no product to be put on it", tile)
            plans[tile] = steps
        return plans

    def _with_orbits(self, tile: str, found: Sequence[Any]) -> list[Pass]:
        """Return passes with their orbit files; a broken product stops its own pass only."""
        passes = []
        for one in found:
            try:
                passes.append(orbit_files(one, self.settings, self.wishes.polarisations))
            except CorruptedDataSAFEError as reason:
                logger.error("not made: %s of %s: %s", tile, one.day, reason)
                self.tally.broken[str(reason.product)] = reason.details
                self.tally.skipped.append(f"{tile} of {one.day}: {reason}")
        return passes

    def _draw(
        self, tiles: Sequence[str], plans: Mapping[str, list[Step]], todo: Sequence[Step]
    ) -> None:
        if not self.modes.drawn:
            return
        names = {step.name for step in todo}
        for tile, steps in plans.items():
            path = self.names.output / f"tasks-{tiles.index(tile) + 1}-{tile}.svg"
            used = {name for step in steps for name in getattr(step.work, "products", ())}
            draw_steps(path, steps, sorted(used), [s.name for s in steps if s.name not in names])
            logger.info("steps of %s: %s", tile, path)

    def _workers(self, client: Client | None, most: int | None) -> Any:
        return workers(
            client,
            processes=int(self.cfg.nb_procs),
            megabytes=float(self.cfg.ram_per_process),
            threads=int(self.cfg.OTBThreads),
            serial=self.modes.serial,
            most=most,
        )

    def _carry(self, todo: Sequence[Step], client: Client | None, maps: MapFolders) -> None:
        carried = carry_out(todo, client=client, watch_ram=self.modes.watch_ram, ended=maps.ended)
        self.tally.add(carried, todo)
        for step in todo:
            # A tile that is only there to be filtered, once all that needs it is made.
            users = [other.name for other in todo if step.name in other.needs]
            if step.wanted or step.kind != "tile" or self.modes.intermediates:
                continue
            if step.name in carried.made and all(name in carried.made for name in users):
                for path in (*step.outputs, step.record):
                    path.unlink(missing_ok=True)
