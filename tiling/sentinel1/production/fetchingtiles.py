"""Downloads for the tiles of a run, by its configuration."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from tiling.sentinel1.downloads.eodagproviders import EodagProvider
from tiling.sentinel1.downloads.providers import Offer, Provider, Query
from tiling.sentinel1.downloads.tiledownloads import Pace, TileDownloads, download_tile

__all__ = ["TileFetcher"]

logger = logging.getLogger(__name__)

_PAIRS = ({"vv", "vh"}, {"hh", "hv"})


@dataclass
class TileFetcher:
    """Downloads what tiles need; does nothing where nothing is to be downloaded.

    Attributes
    ----------
    cfg
        The configuration.
    provider
        None where nothing is downloaded.
    pace, dryrun
        See `tiling.sentinel1.downloads.tiledownloads`.
    """

    cfg: Any
    provider: Provider | None
    pace: Pace
    dryrun: bool

    @classmethod
    def of(cls, cfg: Any, provider: Provider | None, pace: Pace, dryrun: bool) -> TileFetcher:
        """Return that of a configuration, with eodag where no other provider is given."""
        if not cfg.download:
            return cls(cfg, None, pace, dryrun)
        if provider is None:
            given = getattr(cfg, "eodag_config", None)
            provider = EodagProvider(None if given is None else Path(given))
        return cls(cfg, provider, pace, dryrun)

    @property
    def downloads(self) -> bool:
        """Whether anything is downloaded."""
        return self.provider is not None

    def fetch(self, tile: str) -> TileDownloads:
        """Download what a tile needs and is not here."""
        if self.provider is None or not self._is_wanted(tile):
            return TileDownloads(tile)
        from tiling.sentinel1.selection.inputs import product_folders
        from workbench.rasters.tilegrid import tile_footprint

        cfg = self.cfg
        raw = Path(cfg.raw_directory)
        query = Query(
            date.fromisoformat(str(cfg.first_date)[:10]),
            date.fromisoformat(str(cfg.last_date)[:10]),
            tile_footprint(tile),
            self._channels(),
            tuple(cfg.platform_list or ()),
            cfg.orbit_direction or None,
            tuple(cfg.relative_orbit_list or ()),
        )
        return download_tile(
            self.provider,
            tile,
            query,
            raw,
            pace=self.pace,
            present=[path.name.removesuffix(".SAFE") for path in product_folders(raw)],
            chosen=_covering(tile, float(cfg.tile_to_product_overlap_ratio or 0)),
            finished=self._finished(tile),
            dryrun=self.dryrun,
        )

    def _is_wanted(self, tile: str) -> bool:
        regions = [str(name).upper().removeprefix("T") for name in self.cfg.roi_by_tiles or ()]
        return regions in ([], ["ALL"]) or tile in regions

    def _channels(self) -> tuple[str, ...]:
        """Return the pair that the polarisations of the run belong to: products hold both."""
        text = str(self.cfg.polarisation).lower()
        for pair in _PAIRS:
            if any(each in text for each in pair):
                return tuple(sorted(pair, reverse=True))
        return ()

    def _finished(self, tile: str) -> Callable[[Offer], bool]:
        """Return what tells whether all final files of the pass of a product stand."""
        from types import SimpleNamespace

        import numpy as np

        from tiling.sentinel1.outputs.acquisitions import acquisition
        from tiling.sentinel1.outputs.names import Names
        from tiling.sentinel1.selection.filters import Filters

        names, asked = Names.of(self.cfg), Filters.of(self.cfg).polarisations
        filtered = (getattr(self.cfg, "filter", "") or "none") != "none"
        kept = getattr(self.cfg, "keep_non_filtered_products", None) is not False
        masks = bool(self.cfg.mask_cond)

        def finished(offer: Offer) -> bool:
            name = offer.parsed
            if name is None or offer.direction is None:
                return False
            manifest = SimpleNamespace(
                folder=Path(offer.name), platform=name.platform, direction=offer.direction,
                orbit=name.orbit, relative_orbit=name.relative_orbit,
                start=name.start.astype(np.dtype("M8[us]")), polarisations=name.polarisations,
            )  # fmt: skip
            for polarisation in asked:
                alone = acquisition([manifest], polarisation)  # type: ignore[list-item,unused-ignore]
                stamps = [alone, _merged(alone)]
                wanted = [names.tile] if kept or masks else []
                wanted += [names.filtered] if filtered else []
                wanted += [names.mask] if masks else []
                if not any(all(path(tile, stamp).exists() for path in wanted) for stamp in stamps):
                    return False
            return True

        return finished


def _merged(alone: Any) -> Any:
    """Return the acquisition of an image and another of its pass, for the name they have."""
    from dataclasses import replace

    return replace(alone, products=alone.products * 2, starts=alone.starts * 2)


def _covering(tile: str, ratio: float) -> Callable[[list[Offer]], list[Offer]]:
    """Return what leaves out offers of passes that cover too little of a tile."""

    def chosen(offers: list[Offer]) -> list[Offer]:
        from tiling.sentinel1.selection.coverage import coverage

        covered: dict[Any, float] = {}
        keys = {}
        for offer in offers:
            name = offer.parsed
            assert name is not None
            keys[offer.name] = (name.platform, str(name.start)[:10], name.relative_orbit)
            share = 100.0 if offer.footprint is None else coverage(offer.footprint, tile)
            if share > 0:
                covered[keys[offer.name]] = covered.get(keys[offer.name], 0.0) + share
        left = [o for o in offers if round(covered.get(keys[o.name], 0.0), 2) < max(ratio, 1e-9)]
        for offer in left:
            logger.info("%s: %s covers too little and is not downloaded", tile, offer.name)
        return [offer for offer in offers if offer not in left]

    return chosen
