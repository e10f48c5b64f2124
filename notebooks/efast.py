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
# # Sentinel-2 and Sentinel-3 together, for any date
#
# **Question.** What changed on the ground while clouds hid it from Sentinel-2 for weeks?
#
# **Input.** Sentinel-2 images (L2A SAFE, GeoTIFFs with masks, a cube, STAC items), 10 or 20 m,
# and Sentinel-3 SYN products of level 2 (`.SEN3`), 300 m, nearly daily. Without any, a small
# simulated sample is written and used.
#
# **Output.** An image for every date asked for on the grid of Sentinel-2, its NDVI, and five
# layers that say what each pixel rests on; figures.
#
# **Time.** About a minute on the sample, a third of it to write the sample.

# %% [markdown]
# ## Parameters
#
# Change them here, or from outside: `workbench run notebooks/efast.ipynb -p fine S2/ -p coarse
# S3/ -p …`

# %% tags=["parameters"]
fine: str = ""  # Sentinel-2: folder, cube or STAC .json; empty: the simulated sample
coarse: str = ""  # Sentinel-3: folder of .SEN3; empty: that of the sample
period: list = ["2022-03-01", "2022-06-09"]  # of the inputs: first day, and the day after the last
target_period: list = []  # of the results, likewise; empty: that of the inputs
interval: int = 5  # days from one result to the next
bbox: list = []  # west, south, east, north in degrees; empty: what all images cover
resolution: float = 20.0  # pixel size, m; a cell of 300 m is a whole number of them
options: dict = {}  # fields of efast.Request, such as {"sigma": 10, "extrapolate": "nearest"}
calibration: str = "none"  # gain-bias, bias: bring Sentinel-3 to the scale of Sentinel-2 first
formats: list = ["cog"]  # cog, netcdf; a Zarr store is written in any case
output: str = "runs/efast"  # folder for the results
overwrite: bool = False  # replace earlier results of other inputs or parameters
cluster: str = "none"  # none, local, slurm, pbs, or the address of a scheduler
jobs: int = 2  # workers; on Slurm and PBS one job each

# %%
from io import StringIO
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import xarray as xr
from IPython.display import Image, display

import efast
from efast import figures
from workbench.progress import log_to_stderr

log_to_stderr()
folder, sample = Path(output), Path("runs/efast_sample")
note = "" if fine else "simulated"

# %% [markdown]
# ## Where the work is done
#
# `none` computes in this process. With `local`, `slurm` or `pbs` each block is a task on a
# worker; the Dask dashboard (the link below, or the panel on the left of JupyterLab) shows them.

# %%
from workbench import connect

client = None if cluster == "none" else connect(cluster, jobs=jobs)
client

# %% [markdown]
# ## What both sensors saw
#
# Both come onto grids that go together: a cell of Sentinel-3 is a whole number of pixels wide.
# Clouds, their shadows and missing pixels never count.

# %%
if bool(fine) != bool(coarse):
    raise ValueError("give fine and coarse, or neither of them for the sample")
if not fine and not (sample / "sample.json").exists():
    efast.write_sample(sample, overwrite=True)
sources = {"fine": fine or sample / "S2", "coarse": coarse or sample / "S3"}
asked = {"period": tuple(period), "target_period": tuple(target_period) or None, **options}
asked |= {"interval": interval, "aoi": tuple(bbox) or None, "resolution": resolution}
asked |= {"calibration": calibration}
request = efast.Request(**sources, **asked)

# %%
reading = {"aoi": request.aoi, "resolution": resolution, "time_range": request.time_range}
images = efast.read_fine(sources["fine"], chunks=1024, **reading, **request.reading)
images = images.compute() if images.nbytes < 2e9 else images  # what fits is read once
halo = 22  # cells around, of which composites at the edge know: 20, and 2 more
cells = efast.coarse_grid(images["reflectance"].odc.geobox, request.cell, halo)
within = {"time_range": request.time_range, "client": client, **request.reading_coarse}
series = efast.read_coarse(sources["coarse"], cells, **within)

# %%
figures.inputs(images, series, note=note)
plt.show()

# %% [markdown]
# ## The fusion
#
# An image of a date is the weighted mean of the images around it, plus the change that Sentinel-3
# saw between their dates and this one. The steps between are kept, to be looked at below. A run
# that was stopped goes on where it was; one that is complete is not done again.

# %%
written = {"formats": ["zarr", *formats], "indices": "ndvi", "keep": figures.STEPS}
done = efast.run(**sources, output=folder, client=client, overwrite=overwrite, **written, **asked)
result, steps = done.open(), efast.open_steps(folder)
result

# %% [markdown]
# ## Masks and scores
#
# A cell is cloudy when at least 5 % of its pixels are hidden. An image counts in a cell the more,
# the farther that is from a cloudy one: nothing within one cell, fully from 16 cells (4.8 km) on.

# %%
clear = images["weight"].mean(("y", "x")).values
kinds = [int(np.abs(clear - share).argmin()) for share in (0.5, 0.8, 1.0)]
some = images["time"].values[np.unique(kinds)]
figures.masks_and_scores(images, steps, some, note=note)
plt.show()

# %% [markdown]
# ## Composites
#
# Sentinel-3 has clouds as well. Its composites, every second day, are means of all observations
# around a date, weighted by days and by distance from clouds, then smoothed a little. A change of
# a few days comes out slower than it was: the standard deviation of the weights in time is 10
# days (`composites={"sigma": …}`).

# %%
wanted = result["time"].values[np.linspace(0, result.sizes["time"] - 1, 7).astype(int)[1:6]]
figures.composites(steps, wanted[:4], note=note)
plt.show()

# %% [markdown]
# ## Fused images

# %%
figures.fusion_strip(images, result, steps, wanted, note=note)
plt.savefig(folder / "fused.png", dpi=120)
plt.show()

# %%
Image(filename=figures.animation(result, steps, folder / "animation.gif"))

# %% [markdown]
# ## NDVI of single pixels, and what a date rests on
#
# Sentinel-3 sees all fields of a cell together, so its curve lies higher or lower; what counts is
# how it changes.

# %%
known = not fine and resolution == 20  # the true reflectance of the sample, at 20 m
if known:
    truth = xr.open_dataset(sample / "truth.nc", mask_and_scale=False)
    truth = truth.sel(x=images["x"], y=images["y"], method="nearest")
rows, columns = images.sizes["y"], images.sizes["x"]
places = [(rows // 4, columns // 4), (rows // 2, columns // 2), (3 * rows // 4, columns // 3)]
figures.ndvi_series(images, result, steps, places, truth if known else None, note=note)
figures.quality_maps(result, some[-1], note=note)
plt.show()

# %% [markdown]
# ## How good is it?
#
# Clear images are hidden one at a time, alone and with all within ten days, and predicted from
# the others; beside EFAST by methods that know the images of Sentinel-2 only.
#
# EFAST is for gaps: weeks without a clear image, in which the land changes. It gives every pixel
# the change of its cell. Where fields are much smaller than 300 m and each has its own calendar,
# as in the sample, that change is the mean of many, and as long as the next clear image is near,
# plain interpolation in time is better. The sample shows both: see the truth below, ten days
# after a rain that fell while Sentinel-2 saw nothing. Look at these figures for your own area
# before you choose a method.

# %%
least = min(0.8, 0.9 * float(clear.max()))
hidden = efast.hidden_date_errors(images, series, dates=8, least_clear=least, **request.fusing)
figures.hidden_dates(hidden, note=note)
plt.savefig(folder / "hidden_dates.png", dpi=120)
plt.show()

# %%
if known:
    from workbench.sentinel2.plainmethods import linear

    times = truth["time"].values
    made = efast.fuse(images, series, times, **request.fusing)[["reflectance"]]
    straight = made.copy(data={"reflectance": np.stack([linear(images, time) for time in times])})
    found = {"EFAST": made, "linear interpolation": straight}
    figures.comparison(truth, found, note=note)
    plt.show()

# %% [markdown]
# ## Calibration
#
# With `calibration="gain-bias"` Sentinel-3 is first brought to the scale of Sentinel-2, band by
# band, from clear cells of both. What was found is kept with the result. A band whose pairs do
# not determine it says why.

# %%
if "calibration" in result.attrs:
    display(pd.read_json(StringIO(result.attrs["calibration"])).set_index("bands").round(4))

# %%
if client is not None:
    client.close()
print(f"{result.sizes['time']} dates, options and counts in {folder / 'summary.json'}")
