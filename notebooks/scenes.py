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
# # Scenes: from images of clouds to triplets, embeddings and paths
#
# **Question.** Which clouds look alike, and where do they go?
#
# **Input.** A folder with a `meta.yaml` that says which images (GOES-16 to 19, or simulations in
# netCDF files), when, where, and how tiles are drawn. Without one, a small simulated sample is
# written and used: four days of drifting clouds, in files as GOES-16 has them. Figures of the
# sample say that they are simulated.
#
# **Output.** Scenes on the grid of the domain, triplets of tiles, an encoder trained on them,
# embeddings of all scenes, paths of clouds; all below that folder.
#
# **Time.** About two minutes of computing on the sample.

# %% [markdown]
# ## Parameters
#
# Change them here, or from outside: `workbench run notebooks/scenes.ipynb -p data_path mydata/`

# %% tags=["parameters"]
data_path: str = ""  # folder with a meta.yaml; empty: the simulated sample
dataset: str = "goes"  # of the sample: goes (true colour of GOES) or les (a simulation)
validation: str = "study"  # collection that tells how good the encoder is; empty: some train scenes
max_epochs: int = 8  # passes over the triplets
arch: str = "small"  # of the encoder: small, resnet18
name: str = "notebook"  # of the encoder; models/notebook.pt, if there is one, is replaced
training: dict = {"threads": 1}  # more of scenes.train; one thread: the same numbers anywhere
transform_type: str = "pca"  # of the embeddings; the map of colours is of principal components
options: dict = {}  # of all stages, such as {"scene_filter": "__20200202"}
sample: dict = {}  # of tiling.scenes.write_sample, such as {"days": 2}
overwrite: str = "stale"  # never, stale, all: what is made anew
cluster: str = "none"  # none, local, slurm, pbs, or the address of a scheduler
jobs: int = 2  # workers; on Slurm and PBS one job each

# %% [markdown]
# ## Where the work is done
#
# `none` computes in this process. With `local`, `slurm` or `pbs` each scene is a task on a worker;
# the Dask dashboard (the link below, or the panel on the left of JupyterLab) shows them.

# %%
from workbench import connect

client = None if cluster == "none" else connect(cluster, jobs=jobs)
client

# %% [markdown]
# ## The dataset
#
# `meta.yaml` is read and checked as a whole before anything is done: all that is wrong is named at
# once. What is made bears a mark of the settings it was made by. So each stage below can be run
# again, goes on where it was, and notices what is out of date.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import xarray as xr

from tiling import scenes
from tiling.scenes import figures, tasks

place, note = Path("runs/scenes_sample"), "" if data_path else "simulated"
if not data_path and not (place / "truth.json").exists():
    scenes.write_sample(place, **sample)
folder = Path(data_path) if data_path else place / dataset
how = {**options, "overwrite": overwrite, "client": client}
opened = scenes.open_dataset(folder)
print((folder / "meta.yaml").read_text())

# %% [markdown]
# ## Scenes
#
# A scene is one time step: its bands are found by their start times. One listing for each hour.

# %%
ids = sorted(tasks.scene_ids(folder, **how))
print(f"{len(ids)} scenes: {ids[0]} to {ids[-1]}")

# %% [markdown]
# ## Crops
#
# Of each file only the blocks are read that cover the domain and a margin; counts become radiance,
# reflectance or temperature; three bands make a picture in true colour, corrected for the height of
# the sun. All of it on the grid of the satellite: angles of its scan.

# %%
for outcome in tasks.crop(folder, **how):
    print(outcome)
counted = tasks.stats(folder, **how)
limits = {variable: told["limits"] for variable, told in counted.items() if "limits" in told}
layout = opened.layout()
ids = [each for each in ids if (layout.crops / f"{each}.nc").exists()]
some = ids[:: -(-len(ids) // 8)]
crops = {each: scenes.read_images(layout.crops / f"{each}.nc") for each in some}
look = {"image": opened.meta.image, "limits": limits, "note": note}
figures.scene(crops[some[0]], **look)
figures.crops(crops, **look)
plt.show()

# %% [markdown]
# ## Regridded scenes
#
# The domain is a rectangle on a plane that touches the Earth at its centre; its cells are squares
# of one size. Where they lie in the image follows from the view of the satellite, in closed form.

# %%
for outcome in tasks.regrid(folder, **how):
    print(outcome)
images = {each: scenes.read_images(layout.regridded / f"{each}.nc") for each in some}
figures.regridded(crops[some[0]], images[some[0]], **look)
plt.savefig(folder / "regridded.png", dpi=120)
plt.show()

# %% [markdown]
# ## Triplets
#
# Anchor and neighbour are from one scene and near each other, the distant tile is from another
# scene and anywhere. The collections (`train`, `study`) have days of their own: scenes that are
# minutes apart show the same clouds, and what was trained on one must not be tested on the other.

# %%
for outcome in tasks.tiles(folder, **how):
    print(outcome)
plans = sorted(layout.tiles("triplets").glob("tile_locations.*"))
shown = plans[0].name.split(".")[1]
under = scenes.read_images(layout.regridded / f"{shown}.nc")
grid, size = figures.grid_of(under), opened.meta.sampling.triplets.tile_size
kinds = figures.read_tile_grids(plans[0], grid, size)
figures.domain_map(grid, {k: each[:4] for k, each in kinds.items()}, under, **look)
plt.show()

# %%
sheet = figures.read_triplets(layout.tiles("triplets") / "train")
figures.triplet_sheet(sheet, **look)
plt.savefig(folder / "triplets.png", dpi=120)
plt.show()

# %% [markdown]
# ## Training
#
# The encoder learns vectors in which neighbours lie nearer than distant tiles. How often they do is
# its accuracy; guessing has a half of it, and an untrained network more than that, since clouds of
# other brightness have other vectors without any learning. The difference to it is what was learnt.
# Of the epochs the best is kept, so its accuracy is a little flattering.

# %%
model = layout.models(name)
model.unlink(missing_ok=True)
wanted = {"name": name, "arch": arch, "max_epochs": max_epochs, "validation": validation or None}
trained = tasks.train(folder, training=training, **wanted, **how)
figures.training_curves(trained, note=note)
plt.savefig(folder / "training.png", dpi=120)
plt.show()

# %% [markdown]
# ## Embeddings
#
# The encoder goes over each regridded scene, window by window. Principal components of all vectors
# of all scenes, the first three as red, green and blue: alike clouds have the same colour.

# %%
path = tasks.transform(folder, embedding_model_path=model, transform_type=transform_type, **how)
with xr.open_dataset(path) as components:
    components.load()
if "explained_variance" in components.coords:
    picked = {each: images[each] for each in some[:: -(-len(some) // 4)]}
    figures.embedding_maps(picked, components, **look)
    plt.savefig(folder / "embeddings.png", dpi=120)
    plt.show()

# %% [markdown]
# ## Paths of clouds
#
# Corners of clouds are followed from scene to scene of a day, and back again: those that do not
# come back to where they began are left out.

# %%
series = tasks.trajectories(folder, animate=True, **how)
with xr.open_dataset(series[0]) as tracks:
    tracks.load()
truth = None
if note:
    known = scenes.read_sample(place)
    truth = known.velocity if dataset == "goes" else known.clouds_of_simulation.velocity
middle = tracks["scene_id"].values[tracks.sizes["scene_id"] // 2]
last = scenes.read_images(layout.regridded / f"{middle}.nc")
figures.paths(last, tracks, true=truth, **look)
plt.savefig(folder / "paths.png", dpi=120)
plt.show()

# %% [markdown]
# ## What stands where

# %%
for row in tasks.status(folder):
    print(f"{row.stage:25} {row.done:4} of {row.scenes} {row.note}")
if client is not None:
    client.close()
print(trained)
print(f"{len(ids)} scenes, model, embeddings and paths in {folder.resolve()}")
