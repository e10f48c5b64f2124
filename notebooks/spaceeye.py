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
# # Sentinel-2 without clouds, for any date
#
# **Question.** What did the ground look like on a date, when clouds hid most of it?
#
# **Input.** Sentinel-2 images and cloud masks: a folder of L2A SAFE products, GeoTIFFs with masks,
# a netCDF or Zarr cube, or STAC items. Without any, a small simulated sample is written and used.
#
# **Output.** An image for every date asked for, as Cloud Optimized GeoTIFFs, with the days to the
# nearest observation, the support and a flag of each pixel; figures.
#
# **Time.** About half a minute on the sample.

# %% [markdown]
# ## Parameters
#
# Change them here, or from outside: `workbench run notebooks/spaceeye.ipynb -p source images/ -p …`

# %% tags=["parameters"]
source: str = ""  # folder of SAFE or GeoTIFFs, .nc, .zarr, STAC .json; empty: the simulated sample
start: str = ""  # first date of the results, 2022-01-01; empty: the first acquisition
end: str = ""  # last date; empty: the last acquisition
step_days: int = 3  # between dates
alpha: str = "auto"  # damping in days: 0.1 nearly linear, 10 smooths weeks; auto: leave-one-out
illumination: str = "none"  # or region-mean, relative: for large scenes of many land covers
robust: bool = False  # distrust observations that contradict all others of their pixel
max_gap: float = 30.0  # days from an observation after which a value is flagged
offset: str = ""  # to take from the DN, where files do not say: 0 or 1000
engine: str = "numba"  # or torch, torch:cuda
formats: list = ["cog"]  # cog, netcdf; a Zarr store is written in any case
output: str = "runs/spaceeye"  # folder for the results
overwrite: bool = False  # replace earlier results of other inputs or parameters
cluster: str = "none"  # none, local, slurm, pbs, or the address of a scheduler
jobs: int = 2  # workers; on Slurm and PBS one job each

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Image

import spaceeye
from spaceeye import figures
from workbench.progress import log_to_stderr

log_to_stderr()
folder = Path(output)
note = "" if source else "simulated"

# %% [markdown]
# ## Where the work is done
#
# `none` computes in this process. With `local`, `slurm` or `pbs` each block is a task on a worker;
# the Dask dashboard (the link below, or the panel on the left of JupyterLab) shows them.

# %%
from workbench import connect

client = None if cluster == "none" else connect(cluster, jobs=jobs)
client

# %% [markdown]
# ## Images and masks
#
# Pixels under clouds, cloud shadows and missing ones have weight 0: what stands there never counts.

# %%
sample = Path("runs/spaceeye_sample")
if not source and not (sample / "truth.nc").exists():
    spaceeye.write_sample(sample, overwrite=True)
reading = {"offset": int(offset)} if offset else {}
stack = spaceeye.read(source or sample / "images", **reading)
stack

# %%
figures.inputs_strip(stack, note=note)
plt.show()

# %% [markdown]
# ## The images
#
# Each pixel and band is solved once, over all acquisitions: near what was observed where it was
# clear, and as steady as possible in between. `alpha` says how much of one for the other.

# %%
result = spaceeye.run(
    source or sample / "images",
    folder,
    formats=["zarr", *formats],
    reading=reading,
    output_times=slice(start or None, end or None, step_days),
    alpha=alpha if alpha == "auto" else float(alpha),
    illumination=illumination,
    robust=robust,
    max_gap=max_gap,
    engine=engine,
    client=client,
    overwrite=overwrite,
)
images = result.open()

# %%
if "alpha_tried" in images.attrs:
    figures.alpha_scores(images.attrs, note=note)
    plt.show()

# %% [markdown]
# ## Before and after

# %%
wanted = images["time"].values[np.linspace(0, images.sizes["time"] - 1, 6).astype(int)[1:5]]
figures.before_after(stack, images, wanted, note=note)
plt.savefig(folder / "before_after.png", dpi=120)
plt.show()

# %%
Image(filename=figures.animation(images, folder / "animation.gif"))

# %% [markdown]
# ## Single pixels, and what a date rests on

# %%
rows, columns = images.sizes["y"], images.sizes["x"]
places = [(rows // 4, columns // 4), (rows // 2, columns // 2), (3 * rows // 4, columns // 3)]
figures.pixel_series(stack, images, places, note=note)
figures.support_maps(images, images["time"].values[images.sizes["time"] // 2], note=note)
plt.show()

# %% [markdown]
# ## How good is it?
#
# The clearest image of the middle of the series is hidden, with everything within ten days, and
# worked out from the others.

# %%
clear = stack["weight"].mean(("y", "x")).compute().values
middle = slice(len(clear) // 4, max(3 * len(clear) // 4, len(clear) // 4 + 1))
hidden = stack["time"].values[middle][clear[middle].argmax()]
others = np.abs(stack["time"].values - hidden) > np.timedelta64(10, "D")
damping = float(images.attrs["alpha_days"])
made = spaceeye.interpolate(stack.isel(time=others), alpha=damping, output_times=[hidden]).compute()
held = stack.sel(time=hidden).compute()
figures.comparison(held.reflectance, made.reflectance[0], held.weight >= 0.5, note=note)
plt.show()

# %%
if client is not None:
    client.close()
print(f"{len(result.images)} images, alpha and counts in {folder / 'summary.json'}")
