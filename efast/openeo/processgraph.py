"""The process graph of EFAST, built with the openEO client.

Steps have the names of `efast.cubes.intermediates`. What an official process does is one; five
functions (`efast.openeo.functions`) do the rest: distances, composites, what the coarse series is
at other days, weights and the mean differences. It is the fusion of `efast.fuse`::

    score of images        share of hidden pixels by cell, distance, clip
    coarse series          composites, smoothed, interpolated at the days of images and of targets
    weights                of each image for each target, a band each
    fused                  coarse series of the target + mean of (images - coarse series)

where the coarse side comes onto the fine grid bilinearly, the weights after they were normalised.
"""

# The client annotates its own decorators loosely.
# mypy: disable-error-code="no-untyped-call,no-any-return,attr-defined"
from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from efast.openeo.parameters import (
    COARSE_COLLECTION,
    FINE_COLLECTION,
    FLAGS,
    PARAMETERS,
    RETURNS,
)
from efast.openeo.scales import scale_of

if TYPE_CHECKING:
    from openeo import DataCube
    from openeo.api.process import Parameter
    from openeo.rest.connection import Connection

__all__ = [
    "FILE",
    "LITTLE",
    "STEPS",
    "create_efast_udp",
    "function_text",
    "process_document",
    "steps",
]

FILE = "efast.json"
"""The process as it is stored with the project."""

SCORE = "distance_score"
CLOUD_BITS = 7
"""Of the flags of Sentinel-3: cloud, ambiguous, margin of a cloud."""

SIZE, REACH = 128, 64
"""Cells of a neighbourhood and of its overlap, within which clouds are looked for."""

LITTLE = 1e-5
"""Less than a pixel is of a cell: a share that is the tolerance but for rounding is cloudy."""

STD = 1.0
"""Of the Gaussian over composites, cells."""

STEPS = (
    "s2_bands", "s2_cloud_flags", "s2_cloud_mask", "s2_cloud_mask_mean", "s2_cloud_mask_coarse",
    "s2_distance_to_cloud", "s2_distance_score", "s2_bands_masked", "s3_cloud_mask",
    "s3_distance_to_cloud", "s3_distance_score", "s3_bands_and_distance_score",
    "s3_composite_data_bands", "s3_composite_data_bands_smoothed", "s3_composite_target_interp",
    "s3_composite_s2_interp", "s2_bands_dtc_merge", "s2_s3_pre_aggregate_merge",
    "s2_s3_aggregate", "fusion_input", "fused",
)  # fmt: skip
"""Names of the steps, in their order; the last is the result. One is only to be looked at:
``s2_bands_dtc_merge``."""


def create_efast_udp(
    connection: Connection, *, fine: str = FINE_COLLECTION, coarse: str = COARSE_COLLECTION
) -> tuple[list[Parameter], dict[str, Any]]:
    """Return EFAST as a process that a user can save on a back-end.

    Parameters
    ----------
    connection
        From ``openeo.connect``. What it says of both collections tells the scale of their numbers;
        nothing else is asked, and nothing computed or stored.
    fine, coarse
        Collections of Sentinel-2 L2A and Sentinel-3 SYN L2.

    Returns
    -------
    parameters : list of openeo.api.process.Parameter
        For ``save_user_defined_process``.
    process_graph : dict
        Nodes by name, as JSON has them. It loads both collections and gives a data cube;
        ``save_result`` is left to the caller.

    Raises
    ------
    BadInput
        If bands of a collection differ in scale.
    """
    from openeo.api.process import Parameter

    parameters = [Parameter(**_keywords(each)) for each in PARAMETERS]
    values = {parameter.name: parameter for parameter in parameters}
    cubes = steps(connection, values, fine=fine, coarse=coarse)
    graph: dict[str, Any] = json.loads(json.dumps(cubes["fused"].flat_graph()))
    return parameters, graph


def process_document(parameters: Sequence[Parameter], graph: Mapping[str, Any]) -> dict[str, Any]:
    """Return the process as the API stores it: ``id``, ``parameters``, ``process_graph``, ..."""
    return {
        "id": "efast",
        "summary": "Sentinel-2 images of any day, with the change that Sentinel-3 saw in between",
        "description": (
            "Fuses irregular, cloudy images of Sentinel-2 with the daily, coarse series of "
            "Sentinel-3 SYN to images without clouds at any day (Senty et al. 2024, Remote Sensing "
            "16, 1833)."
        ),
        "parameters": [parameter.to_dict() for parameter in parameters],
        "returns": RETURNS,
        "process_graph": dict(graph),
    }


def function_text(name: str) -> str:
    """Return a user-defined function of `efast.openeo.functions` as it is sent."""
    folder = resources.files("efast.openeo.functions")
    return folder.joinpath(f"{name}.py").read_text(encoding="utf-8")


def steps(
    connection: Connection,
    values: Mapping[str, Any],
    *,
    fine: str = FINE_COLLECTION,
    coarse: str = COARSE_COLLECTION,
) -> dict[str, DataCube]:
    """Return all steps as data cubes of the client, by the names of `STEPS`.

    Parameters
    ----------
    connection
        See `create_efast_udp`.
    values
        Of all parameters, by name: plain ones, or parameters of the client.
    fine, coarse
        See `create_efast_udp`.
    """
    found = _fine_side(connection, values, fine)
    found |= _coarse_side(connection, values, coarse, found["s2_cloud_mask_coarse"])
    found |= _fusion(values, found)
    return {name: found[name] for name in STEPS}


def _fine_side(connection: Connection, values: Mapping[str, Any], name: str) -> dict[str, DataCube]:
    """Return the images, masked, and what they count in each cell."""
    from openeo import processes as p

    bands = _loaded(connection, name, values, values["s2_data_bands"])
    scale, offset = _scale(connection, name, values["s2_data_bands"])
    bands = bands.apply(lambda x: x * scale + offset)
    flags = _loaded(connection, name, values, ["SCL"])

    def hidden(data: Any) -> Any:
        """Classes 1, 2, 4, 5, 6 and 7 are clear."""
        scl = p.array_element(data, index=0)
        unclear = p.or_(p.or_(p.lt(scl, 1), p.gt(scl, 7)), p.eq(scl, 3))
        return p.if_(p.or_(p.is_nodata(scl), unclear), 1, 0)

    mask = flags.reduce_dimension(dimension="bands", reducer=hidden)
    cell = {"resolution": values["coarse_cell_m"], "method": "average", "align": "upper-left"}
    share = mask.process("resample_spatial", cell, data=mask)
    cloudy = share.apply(
        lambda x: p.if_(p.gte(x, p.subtract(values["cloud_tolerance"], LITTLE)), 1, 0)
    )
    distance, score = _score(cloudy, values["max_distance_to_cloud_m"], values["coarse_cell_m"])
    return {
        "s2_bands": bands,
        "s2_cloud_flags": flags,
        "s2_cloud_mask": mask,
        "s2_cloud_mask_mean": share,
        "s2_cloud_mask_coarse": cloudy,
        "s2_distance_to_cloud": distance,
        "s2_distance_score": score,
        "s2_bands_masked": bands.mask(mask),
    }


def _coarse_side(
    connection: Connection, values: Mapping[str, Any], name: str, cells: DataCube
) -> dict[str, DataCube]:
    """Return the composites, smoothed, and what they are made from."""
    from openeo import processes as p

    loaded = _loaded(connection, name, values, values["s3_data_bands"])
    binning = {
        "reprojection_type": values["resampling"],
        "super_sampling": values["supersampling"],
        "supersampling": values["supersampling"],  # as it was spelled before
        "flag_band": FLAGS,
        "flag_bitmask": CLOUD_BITS,
    }
    loaded.result_node().update_arguments(featureflags=binning)
    loaded = _resampled(loaded, cells, "near")

    def flagged(data: Any) -> Any:
        """Null, which hides nothing, if the flags are not among the bands."""
        flags = p.array_element(data, label=FLAGS, return_nodata=True)
        return p.neq(p.mod(flags, CLOUD_BITS + 1), 0)

    flags = loaded.reduce_dimension(dimension="bands", reducer=flagged)
    scale, offset = _scale(connection, name, values["s3_data_bands"])
    bands = loaded.filter_labels(condition=lambda value: p.neq(value, FLAGS), dimension="bands")
    bands = bands.apply(lambda x: x * scale + offset).mask(flags)
    unseen = bands.apply(lambda x: p.if_(p.is_nodata(x), 1, 0))
    unseen = unseen.reduce_dimension(dimension="bands", reducer="max")
    distance, score = _score(unseen, values["s3_max_distance_to_cloud_m"], values["coarse_cell_m"])
    scored = bands.merge_cubes(score)
    context = {
        "score": SCORE,
        "step": values["composite_interval_days"],
        "sigma": values["s3_temporal_score_stddev"],
        "mosaic_days": values["mosaic_days"],
    }
    composites = scored.apply_dimension(
        process=_function("composites"), dimension="t", context=context
    ).filter_labels(condition=lambda value: p.neq(value, SCORE), dimension="bands")
    return {
        "s3_cloud_mask": unseen,
        "s3_distance_to_cloud": distance,
        "s3_distance_score": score,
        "s3_bands_and_distance_score": scored,
        "s3_composite_data_bands": composites,
        "s3_composite_data_bands_smoothed": _smoothed(composites),
    }


def _fusion(values: Mapping[str, Any], found: Mapping[str, DataCube]) -> dict[str, DataCube]:
    """Return both sensors at the days that matter, put together on the fine grid."""
    images, series = found["s2_bands_masked"], found["s3_composite_data_bands_smoothed"]
    at_images = {"dates": images.dimension_labels("t"), "extrapolate": values["extrapolate"]}
    wanted = (
        "target_time_series", "temporal_extent", "temporal_extent_target", "interval_days",
        "extrapolate",
    )  # fmt: skip
    at_targets = {name: values[name] for name in wanted}
    then, now = (
        series.apply_dimension(process=_function("interpolation"), dimension="t", context=context)
        for context in (at_images, at_targets)
    )
    targets = now.dimension_labels("t")
    weighing = {
        "targets": targets,
        "sigma": values["temporal_score_stddev"],
        "max_days": values["max_days"],
    }
    score = found["s2_distance_score"]
    weights = score.apply_dimension(
        process=_function("weights"), dimension="bands", context=weighing
    )
    coarse = _resampled(then.merge_cubes(weights), images, "bilinear")
    merged = images.merge_cubes(coarse)
    bands = {"fine": values["s2_data_bands"], "targets": targets}
    partners = now.dimension_labels("bands")
    changes = merged.apply_dimension(process=_function("changes"), dimension="t", context=bands)
    changes = changes.process("filter_bands", {"data": changes, "bands": partners})
    base = _resampled(now, images, "bilinear")
    fused = base.merge_cubes(changes, overlap_resolver="add")
    return {
        "s3_composite_target_interp": now,
        "s3_composite_s2_interp": then,
        "s2_bands_dtc_merge": images.merge_cubes(_resampled(score, images, "bilinear")),
        "s2_s3_pre_aggregate_merge": merged,
        "s2_s3_aggregate": changes,
        "fusion_input": base,
        "fused": _named(fused, partners, values),
    }


def _named(fused: DataCube, partners: Any, values: Mapping[str, Any]) -> DataCube:
    """Return the result under the names wanted instead of those of Sentinel-3, or its NDVI."""
    from openeo import processes as p

    def ndvi(data: Any) -> Any:
        near, red = (p.array_element(data, label=b, return_nodata=True) for b in ("B8A", "B04"))
        total = p.add(near, red)
        return p.if_(p.gt(total, 0), p.divide(p.subtract(near, red), total))

    def renamed(names: Any) -> DataCube:
        return fused.rename_labels(dimension="bands", target=names, source=partners)

    bands, names = values["s2_data_bands"], values["fused_band_names"]
    index = renamed(bands).reduce_dimension(dimension="bands", reducer=ndvi)
    index = index.add_dimension(name="bands", label="ndvi", type="bands")
    given = _process("gt", x=_process("count", data=names), y=0)
    shown = renamed(_process("if", value=given, accept=names, reject=bands))
    choice = {"value": values["output_ndvi"], "accept": index, "reject": shown}
    return shown.process("if", choice)


def _resampled(cube: DataCube, target: DataCube, method: str) -> DataCube:
    """Return a cube on the grid of another; the client's own method forgets its dimensions."""
    return cube.process("resample_cube_spatial", {"data": cube, "target": target, "method": method})


def _process(name: str, **arguments: Any) -> Any:
    """Return a node of plain values."""
    from openeo.internal.graph_building import PGNode

    return PGNode(process_id=name, arguments=arguments)


def _loaded(connection: Connection, name: str, values: Mapping[str, Any], bands: Any) -> DataCube:
    from openeo import DataCube

    return DataCube.load_collection(
        name, connection, spatial_extent=values["spatial_extent"],
        temporal_extent=values["temporal_extent"], bands=bands, fetch_metadata=False,
    )  # fmt: skip


def _score(hidden: DataCube, distance_m: Any, cell_m: Any) -> tuple[DataCube, DataCube]:
    """Return the distance of cells from hidden ones, and what counts there for it."""
    from openeo import processes as p

    sides = ("x", "y")
    distance = hidden.add_dimension(name="bands", label=SCORE, type="bands").apply_neighborhood(
        process=_function("distance"),
        size=[{"dimension": side, "value": SIZE, "unit": "px"} for side in sides],
        overlap=[{"dimension": side, "value": REACH, "unit": "px"} for side in sides],
        context={"reach": REACH, "distance_m": distance_m, "cell_m": cell_m},
    )
    score = distance.apply(
        lambda x: p.clip(p.divide(p.subtract(x, 1), p.divide(distance_m, cell_m)), 0, 1)
    )
    return distance, score


def _smoothed(composites: DataCube) -> DataCube:
    """Return a Gaussian mean of what is there: a sum of values by one of weights."""
    from openeo import processes as p

    reach = int(np.ceil(2 * STD))
    along = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * STD**2))
    kernel = np.round(np.outer(along, along), 12)  # the same on every machine
    there = composites.apply(lambda x: p.if_(p.is_nodata(x), 0, 1))
    values, weights = (
        cube.apply_kernel(kernel=kernel, border="replicate") for cube in (composites, there)
    )
    # over no values 0 is divided by 0, which is null
    return values.merge_cubes(weights, overlap_resolver="divide")


def _function(name: str) -> Any:
    """Return a user-defined function that takes the context of the process that calls it."""
    from openeo import UDF

    return UDF(function_text(name), runtime="Python", context={"from_parameter": "context"})


def _keywords(parameter: Mapping[str, Any]) -> dict[str, Any]:
    known = ("name", "description", "schema", "default", "optional")
    return {name: parameter[name] for name in known if name in parameter}


def _scale(connection: Connection, collection: str, bands: Any) -> tuple[float, float]:
    """Return what numbers of a collection are worth; of the default bands of a parameter."""
    names = bands if isinstance(bands, list | tuple) else bands.default
    return scale_of(connection.describe_collection(collection), names)
