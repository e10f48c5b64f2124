# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Sentinel-1 on the grid of Sentinel-2
#
# **Question.** What did the radar see on a tile of Sentinel-2, pixel by pixel?
#
# **Input.** Products of Sentinel-1 (IW GRD, in their SAFE folders), an elevation model, a geoid,
# and a configuration file as S1Tiling has them. Without one, a small simulated sample is written
# and used: one pass over an island, in two products that overlap.
#
# **Output.** Calibrated tiles without thermal noise, every pixel at the place of its own height;
# border masks, maps of the incidence angle; a report on the geometry beside each tile; figures.
#
# **Time.** One or two minutes of computing on the sample, with pixels of 10 m.

# %% [markdown]
# ## Parameters
#
# Change them here, or from outside: `workbench run notebooks/sentinel1.ipynb -p configuration
# S1Processor.cfg -p tile 33TUM`

# %% tags=["parameters"]
configuration: str = ""  # a file as S1Tiling reads it; empty: that of the simulated sample
options: dict = {}  # attributes of the configuration, such as {"out_spatial_res": 20}
tile: str = ""  # which tile is looked at; empty: the first of the configuration
place: list = []  # longitude, latitude of close views; empty: the middle, in the sample a town
kilometres: float = 10.0  # side of the close view; filters are shown on 3 km
radius: int = 2  # of the windows of speckle filters, pixels; the side is 2 radius + 1
looks: float = 10.0  # of the tile: more than the 4.4 of the image, as places lie between its pixels
deramp: float = 2.0  # of the Frost filter
output: str = ""  # folder for tiles and maps; empty: those of the configuration
overwrite: bool = False  # replace tiles that were made otherwise
cluster: str = "none"  # none, local, slurm, pbs, or the address of a scheduler
jobs: int = 2  # workers; on Slurm and PBS one job each

# %%
import json
from pathlib import Path

import matplotlib.pyplot as plt

import tiling.sentinel1 as s1
from tiling.sentinel1 import figures
from workbench.progress import log_to_stderr

log_to_stderr()
sample = Path("runs/sentinel1_sample")
note = "" if configuration else "simulated"

# %% [markdown]
# ## Where the work is done
#
# `none` computes in this process. With `local`, `slurm` or `pbs` each file is a task on a worker;
# the Dask dashboard (the link below, or the panel on the left of JupyterLab) shows them.

# %%
from workbench import connect

client = None if cluster == "none" else connect(cluster, jobs=jobs)
client

# %% [markdown]
# ## Configuration
#
# All options stand in one file. It is read and checked before anything is done; what is wrong is
# named, all of it at once. `options` sets attributes for this run, see `help(s1.Configuration)`.

# %%
if not configuration and not (sample / "truth.json").exists():
    s1.write_sample(sample, overwrite=True)
cfg = s1.Configuration(configuration or sample / "S1Processor.cfg")
if unknown := [name for name in options if not hasattr(cfg, name)]:
    raise ValueError(f"options: a configuration has no {', '.join(unknown)}")
for name, value in options.items():
    setattr(cfg, name, value)
cfg.overwrite = overwrite or cfg.overwrite
if output:
    cfg.output_preprocess = Path(output)
    cfg.lia_directory, cfg.ia_directory, cfg.gamma_area_directory = (
        Path(output) / name for name in ("_LIA", "_IA", "_GAMMA_AREA")
    )
tile = tile or cfg.tile_list[0]

# %% [markdown]
# ## The run
#
# Products are chosen, and downloaded if the configuration says so, calibrated, put on the tiles,
# and joined where two of one orbit meet. A run that was stopped goes on where it was; what is made
# already is not made again. Exit code 0: nothing went wrong.

# %%
situation = s1.s1_process(cfg, client=client, debug_otb=client is None)
if cfg.produce_lia_map:
    s1.s1_process_lia(cfg, client=client, debug_otb=client is None)
print(situation, "code", situation.code)
polarisation = cfg.polarisations[0]
made = sorted(cfg.output_preprocess.rglob(f"*_{tile}_{polarisation}_*_geolocation.json"))
if not made:
    raise ValueError(f"no tile {tile} in {polarisation}: is it in the configuration, and seen?")
report = json.loads(made[-1].read_text())
path = made[-1].with_name(report["file"])
path.name

# %% [markdown]
# ## Tile and images on a map

# %%
products = s1.local_products(cfg.raw_directory)
products = [product for product in products if product.identifier in report["images"]]
outlines = {product.identifier[:32]: product.manifest.footprint for product in products}
surface = s1.surfaces([tile], cfg)[tile]
bounds, middle = figures.seen(tile, outlines.values())
place = place or ([10.928, 41.04] if note else middle)
close = figures.around(tile, place, kilometres)
figures.tile_map(surface, tile, outlines, note=note)
plt.show()

# %% [markdown]
# ## An image on the map
#
# The radar looks sideways and writes line after line as it flies: the image of a descending pass is
# mirrored. Where a point of the ground lies in the image follows from the orbit, from the time at
# which the point is abeam, and from its height. With that the whole image comes onto the map, here
# small; two polarisations in red and green, their ratio in blue.

# %%
images = [
    s1.open_image(products[0].folder, each) for each in products[0].polarisations(("vv", "vh"))
]
image = s1.open_image(products[0].folder, polarisation)
figures.quicklook_map(figures.overview(*images), image.annotation, surface, note=note)
plt.show()

# %% [markdown]
# ## Calibration and thermal noise
#
# Backscatter is the squared number less the noise, over the squared factor of the calibration. The
# noise matters where little comes back: over water, and in cross polarisation. It has steps where
# the three swaths of the image meet.

# %%
figures.calibration_look(image, note=note)
plt.show()

# %% [markdown]
# ## How good are the places?
#
# Every product brings some 210 points whose line and pixel its processor has worked out. Below is
# how far ours are from them. Everything stands in the report beside the tile.

# %%
for each in report["images"].values():
    print(s1.residual_table(each))
figures.residual_figure(report["images"][products[0].identifier], note=note)
plt.show()

# %% [markdown]
# ## The tile

# %%
power = figures.view(path, bounds)
figures.tile_image(figures.view(path), figures.view(path, close, 1200), note=note)
plt.savefig(cfg.output_preprocess / "tile.png", dpi=120)
plt.show()

# %% [markdown]
# ## Point targets
#
# The sample has bright points at places that are known, worked out in a way that shares nothing
# with the geometry which has to find them.

# %%
if note:
    truth = json.loads((sample / "truth.json").read_text())
    offsets = figures.target_offsets(path, truth["targets"])
    figures.point_targets(path, offsets, note=note)
    plt.show()

# %% [markdown]
# ## Speckle filters
#
# Each estimates a pixel from the window around it: near the mean where the window is as even as
# speckle allows, near the pixel where it is not. The filter of the tiles is chosen in the section
# Filtering of the configuration.

# %%
part = figures.view(path, figures.around(tile, place, 3))
choices = {"Lee": "lee", "Kuan": "kuan", "Gamma-MAP": "gammamap", "Frost": "frost", "mean": "mean"}
numbers = {"looks": looks, "deramp": deramp}
chosen = {name: s1.SpeckleFilter(kind, radius, **numbers) for name, kind in choices.items()}
filtered = {name: s1.despeckle(part, each) for name, each in chosen.items()}
figures.filters(part, filtered, note=note)
plt.show()

# %% [markdown]
# ## Local incidence angle
#
# Slopes that face the radar are bright, those that turn away are dark. With `calibration :
# normlim` the sine of this angle takes that out; the map is made once for each orbit. In the sample
# the level ground is mostly sea, hence the dip of the curve there.

# %%
maps = sorted(Path(cfg.lia_directory).glob(f"LIA_*_{tile}_*.tif"))
if maps:
    angles = figures.view(maps[0], bounds) / 100
    annotated = image.annotation.grid.incidences
    level = annotated.min(), annotated.max()
    figures.incidence(angles, power, level, note=note)
    plt.show()

# %% [markdown]
# ## Border mask
#
# 1 where the tile has values, a few pixels away from ragged edges.

# %%
mask = path.with_name(f"{path.stem}_BorderMask.tif")
if mask.exists():
    figures.border_mask(power, figures.view(mask, bounds), note=note)
    plt.show()

# %%
if client is not None:
    client.close()
print(f"{path}; what was done stands in {cfg.output_preprocess / 'summary.json'}")
