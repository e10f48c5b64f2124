"""The stages that make crops, regridded scenes and tiles: what each shall make, and what it lacks.

A stage is laid out before it runs: jobs of all scenes, their fingerprints and files. So a dry run,
a status and a run see the same thing. Scenes with nothing to show are left out of later stages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tiling.scenes.domains.planes import domain_grid, spanning
from tiling.scenes.errors import SceneError
from tiling.scenes.meta.model import Domain, Meta
from tiling.scenes.planning.labels import labelled, read_labels
from tiling.scenes.planning.locations import triplet_locations
from tiling.scenes.planning.placing import placing
from tiling.scenes.planning.plans import read_splits, read_tiles, write_splits
from tiling.scenes.planning.scenes import Scenes, start
from tiling.scenes.planning.splitting import split
from tiling.scenes.planning.tiles import Tile, by_scene
from tiling.scenes.planning.trajectorytiles import trajectory_tiles
from tiling.scenes.production.dataset import Dataset
from tiling.scenes.production.fingerprints import (
    crop_settings,
    grid_settings,
    of_crop,
    of_regridded,
    of_tiles,
    sha256_of,
)
from tiling.scenes.production.running import Made
from tiling.scenes.production.scenejobs import CropJob, GridJob, TileJob
from tiling.scenes.production.scenelists import aux_scenes, scene_list
from tiling.scenes.production.stagework import (
    Stage,
    crop_one,
    files_of,
    reasons,
    regrid_one,
    tile_one,
)
from tiling.scenes.production.standing import Record, names_in, sort_out
from tiling.scenes.production.trajectory import read_trajectory

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["Kind", "Stages"]

Kind = Literal["triplets", "trajectories"]
Method = Literal["bilinear", "nearest", "area"]


class Stages:
    """The stages of a dataset, or of one of its auxiliary products.

    Parameters
    ----------
    aux
        Name of the product; None for the scenes of the dataset.
    pack
        Write int16 where values fit, half as large.
    """

    def __init__(self, dataset: Dataset, aux: str | None = None, *, pack: bool = False) -> None:
        self.dataset, self.aux, self.pack = dataset, aux, pack
        self.meta, self.layout = dataset.meta, dataset.layout(aux)

    @cached_property
    def scenes(self) -> Scenes:
        """Scenes of the dataset."""
        return scene_list(self.dataset)

    @cached_property
    def _matched(self) -> tuple[dict[str, Any], Scenes]:
        assert self.aux is not None
        return aux_scenes(self.dataset, self.aux)

    @cached_property
    def domain(self) -> Domain:
        """The domain; one that spans trajectories as the rectangle that it is."""
        if self.meta.domain.kind != "spanning_trajectories":
            return self.meta.domain
        places = read_trajectory(self.dataset)
        size = self.meta.sampling.trajectories.tile_size or 0
        # a pixel more: rounding to whole ones may cut half of one at each end
        least = (size + 1) * (self.meta.sampling.resolution or 0.0)
        return spanning(places.longitude, places.latitude, self.meta.domain, least)

    @cached_property
    def told(self) -> Meta:
        """What files are made by and say of themselves: with the rectangle that is the domain."""
        return replace(self.meta, domain=self.domain)

    @cached_property
    def grid(self) -> GeoBox | None:
        """Grid of the domain; None where it is as the source has it."""
        if self.domain.kind == "as_source":
            return None
        return domain_grid(self.domain, self.resolution())

    def resolution(self) -> float:
        """Return the metres of a pixel."""
        if self.meta.sampling.resolution is None:
            raise SceneError("E030", "tiles and regridded scenes need sampling.resolution, in m")
        return self.meta.sampling.resolution

    @property
    def method(self) -> Method:
        """How images are regridded; auxiliary ones keep their values."""
        return self.meta.sampling.method if self.aux is None else "nearest"

    def crops(self) -> Stage:
        """Lay out the reading of scenes; auxiliary ones by their own IDs."""
        product = self.dataset.product(self.aux)
        used = self._functions if product.kind == "user_function" else None
        settings = crop_settings(self.meta, self.domain, product, used)
        folder = self.layout.crops
        jobs = {
            scene: CropJob(
                folder=self.dataset.folder,
                meta=self.told,
                scene=scene,
                path=folder / f"{scene}.nc",
                fingerprint=of_crop(settings, items),
                items=items,
                grid=self.grid,
                aux=self.aux,
                allow_user_code=self.dataset.options.allow_user_code,
            )
            for scene, items in (self.scenes if self.aux is None else self._matched[1]).items()
        }
        asked = self._asked_for()
        if self.aux is not None:
            asked = {match.aux for scene, match in self._matched[0].items() if scene in asked}
        return self._stage("crop", crop_one, jobs, asked, folder)

    def _asked_for(self) -> set[str]:
        """Return the scenes that the filter lets through; some, where there are any."""
        asked = {scene for scene in self.scenes if self.dataset.asked_for(scene)}
        if self.scenes and not asked:
            raise SceneError(
                "E102",
                f"{self.dataset.options.scene_filter!r} fits none of the {len(self.scenes)} scenes,"
                f" {min(self.scenes)} to {max(self.scenes)}",
            )
        return asked

    def check_prefix(self, prefix: str | None) -> None:
        """Refuse a beginning that none of the scenes that are asked for has, before any is made.

        Raises
        ------
        BadInput
            As `tiling.scenes.trajectories.tracks.series`.
        """
        from tiling.scenes.trajectories.tracks import series

        if prefix is not None:
            series({scene: start(self.scenes[scene]) for scene in self._asked_for()}, prefix)

    def regridded(
        self, crops: Stage, limits: Mapping[str, Any], failed: Iterable[str] = ()
    ) -> Stage:
        """Lay out the regridding of scenes.

        Parameters
        ----------
        crops
            As `crops` laid them out.
        limits
            Of pictures, by variable, where they have no fixed ones.
        failed
            Scenes whose crops failed, by their own IDs; they wait for the next run.
        """
        self.resolution()
        jobs, folder = {}, self.layout.regridded
        settings = grid_settings(self.meta, self._pictures(limits), self.method, self.pack)
        for scene, crop in self._cropped(crops).items():
            given = self._from_crop(scene, crop, limits)
            given["path"] = folder / f"{scene}.nc"
            given["fingerprint"] = of_regridded(settings, crop.fingerprint, given["aux_dt_s"])
            jobs[scene] = GridJob(**given)
        asked = self._asked(jobs, failed)
        return self._stage("regrid", regrid_one, jobs, asked, folder)

    def tiles(
        self,
        kind: Kind,
        crops: Stage,
        limits: Mapping[str, Any],
        failed: Iterable[str] = (),
    ) -> Stage:
        """Lay out the cutting of tiles; parameters as for `regridded`."""
        cropped = self._cropped(crops)
        size, folder = self.tile_size(kind), self.layout.tiles(kind)
        if self.aux is None:
            wanted = self._tiles(kind, crops, cropped)
        else:
            wanted = self._auxiliary_tiles(kind, cropped)
        triplets = self.meta.sampling.triplets
        moving = kind == "triplets" and self.aux is None and triplets is not None
        labels = self._labels(wanted, size)
        jobs = {}
        for scene, tiles in wanted.items():
            crop, given = cropped[scene], self._from_crop(scene, cropped[scene], limits)
            own = {tile.name: labels[tile.name] for tile in tiles if tile.name in labels}
            given["path"] = folder
            given["fingerprint"] = of_tiles(
                self.meta, self._pictures(limits), crop.fingerprint, tiles, size,
                self.method, given["aux_dt_s"], self.pack, own,
            )  # fmt: skip
            jobs[scene] = TileJob(
                **given,
                tiles=tuple(tiles),
                size=size,
                place=self._placing() if moving else None,
                plan=None if self.aux else self.layout.tile_locations(kind, scene),
                labels=own,
            )
        asked = self._asked(jobs, failed)
        return self._stage(kind, tile_one, jobs, asked, folder)

    def tile_size(self, kind: Kind) -> int:
        """Return the pixels along a side of a tile."""
        sampling = self.meta.sampling
        if kind == "triplets":
            if sampling.triplets is None:
                raise SceneError("E032", "meta.yaml asks for no triplets: set sampling.triplets")
            return sampling.triplets.tile_size
        if sampling.trajectories.tile_size is None:
            raise SceneError("E033", "set sampling.trajectories.tile_N, the side of these tiles")
        return sampling.trajectories.tile_size

    def splits(self, crops: Stage) -> dict[str, list[str]]:
        """Return the scenes of each collection; a scene that failed today is one of them."""
        assert self.meta.sampling.triplets is not None
        skipped = crops.record.skipped
        times = {scene: start(of) for scene, of in self.scenes.items() if scene not in skipped}
        try:
            return split(times, self.meta.sampling.triplets, self.domain.longitude)
        except SceneError as error:
            if not skipped:
                raise
            more = f"; {len(skipped)} scenes were skipped, {reasons(skipped)}"
            raise SceneError(error.code, error.message + more) from error

    def write_splits(self, crops: Stage) -> None:
        """Store the scenes of each collection."""
        splits = self.splits(crops)
        path = self.layout.splits
        if not path.exists() or read_splits(path) != splits:
            write_splits(path, splits)

    def whole_grid(self) -> GeoBox:
        """Return the grid of the domain; of a domain as its source, from the first crop."""
        if self.grid is not None:
            return self.grid
        names = names_in(self.layout.crops)
        first = next((f"{scene}.nc" for scene in self.scenes if f"{scene}.nc" in names), None)
        if first is None:
            raise SceneError("E103", f"{self.layout.crops} has no scene to take the grid from")
        from tiling.scenes.imagery.files import read_images
        from tiling.scenes.imagery.regridding import grid_of

        images = read_images(self.layout.crops / first)
        return grid_of(next(iter(images.values())), self.resolution())

    def _placing(self) -> Any:
        assert self.meta.sampling.triplets is not None
        extent = tuple(self.whole_grid().boundingbox)
        periodic = self.meta.fields.periodic
        return placing(self.meta.sampling.triplets, extent, self.resolution(), periodic=periodic)

    @cached_property
    def _functions(self) -> Path:
        return self.dataset.folder / "user_functions.py"

    def _pictures(self, limits: Mapping[str, Any]) -> list[Any]:
        """Return what pictures depend on; those of auxiliary products are not drawn."""
        image = self.meta.image
        if self.aux is not None:
            return []
        code = sha256_of(self._functions) if image.function else None
        return [image.limits, image.function, code, sorted(limits.items())]

    def _tiles(
        self, kind: Kind, crops: Stage, cropped: Mapping[str, CropJob]
    ) -> dict[str, list[Tile]]:
        """Return the tiles of each scene that has any."""
        if kind == "triplets":
            triplets = self.meta.sampling.triplets
            assert triplets is not None
            found = triplet_locations(self.splits(crops), triplets.counts, self._placing())
        else:
            places, grid = read_trajectory(self.dataset), self.whole_grid()
            side = self.tile_size(kind) * self.resolution()
            times = {scene: start(self.scenes[scene]) for scene in cropped}
            found = trajectory_tiles(times, *places, grid.crs, tuple(grid.boundingbox), side)
        return {scene: tiles for scene, tiles in by_scene(found).items() if scene in cropped}

    def _auxiliary_tiles(self, kind: Kind, cropped: Mapping[str, CropJob]) -> dict[str, list[Tile]]:
        """Return where the tiles of the scenes lie."""
        found = {}
        for scene in cropped:
            plan = self.layout.tile_locations(kind, scene)
            if plan.exists():
                found[scene] = read_tiles(plan)
        if not found:
            raise SceneError(
                "E103", f"no scene with {self.aux} has tiles yet: make those of the scenes first"
            )
        return found

    def _labels(self, wanted: Mapping[str, Sequence[Tile]], size: int) -> dict[str, str]:
        if self.meta.labels is None:
            return {}
        labels = read_labels(self.dataset.folder / self.meta.labels)
        tiles = [tile for of_scene in wanted.values() for tile in of_scene]
        return labelled(labels, tiles, size * self.resolution())[0]

    def _cropped(self, crops: Stage) -> dict[str, CropJob]:
        """Return the crop of each scene that has something to show."""
        return {
            scene: crops.jobs[own]
            for scene, own in self._crop_ids().items()
            if own not in crops.record.skipped
        }

    def _crop_ids(self) -> dict[str, str]:
        """Return the ID under which the crop of each scene lies."""
        if self.aux is None:
            return {scene: scene for scene in self.scenes}
        return {scene: match.aux for scene, match in self._matched[0].items()}

    def _asked(self, jobs: Iterable[str], failed: Iterable[str]) -> list[str]:
        """Return the scenes that are asked for and have a crop."""
        own, lacking = self._crop_ids(), set(failed)
        return [s for s in jobs if self.dataset.asked_for(s) and own[s] not in lacking]

    def _from_crop(self, scene: str, crop: CropJob, limits: Mapping[str, Any]) -> dict[str, Any]:
        """Return what every job on a crop is given."""
        return {
            "folder": self.dataset.folder,
            "meta": self.told,
            "scene": scene,
            "crop": crop.path,
            "grid": self.grid,
            "method": self.method,
            "limits": limits,
            "aux": self.aux,
            "aux_dt_s": None if self.aux is None else self._matched[0][scene].seconds,
            "allow_user_code": self.dataset.options.allow_user_code,
            "pack": self.pack,
        }

    def _stage(
        self,
        name: str,
        function: Callable[[Any], Made],
        jobs: Mapping[str, Any],
        asked: Iterable[str],
        folder: Path,
    ) -> Stage:
        """Compare what stands with what shall be; the record of the stage is in `folder`."""
        asked = set(asked)
        wanted = {scene: job for scene, job in jobs.items() if scene in asked}
        record = Record.load(folder, name)
        work = sort_out(
            f"{name} {self.aux}" if self.aux else name,
            record,
            {scene: job.fingerprint for scene, job in wanted.items()},
            {scene: files_of(job) for scene, job in wanted.items()},
            self.dataset.options.overwrite,
        )
        return Stage(f"{name}.{self.aux}" if self.aux else name, function, jobs, record, work)
