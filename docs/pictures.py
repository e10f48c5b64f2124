"""Make the pictures of the README and the guides: ``make pictures``."""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZipFile

import numpy as np
import rasterio
import xarray as xr
from matplotlib.patches import Rectangle
from PIL import Image

import efast
import egms_io
import spaceeye
from efast import figures as fused_views
from egms_io import figures
from spaceeye import figures as views
from tiling import scenes, sentinel1
from tiling.scenes import tasks as scene_tasks
from tiling.scenes.embedding.embeddingfiles import open_embeddings
from tiling.scenes.planning.plans import read_tiles
from tiling.scenes.transforms.pictures import component_colours
from tiling.sentinel1.figures.residuals import residual_figure
from tiling.sentinel1.products.annotations import read_annotation
from workbench.figures import BLUE, GREEN, ORANGE, as_picture, colour_bar, panels, titled
from workbench.progress import log_to_stderr
from workbench.sentinel2.plainmethods import linear

HERE = Path(__file__).parent


def save(figure: Any, name: str, dpi: int = 110, colours: int | None = None) -> None:
    """Save a figure under docs/pictures, small enough for the repository."""
    path = HERE / "pictures" / name
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=dpi)
    if colours:  # of a palette; images of many fields are large otherwise
        with Image.open(path) as picture:
            # Not by the number of pixels: the colours of a scale are few of them, and all count.
            plain = picture.convert("RGB").quantize(colours, Image.Quantize.MAXCOVERAGE)
            plain.save(path, optimize=True)
    print(path)


def sample_pictures() -> None:
    """Make the pictures of the simulated EGMS sample."""
    with TemporaryDirectory() as folder:
        egms_io.write_sample(folder)
        product = egms_io.ortho(folder, aoi="E45N20")
        up, east = product.up, product.east
        cells = [
            up.loc[up["mean_velocity"].idxmin()],
            up.loc[up["seasonality"].idxmax()],
            east.loc[east["acceleration"].idxmax()],
        ]
        places = [(cell["easting"], cell["northing"]) for cell in cells]
        save(figures.velocity_maps(product, note="simulated"), "egms_velocity.png")
        save(figures.series_plot(product, places, note="simulated"), "egms_series.png")


def real_pictures(data: Path) -> None:
    """Make the pictures of the real bursts beside the official product."""
    product = egms_io.ortho(data, aoi="E45N17")
    official = next(data.glob("EGMS_L3_E45N17_100km_E_*.zip"))
    save(figures.velocity_maps(product), "egms_real_velocity.png")
    save(figures.comparison_plot(egms_io.compare(product, official)), "egms_comparison.png")


def real_images(data: Path) -> None:
    """Make the pictures of the real Sentinel-2 patch."""
    stack = spaceeye.read(next(data.glob("s2_l2a_31UDS_*.nc")), offset=0)
    found = spaceeye.interpolate(stack, output_times=5, max_gap=30).compute()
    dates = ["2017-11-02", "2018-02-10", "2018-05-11", "2018-08-19"]
    save(views.before_after(stack, found, dates), "spaceeye_before_after.png", dpi=80)
    pixels = [(16, 16), (32, 32), (48, 21)]
    save(views.pixel_series(stack, found, pixels), "spaceeye_series.png", dpi=90)
    save(views.support_maps(found, "2017-12-27"), "spaceeye_support.png", dpi=90)
    save(views.alpha_scores(found.attrs), "spaceeye_alpha.png", dpi=90)


def fused_pictures() -> None:
    """Make the pictures of the simulated EFAST sample."""
    with TemporaryDirectory() as place:
        folder = Path(place)
        efast.write_sample(folder)
        fine = efast.read_fine(folder / "S2", resolution=20, chunks=None)
        grid = fine["reflectance"].odc.geobox
        coarse = efast.read_coarse(folder / "S3", efast.coarse_grid(grid, halo=22))
        with xr.open_dataset(folder / "truth.nc", mask_and_scale=False) as truth:
            truth.load()
    days = np.arange("2022-03-01", "2022-06-08", 2, "datetime64[D]")
    found = efast.fuse(fine, coarse, days, keep=fused_views.STEPS)
    note = "simulated"
    dates = ["2022-03-31", "2022-04-16", "2022-04-27", "2022-05-20"]
    strip = fused_views.fusion_strip(fine, found, found, dates, note=note)
    save(strip, "efast_fused.png", dpi=75, colours=96)
    places = [(150, 150), (225, 100)]
    series = fused_views.ndvi_series(fine, found, found, places, truth, note=note)
    save(series, "efast_series.png", dpi=90)
    quality = fused_views.quality_maps(found, "2022-03-27", note=note)
    save(quality, "efast_quality.png", dpi=70)
    times = truth["time"].values
    made = efast.fuse(fine, coarse, times)[["reflectance"]]
    straight = made.copy(data={"reflectance": np.stack([linear(fine, time) for time in times])})
    both = {"EFAST": made, "linear interpolation": straight}
    save(fused_views.comparison(truth, both, note=note), "efast_truth.png", dpi=75, colours=96)
    hidden = efast.hidden_date_errors(fine, coarse)
    save(fused_views.hidden_dates(hidden, note=note), "efast_hidden.png", dpi=80)


def radar_pictures() -> None:
    """Make the picture of the simulated Sentinel-1 sample."""
    with TemporaryDirectory() as place:
        settings = sentinel1.Configuration(sentinel1.write_sample(place), False)
        settings.polarisation, settings.out_spatial_res, settings.mask_cond = "VV", 20, False
        settings.filter, settings.filter_options = "lee", {"rad": 2, "nblooks": 4.4}
        sentinel1.s1_process(settings, debug_otb=True)
        settings.calibration_type, settings.filter = "normlim", ""
        sentinel1.s1_process(settings, debug_otb=True)
        radar_tile(Path(place) / "out")


def radar_tile(out: Path) -> None:
    """Show the island of the sample: backscatter, filtered, incidence angle, normalised."""

    def read(name: str) -> Any:
        with rasterio.open(next(out.rglob(name))) as file:
            return file.read(1)[2520:3240, 3000:3720].astype(float)

    powers = {
        "sigma nought": read("s1a_32TPL_vv_DES_053_*x.tif"),
        "Lee filter": read("*_filtered.tif"),
        "NORMLIM": read("*_vv_*_NormLim.tif"),
    }
    figure, axes = panels(1, 4, size=(15, 3.7))
    for axis, (title, power) in zip(axes, powers.items(), strict=False):
        decibels = 10 * np.log10(np.where(power > 0, power, np.nan))
        image = axis.imshow(decibels, cmap="gray", vmin=-22, vmax=0)
        axis.set_title(titled(f"VV, {title}", "simulated"))
    colour_bar(figure, image, "dB", axes=axes[:3], shrink=0.9, pad=0.01)
    angles = read("LIA_*.tif") / 100
    image = axes[3].imshow(np.where(angles > 0, angles, np.nan), cmap="viridis", vmin=15, vmax=65)
    axes[3].set_title(titled("local incidence angle", "simulated"))
    colour_bar(figure, image, "degrees", axes=axes[3], shrink=0.9)
    as_picture(*axes)
    axes[0].set_xlabel("14.4 km")
    save(figure, "sentinel1_tile.png", dpi=90, colours=256)


def real_radar(data: Path) -> None:
    """Make the picture of the residuals of a real Sentinel-1 product."""
    with TemporaryDirectory() as place, ZipFile(next(data.glob("older/*_3768*.zip"))) as archive:
        archive.extractall(place)
        annotation = read_annotation(next(Path(place).glob("*.SAFE/annotation/*-vv-*.xml")))
    report = sentinel1.residual_report(annotation, sentinel1.image_model(annotation))
    save(residual_figure(report), "sentinel1_residuals.png", dpi=75, colours=96)


def scene_pictures() -> None:
    """Make the pictures of the simulated sample of scenes."""
    with TemporaryDirectory() as place:
        folder = scenes.write_sample(place, overwrite=True).goes
        scene_tasks.tiles(folder)
        scene_tasks.train(folder)
        colours = scene_tasks.transform(folder)
        paths = scene_tasks.trajectories(folder)
        scene_triplets(folder)
        scene_results(folder, colours, paths[0])


def scene_triplets(folder: Path) -> None:
    """Show a scene with its anchors and neighbours, and three triplets."""
    plan = folder / "triplets" / "tile_locations.goes16__202002021410.yml"
    tiles = [tile for tile in read_tiles(plan) if tile.tile_type != "distant"][:6]
    triplets = scenes.read_meta(folder).sampling.triplets
    side = triplets.tile_size if triplets else 0  # km, as pixels are
    figure, axes = panels(3, 5, size=(12, 6.1), width_ratios=[1, 1, 1, 1, 1])
    for axis in axes[:, :2].ravel():
        axis.remove()
    scene = figure.add_subplot(axes[0, 0].get_gridspec()[:, :2])
    show_scene(scene, folder, plan.stem.partition(".")[2], "domain, anchors and neighbours")
    shades = {"anchor": ORANGE, "neighbor": BLUE}
    for tile in tiles:
        corner = tile.x / 1e3 - side / 2, tile.y / 1e3 - side / 2
        scene.add_patch(
            Rectangle(corner, side, side, fill=False, linewidth=3, color=shades[tile.tile_type])
        )
    for number, row in enumerate(axes):
        for axis, kind in zip(row[2:], ("anchor", "neighbor", "distant"), strict=True):
            name = f"{number:05d}_{kind}.png"
            with Image.open(folder / "triplets" / "train" / name) as picture:
                axis.imshow(picture.convert("RGB"))
            axis.set_title("" if number else kind)
            as_picture(axis)
    save(figure, "scenes_triplets.png", dpi=75, colours=160)


def scene_results(folder: Path, colours: Path, tracks: Path) -> None:
    """Show a scene, its embeddings as colours, and the paths of its clouds."""
    figure, axes = panels(1, 3, size=(12, 4.3))
    with xr.open_dataset(tracks) as paths, open_embeddings(colours) as found:
        name = str(paths["scene_id"].values[1])
        show_scene(axes[0], folder, name, "true colour")
        number = found["scene_id"].values.tolist().index(name)
        reach = 100 - (found.attrs["tile_N"] - found.attrs["step_size"]) / 2
        shown = component_colours(found)[number]
        axes[1].imshow(shown, extent=[-reach, reach, -reach, reach])
        axes[1].set_title(titled("embeddings", "simulated"))
        axes[1].set(xlim=(-100, 100), ylim=(-100, 100), xlabel="km")
        show_scene(axes[2], folder, name, "paths over half an hour")
        axes[2].plot(paths["x"].values / 1e3, paths["y"].values / 1e3, color=ORANGE, linewidth=1.5)
        axes[2].plot(paths["x"].values[-1] / 1e3, paths["y"].values[-1] / 1e3, ".", color=GREEN)
    save(figure, "scenes_learned.png", dpi=75)


def show_scene(axis: Any, folder: Path, name: str, title: str) -> None:
    """Show the picture of a regridded scene of the sample, 200 km wide."""
    with Image.open(folder / "rect" / f"{name}.png") as picture:
        axis.imshow(picture.convert("RGB"), extent=[-100, 100, -100, 100])
    axis.set(xlabel="km", title=titled(title, "simulated"))


def main() -> None:
    """Make all pictures whose data are there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    beside = HERE.parents[1] / "shared" / "data"
    parser.add_argument("--data", type=Path, default=beside, help="folder of real data")
    data = parser.parse_args().data
    log_to_stderr()
    sample_pictures()
    fused_pictures()
    radar_pictures()
    scene_pictures()
    if data.is_dir():
        real_pictures(data / "egms")
        real_images(data / "spaceeye")
        real_radar(data / "sentinel1")


if __name__ == "__main__":
    main()
