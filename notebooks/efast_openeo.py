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
# # Sentinel-2 and Sentinel-3 together, on an openEO back-end
#
# **Question.** How do I have EFAST computed where the data are, and fetch the images alone?
#
# **Input.** The address of an openEO back-end that has Sentinel-2 L2A and Sentinel-3 SYN, such as
# that of Copernicus. Without one, a server starts on this machine, over a catalogue of your own
# folders or over a small simulated sample.
#
# **Output.** EFAST as a process on the back-end, under your name; images of the days asked for, as
# netCDF and as GeoTIFFs, by each way in which a back-end runs things; figures.
#
# **Time.** About a minute on the sample, and as long once, to write it.

# %% [markdown]
# ## Parameters
#
# Change them here, or from outside: `workbench run notebooks/efast_openeo.ipynb -p url
# https://openeo.dataspace.copernicus.eu -p …`

# %% tags=["parameters"]
url: str = ""  # of a back-end; empty: a server that this notebook starts on 127.0.0.1
catalog: str = ""  # catalog.yml of the collections of that server; empty: the simulated sample
spatial_extent: dict = {"west": 2.32, "south": 48.82, "east": 2.35, "north": 48.84}  # degrees
period: list = ["2022-03-24", "2022-05-20"]  # of the inputs: first day, and the day after the last
targets: list = ["2022-03-31", "2022-04-06", "2022-04-16", "2022-04-27", "2022-05-10"]  # days
interval: int = 5  # days from one result to the next, if targets is empty
bands: list = ["B02", "B03", "B04", "B8A"]  # of Sentinel-2, with B04 and B8A for the figures
options: dict = {}  # more parameters, such as {"max_days": 60}; s3_data_bands for other bands
binning_day: str = "2022-04-16"  # of the pass of Sentinel-3 at the end
udfs: bool = False  # whether the server started here runs functions that users bring
output: str = "runs/efast_openeo"  # folder for the results
cluster: str = "none"  # where that server computes: none, local, slurm, pbs, or an address
jobs: int = 2  # workers; on Slurm and PBS one job each

# %%
import time
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import openeo
import pandas as pd
import xarray as xr

import efast
from efast import create_efast_udp, figures
from workbench import connect
from workbench.openeo import local_server
from workbench.progress import log_to_stderr

# %% [markdown]
# ## A server of one's own
#
# It listens on this machine only, for you alone, and lives as long as this notebook; what it keeps
# (processes, jobs, results) stays in its folder. It computes in a process for each job, or with
# `local`, `slurm` or `pbs` on workers. A graph of EFAST it does in one pass over the images, by
# `efast.fuse`, which gives the same numbers as the steps one by one; functions that users bring
# (`run_udf`) it runs only with `udfs`. `workbench openeo serve` starts the same server for good.

# %%
log_to_stderr()
out_path, sample = Path(output), Path("runs/efast_sample")
out_path.mkdir(exist_ok=True, parents=True)
simulated = not url and not catalog
note = "simulated" if simulated else ""
client = None if url or cluster == "none" else connect(cluster, jobs=jobs)
if simulated and not (sample / "catalog.yml").exists():
    efast.write_sample(sample, overwrite=True)
server = ExitStack()
address = url or server.enter_context(
    local_server(catalog or sample / "catalog.yml", out_path / "server", client=client, udfs=udfs)
)
address

# %% [markdown]
# ## Connect to the back-end
#
# A back-end with accounts shows a link to a page on which you sign in, the first time; the client
# keeps a token for the next. The server of this notebook lets you in without a page, and no token
# of it is kept.

# %%
connection = openeo.connect(address).authenticate_oidc(store_refresh_token=bool(url))

# %% [markdown]
# ## Create the process and save it on the back-end
#
# `create_efast_udp` gives the parameters and the graph of a user-defined process. Building them
# computes nothing. (Our server has a process `efast` of its own as well, and the client says so:
# the one that you save comes first, `namespace="backend"` asks for the other.)

# %%
params, process_graph = create_efast_udp(connection)
process_id = "efast"
connection.save_user_defined_process(
    user_defined_process_id=process_id, process_graph=process_graph, parameters=params
)
pd.DataFrame(
    [(one.name, "" if one.optional else "yes", one.description) for one in params],
    columns=["parameter", "required", "meaning"],
).set_index("parameter")

# %% [markdown]
# ## Create a data cube from the saved process

# %%
when = {"target_time_series": targets} if targets else {"interval_days": interval}
arguments = {
    "spatial_extent": spatial_extent,
    "temporal_extent": period,
    "s2_data_bands": bands,
    "fused_band_names": [f"{band}_fused" for band in bands],
    **when,
    **options,
}
cube = connection.datacube_from_process(process_id=process_id, **arguments)

# %% [markdown]
# ## Synchronous
#
# One request, and the result is the answer to it. For small areas and quick tests: a back-end ends
# what takes minutes, and there are no logs.

# %%
cube.download(out_path / "fused_udp_sync.nc")

# %% [markdown]
# ## Asynchronous but blocking
#
# A batch job that the client waits for. It may be larger, has logs, and other clients can look at
# it.

# %%
cube.execute_batch(outputfile=out_path / "fused_udp_exec_batch.nc")

# %% [markdown]
# ## Asynchronous, not blocking
#
# The job goes on without this notebook. The format is given with `save_result`, or here; GeoTIFFs
# come as one file for each day.

# %%
job = cube.create_job(title="EFAST", out_format="GTiff")
job.start()  # or, blocking: job.start_and_wait()
job.status()

# %% [markdown]
# The job is found again by its id: from another notebook, another day, another machine. Its logs
# tell what it computed and wrote, of warnings and errors, and what the graph itself notes
# (`inspect`).

# %%
job_id = job.job_id
again = openeo.connect(address).authenticate_oidc(store_refresh_token=bool(url))
job = again.job(job_id)
while (status := job.status()) in ("created", "queued", "running"):
    time.sleep(2)
print(job_id, status)
pd.DataFrame(job.logs(), columns=["time", "level", "message"]).set_index("time")

# %% [markdown]
# ### When the job is done

# %%
results = job.get_results()
results.download_files(out_path)

# %% [markdown]
# ## Look at the results
#
# The images lie on the grid of Sentinel-2. In the sample it rains on 6 April, clouds hide the land
# from Sentinel-2 from 1 April to 9 May, and it turns green under them.

# %%
names = arguments["fused_band_names"]
with xr.open_dataset(out_path / "fused_udp_exec_batch.nc") as file:
    fused = file[names].to_array("band").transpose("t", "band", "y", "x").rename(t="time").load()
fused = fused.assign_coords(band=bands)  # under these names indices and colours find them
shown = fused["time"].values[[0, fused.sizes["time"] // 2, -1]]
rows, columns = fused.sizes["y"], fused.sizes["x"]
places = [(rows // 4, columns // 4), (rows // 2, columns // 2), (3 * rows // 4, columns // 3)]
figures.fused_images(fused, shown, places, note=note)
plt.savefig(out_path / "fused.png", dpi=120)
plt.show()

# %% [markdown]
# ## Python script (not as a process that is saved)
#
# The same graph can be sent with its values in it, and the steps between be downloaded as well:
#
# ```
# workbench efast openeo --backend https://openeo.dataspace.copernicus.eu
#     --max-distance-to-cloud-m 5000 --temporal-score-stddev 5
#     --t-start 2022-09-07 --t-end-excl 2022-09-27
#     --bbox -15.456047,15.665024,-15.425491,15.687501
#     --output-dir ./test_outputs/full_chain --synchronous --save-intermediates
#     --fused-band-names B02fused,B03fused --s2-data-bands B02,B03 --s3-data-bands Oa04,Oa06
#     --skip-intermediates s2_bands,s2_cloud_mask,s2_bands_masked
#     --target-interval 2D --s3-composite-interval 2D
# ```
#
# Without `--synchronous` each becomes a batch job. From Python, one step: which cells of 300 m are
# cloudy at which image. (Steps that have distances or composites in them are done by functions,
# see `udfs`.)

# %%
from efast.openeo.parameters import defaults
from efast.openeo.processgraph import STEPS, steps

step = steps(connection, {**defaults(), **arguments})["s2_cloud_mask_coarse"]
step.download(out_path / "s2_cloud_mask_coarse.nc")
print("Steps:", ", ".join(STEPS))

# %% [markdown]
# ## Binning
#
# **This is about the bands of Sentinel-3, not about Sentinel-2 or flags of clouds.**
#
# The pixels of a pass lie askew to the cells. By default a cell takes the nearest pixel: one of
# about 300 m at nadir, and larger ones, which lie farther off, towards the edge of the swath.
#
# With `featureflags` a cell is the mean of what falls into it, each pixel cut into 2 by 2 parts.
# The process does that by default (`resampling`, `supersampling`).

# %%
from efast.sample import scene_extent

day_after = str(date.fromisoformat(binning_day) + timedelta(days=1))
asked = {
    "spatial_extent": scene_extent() if simulated else spatial_extent,  # the sample is small
    "temporal_extent": [binning_day, day_after],
    "bands": ["Syn_Oa17_reflectance"],
}
s3_nn = connection.load_collection("SENTINEL3_SYN_L2_SYN", **asked)
s3_nn.download(out_path / "s3_nn.tif")
s3_binned = connection.load_collection("SENTINEL3_SYN_L2_SYN", **asked)
flags = {"reprojection_type": "binning", "supersampling": 2}
s3_binned.result_node().update_arguments(featureflags=flags)
s3_binned.download(out_path / "s3_binned.tif")

# %% [markdown]
# Beside both stands, for the sample, what Sentinel-3 ought to see: the mean of the true reflectance
# of each cell, with the gain and bias of the simulated instrument.

# %%
import rasterio

from efast.openeo.scales import scale_of
from efast.sample import coarse_truth

collection = connection.describe_collection("SENTINEL3_SYN_L2_SYN")
factor, summand = scale_of(collection, asked["bands"])
found = {}
for name, path in {"nearest": "s3_nn.tif", "binned": "s3_binned.tif"}.items():
    with rasterio.open(out_path / path) as image:
        found[name] = image.read(1, masked=True).astype(float).filled(np.nan) * factor + summand
truth = coarse_truth(binning_day, "Oa17").values if simulated else None
title = f"Sentinel-3 on cells, {binning_day}"
figures.cells(found, "Oa17, 865 nm: reflectance [1]", truth, title=title, note=note)
plt.savefig(out_path / "binning.png", dpi=120)
plt.show()

# %% [markdown]
# ## The end
#
# This stops the server of the notebook. Jobs and results stay in its folder, and a server that
# starts on it again has them.

# %%
server.close()
if client is not None:
    client.close()
print(f"Results in {out_path}: {len(list(out_path.glob('openEO_*.tif')))} days")
