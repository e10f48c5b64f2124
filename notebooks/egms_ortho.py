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
# # East and up ground motion from EGMS bursts
#
# **Question.** How does the ground of an area move, east and up, since the first date?
#
# **Input.** L2b bursts of the European Ground Motion Service, at least one from an ascending and
# one from a descending track. Without any, a small simulated sample is written and used.
#
# **Output.** The L3 Ortho product of the area in the official formats, and figures.
#
# **Time.** About 20 seconds on the sample, most of it for figures.

# %% [markdown]
# ## Parameters
#
# Change them here, or from outside: `workbench run notebooks/egms_ortho.ipynb -p aoi E45N17 -p …`

# %% tags=["parameters"]
bursts: str = ""  # folder with L2 bursts; empty: the simulated sample
aoi: str = "E45N20"  # tile name, or west,south,east,north in m, EPSG:3035
aoi_name: str = ""  # for the file names; empty: the tile
start: str = ""  # first output date, 2020-01-03; empty: when all bursts have begun
end: str = ""  # last output date; empty: before any burst has ended
step_days: int = 6  # between output dates
cell_m: float = 100.0  # side of a cell
anchor: str = "center"  # label of a cell in step 3: start, center or end
max_gap_days: float = 90.0  # reach of an acquisition in time
official: str = ""  # official L3 file of the east component, to compare with
output: str = "runs/egms_ortho"  # folder for the product
overwrite: bool = False  # replace an earlier product of other inputs or parameters
cluster: str = "none"  # none, local, slurm, pbs, or the address of a scheduler
jobs: int = 2  # workers; on Slurm and PBS one job each

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import egms_io
from egms_io import figures
from egms_io.cells import area_of
from egms_io.formats.bursts import find_bursts
from workbench.progress import log_to_stderr
from workbench.runs import Run

log_to_stderr()
folder = Path(output)
note = "" if bursts else "simulated"

# %% [markdown]
# ## Where the work is done
#
# `none` computes in this process, which is enough for a few bursts. With `local` the Dask dashboard
# (the link below, or the panel on the left of JupyterLab) shows the work as it goes. `slurm` and
# `pbs` submit one job for each worker; an address joins a cluster that the panel has started.

# %%
from workbench import connect

client = None if cluster == "none" else connect(cluster, jobs=jobs)
client

# %% [markdown]
# ## Step 1: ingestion
#
# A burst is a table in a ZIP: one row per point, with its place, its line of sight to the satellite
# and one displacement per acquisition.

# %%
if not bursts and not any(Path("runs/egms_sample").glob("*.zip")):
    egms_io.write_sample("runs/egms_sample", overwrite=True)
sources, _ = find_bursts(Path(bursts or "runs/egms_sample"))
frame = egms_io.read_csv_or_zip(sources[0], read_xml=False)
print(*[source.name for source in sources], sep="\n")
frame.iloc[:5, :20]

# %%
figures.burst_map(frame, note=note)
plt.show()

# %% [markdown]
# ## Step 2: interpolation in time
#
# Tracks pass on different days, so every burst is brought to the same dates. Each output date is
# a mean over all acquisitions with weights exp(-|days|): in effect the nearest one, ties
# averaged. Shown for one point; the run itself averages the points of a cell first, which is the
# same and faster.

# %%
sampled = frame.iloc[len(frame) // 2 : len(frame) // 2 + 1]
regular = egms_io.interpolate_time_columns(
    sampled, start=None, end=None, spacing_days=step_days, max_gap_days=max_gap_days
)
figures.interpolation_plot(sampled.iloc[0], regular.iloc[0], note=note)
plt.show()

# %% [markdown]
# ## Step 3: rasterization
#
# Points fall into square cells aligned to the grid of EPSG:3035. A point on the east or north
# edge of a cell belongs to the next one.

# %%
area = area_of(aoi.split(",") if "," in aoi else aoi, cell_m)
cell = egms_io.compute_cell_id(frame["easting"], frame["northing"], area.lattice)
inside = frame[cell >= 0].assign(cell=cell[cell >= 0])
x, y = egms_io.cell_id_to_coords(inside["cell"], area.lattice, anchor)
counts = inside.assign(x=x, y=y).groupby(["x", "y"]).size().sort_values()
print(f"{len(inside):,} of {len(frame):,} points lie in {len(counts):,} cells of {area.name}")
counts.tail(3).rename("points in the fullest cells")

# %% [markdown]
# ## Step 4: least squares
#
# Each burst sees a cell along one line of sight: `d = los_east · east + los_up · up`. An
# ascending and a descending one are enough for east and up; north is not solved. The call below
# does every step for all bursts: one task per burst, then one per block of 10 km. Shown are the
# points that the cells have from each pass, and how well the two directions can be told apart (1
# would be at right angles).

# %%
with Run(folder, system="egms", parameters={"aoi": aoi}, inputs=sources, client=client) as run:
    product = egms_io.ortho(
        sources, aoi=area, start=start or None, end=end or None, step_days=step_days,
        cell_m=cell_m, max_gap_days=max_gap_days, client=client, work=folder / ".work",
    )  # fmt: skip
    run.set("report", product.report)
    run.count("cells", product.cells)
print(product.report["cells"], product.report["warnings"])
product.east[["points_ascending", "points_descending", "condition"]].describe().round(2)

# %%
figures.point_count_maps(product, note=note)
plt.show()

# %% [markdown]
# ## Step 5: the cubes
#
# One row per cell and one column per date, for east and up alike. Values are unrounded until they
# are written.

# %%
dates = list(product.method.dates)
print(f"{product.cells} cells, {len(dates)} dates from {dates[0]} to {dates[-1]}")
product.up.loc[:4, ["pid", "easting", "northing", *dates[:3], *dates[-3:]]].round(2)

# %% [markdown]
# ## Step 6: the model
#
# Series are referred to the fitted value at the first date; velocity, acceleration and
# seasonality are fits to the unrounded series. Shown for the cells that move most, up and east.

# %%
fastest = [
    part.loc[part["mean_velocity"].abs().fillna(0).idxmax()] for part in (product.east, product.up)
]
seasonal = product.up.loc[product.up["seasonality"].fillna(0).idxmax()]
places = [(part["easting"], part["northing"]) for part in (*fastest, seasonal)]
figures.series_plot(product, places, note=note)
plt.show()

# %%
figures.residual_histogram(product, note=note)
plt.show()

# %% [markdown]
# ## Step 7: output
#
# The official ZIP (CSV and XML) with its checksum, the GeoTIFF of mean velocity, and GeoParquet
# with all values unrounded.

# %%
paths = product.write(folder, overwrite=overwrite, name=aoi_name or None)
print(*paths, sep="\n")

# %%
maps = figures.velocity_maps(product, note=note)
maps.savefig(folder / "velocity.png", dpi=150)
plt.show()

# %% [markdown]
# ## How close to the official product?
#
# Only with an official file of the same area and release: set `official`.

# %%
if official:
    comparison = egms_io.compare(product, official)
    print(comparison)
    figures.comparison_plot(comparison).savefig(folder / "comparison.png", dpi=150)
    plt.show()

# %%
if client is not None:
    client.close()
speeds = np.concatenate([product.east["mean_velocity"], product.up["mean_velocity"]])
print(f"{product.cells} cells, {np.nanmin(speeds):.1f} to {np.nanmax(speeds):.1f} mm/yr")
print(f"see {folder}/velocity.png")
