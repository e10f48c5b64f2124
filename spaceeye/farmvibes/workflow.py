"""Workflows in the YAML format of FarmVibes.AI: read, check, run.

`spaceeye/farmvibes/spaceeye_interpolation_inference.yaml` is the one that makes daily cloud-free
images; `run_workflow` runs it, and any other graph of the operations in `spaceeye.farmvibes.registry`, here
or on a Dask client, with the same result::

    images = [Raster.open(path) for path in image_paths]
    masks = [CloudMask.open(path) for path in mask_paths]
    request = InputData(("2021-05-01", "2021-07-31"), (4.1, 51.3, 4.2, 51.4))
    sources = {"input_data": request, "s2_rasters": images, "cloud_rasters": masks}
    daily = run_workflow(SPACEEYE, sources, output="daily")["raster"]
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spaceeye.farmvibes.workflowfile import SPACEEYE, load_workflow
from spaceeye.farmvibes.workflowgraph import Edge, Task, Workflow

if TYPE_CHECKING:
    from distributed import Client

__all__ = [
    "SPACEEYE",
    "Edge",
    "Task",
    "Workflow",
    "load_workflow",
    "run_workflow",
    "sources_of_folder",
]


def sources_of_folder(
    folder: str | Path, start: Any, end: Any, geometry: Any = None
) -> dict[str, Any]:
    """Give the sources of the shipped workflow from a folder of images and masks.

    Parameters
    ----------
    folder
        In the layout of `workbench.sentinel2.geotiffs`: masks in the folder ``masks`` inside, or with
        names that end in ``_mask`` or ``_cloud``.
    start, end
        First and last day wanted, both included.
    geometry
        Region wanted, see `spaceeye.farmvibes.records.InputData`. Default: the envelope of all images.

    Raises
    ------
    BadFile
        If there is no image, or a file is broken or says nothing of its tile and time.
    """
    from spaceeye.farmvibes.records import CloudMask, InputData, Raster
    from workbench.sentinel2.geotiffs import find_rasters

    image_paths, mask_paths = find_rasters(folder, None)
    images = [Raster.open(path) for path in image_paths]
    if geometry is None:
        west, south = (min(image.bounds[side] for image in images) for side in (0, 1))
        east, north = (max(image.bounds[side] for image in images) for side in (2, 3))
        geometry = (west, south, east, north)
    return {
        "input_data": InputData((start, end), geometry),
        "s2_rasters": images,
        "cloud_rasters": [CloudMask.open(path) for path in mask_paths],
    }


def run_workflow(
    workflow: Workflow | str | Path,
    sources: Mapping[str, Any],
    parameters: Mapping[str, Any] | None = None,
    *,
    client: Client | None = None,
    output: str | Path | None = None,
    **options: Any,
) -> dict[str, list[Any]]:
    """Run a workflow.

    Parameters
    ----------
    workflow
        Path or text of the YAML, or what `load_workflow` gave.
    sources
        Records for each source, one or a list.
    parameters
        In place of defaults of the workflow.
    client
        Dask client to send the calls to; otherwise they run here. The result is the same.
    output
        Folder of the images; every worker must see it.
    **options
        For `spaceeye.farmvibes.operations.remove_clouds_interpolation`: mode, alpha, illumination,
        missing_mask, offset, overwrite. They prevail over parameters of tasks.

    Returns
    -------
    dict
        Records of each sink.

    Raises
    ------
    BadWorkflow
        Before anything runs: the graph, a parameter, a source or an option is wrong.
    """
    from spaceeye.farmvibes.execution import Run, check_sources
    from spaceeye.farmvibes.workflowcheck import check_options

    graph = workflow if isinstance(workflow, Workflow) else load_workflow(workflow)
    graph.check(parameters)
    given = check_sources(graph, sources)
    chosen = {"output": None if output is None else str(output), **options}
    check_options(graph, chosen)
    return Run(client, chosen).run(graph, given, parameters or {})
