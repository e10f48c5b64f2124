"""Process graphs on xarray, as plainly as can be: what the tests of EFAST's graph compare with.

Cubes are DataArrays in memory with dims t, bands, y and x, NaN is null. Only what that graph uses.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import xarray as xr
from openeo.udf import UdfData, XarrayDataCube
from openeo.udf.run_code import run_udf_code


def with_function(code, cube, context):
    """Run a user-defined function as the client's runtime does."""
    found = run_udf_code(code, UdfData(datacube_list=[XarrayDataCube(cube)], user_context=context))
    return found.get_datacube_list()[0].get_array()


def evaluate(graph, scope, collections):
    """Return the result of a graph."""
    results, ordered = {}, list(graph)
    while ordered:
        name = ordered.pop(0)
        node = graph[name]
        if any(link not in results for link in links(node["arguments"])):
            ordered.append(name)
            continue
        look = partial(value_of, scope=scope, results=results, collections=collections)
        given = {key: look(value) for key, value in node["arguments"].items()}
        process = CUBES.get(node["process_id"]) or NUMBERS[node["process_id"]]
        if node["process_id"] == "load_collection":
            given["collections"] = collections
        with np.errstate(all="ignore"):
            results[name] = process(**given)
        if node.get("result"):
            return results[name]
    raise AssertionError("no result")


def links(value):
    if isinstance(value, dict):
        if "from_node" in value:
            return [value["from_node"]]
        if "process_graph" in value:
            return []
        return [link for part in value.values() for link in links(part)]
    return [link for part in value for link in links(part)] if isinstance(value, list) else []


def value_of(value, scope, results, collections):
    again = partial(value_of, scope=scope, results=results, collections=collections)
    if isinstance(value, list):
        return [again(part) for part in value]
    if not isinstance(value, dict):
        return value
    if "from_node" in value:
        return results[value["from_node"]]
    if "from_parameter" in value:
        return scope[value["from_parameter"]]
    if "process_graph" in value:
        graph = value["process_graph"]
        return lambda **given: evaluate(graph, {**scope, **given}, collections)
    return {key: again(part) for key, part in value.items()}


def load_collection(collections, bands, featureflags=None, **given):
    assert set(given) == {"id", "spatial_extent", "temporal_extent"}
    cube = collections[given["id"]]
    return cube.sel(bands=[band for band in bands if band in cube["bands"].values])


def element(data, index=None, label=None, return_nodata=False):
    names = [str(name) for name in data["bands"].values]
    if label is not None and label not in names:
        assert return_nodata
        return xr.full_like(data.isel(bands=0, drop=True), np.nan)
    return data.isel(bands=index if label is None else names.index(label), drop=True)


def choice(value, accept, reject=None):
    if isinstance(value, bool | np.bool_):
        return accept if value else reject
    return xr.where(value == 1, accept, np.nan if reject is None else reject)


def either(x, y):
    return (x == 1) | (y == 1)


def resample_spatial(data, resolution, method, align):
    assert (method, align) == ("average", "upper-left")
    ratio = round(resolution / float(data["x"][1] - data["x"][0]))
    found = data.coarsen(y=ratio, x=ratio, boundary="pad").mean()
    cell = float(resolution)
    left, top = float(data["x"][0]) - cell / ratio / 2, float(data["y"][0]) + cell / ratio / 2
    return found.assign_coords(
        x=left + (np.arange(found.sizes["x"]) + 0.5) * cell,
        y=top - (np.arange(found.sizes["y"]) + 0.5) * cell,
    )


def resample_cube_spatial(data, target, method):
    if method == "near":
        return data.sel(x=target["x"], y=target["y"], method="nearest").assign_coords(
            x=target["x"], y=target["y"]
        )
    there = data.notnull().astype(np.float64)
    at = {
        axis: target[axis].clip(float(data[axis].min()), float(data[axis].max()))
        for axis in ("x", "y")
    }
    values, weights = (
        cube.astype(np.float64).interp(at, method="linear") for cube in (data.fillna(0), there)
    )
    found = (values / weights).where(weights > 0)
    return found.astype(np.float32).assign_coords(x=target["x"], y=target["y"])


def apply_neighborhood(data, process, size, overlap, context):
    """In windows, with nodata around the cube."""
    steps = {each["dimension"]: each["value"] for each in size}
    reach = {each["dimension"]: each["value"] for each in overlap}
    padded = data.astype(np.float64).pad({side: (reach[side], reach[side]) for side in "xy"})
    found = xr.full_like(data, np.nan, np.float64)
    for top in range(0, data.sizes["y"], steps["y"]):
        for left in range(0, data.sizes["x"], steps["x"]):
            window = padded.isel(
                y=slice(top, top + steps["y"] + 2 * reach["y"]),
                x=slice(left, left + steps["x"] + 2 * reach["x"]),
            )
            inner = process(data=window, context=context).isel(
                y=slice(reach["y"], -reach["y"]), x=slice(reach["x"], -reach["x"])
            )
            rows, columns = slice(top, top + steps["y"]), slice(left, left + steps["x"])
            found[{"y": rows, "x": columns}] = inner.transpose(*data.dims).values
    return found


def apply_dimension(data, process, dimension, context):
    """All other dimensions stay as they are."""
    found = process(data=data, context=context)
    for other in set(data.dims) - {dimension}:
        np.testing.assert_array_equal(found[other], data[other])
    return found


def apply_kernel(data, kernel, border, factor=1, replace_invalid=0):
    from scipy.ndimage import correlate

    assert border == "replicate"
    planes = data.fillna(replace_invalid)
    found = np.empty(planes.shape)
    for at in np.ndindex(planes.shape[:-2]):
        found[at] = correlate(planes.values[at].astype(float), np.array(kernel), mode="nearest")
    return planes.copy(data=found * factor)


def merge_cubes(cube1, cube2, overlap_resolver=None):
    if overlap_resolver is None:
        xr.testing.assert_equal(cube1["t"], cube2["t"].assign_coords(t=cube1["t"]))
        return xr.concat([cube1, cube2.transpose(*cube1.dims)], "bands", join="exact")
    one, other = xr.align(cube1, cube2, join="exact")
    return overlap_resolver(x=one, y=other)


CUBES = {
    "load_collection": load_collection,
    "reduce_dimension": lambda data, reducer, dimension: reducer(data=data),
    "apply": lambda data, process: process(x=data),
    "apply_dimension": apply_dimension,
    "apply_neighborhood": apply_neighborhood,
    "apply_kernel": apply_kernel,
    "run_udf": lambda data, udf, runtime, context: with_function(udf, data, context),
    "resample_spatial": resample_spatial,
    "resample_cube_spatial": resample_cube_spatial,
    "mask": lambda data, mask: data.where((mask == 0) | mask.isnull()),
    "merge_cubes": merge_cubes,
    "filter_labels": lambda data, condition, dimension: data.sel(
        bands=[name for name in data["bands"].values if condition(value=str(name))]
    ),
    "filter_bands": lambda data, bands: data.sel(bands=bands),
    "add_dimension": lambda data, name, label, **_: data.expand_dims({name: [label]}, axis=1),
    "dimension_labels": lambda data, dimension: (
        [f"{str(t)[:23]}Z" for t in data["t"].values]
        if dimension == "t"
        else data[dimension].values.tolist()
    ),
    "rename_labels": lambda data, dimension, target, source: data.sel(
        {dimension: source}
    ).assign_coords({dimension: target}),
    "array_element": element,
    "max": lambda data: data.max("bands"),
}

NUMBERS = {
    "if": choice,
    "or": either,
    "lt": lambda x, y: x < y,
    "gt": lambda x, y: x > y,
    "gte": lambda x, y: x >= y,
    "eq": lambda x, y: x == y,
    "neq": lambda x, y: xr.where(x.isnull(), np.nan, x != y) if hasattr(x, "isnull") else x != y,
    "is_nodata": lambda x: x.isnull(),
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / y,
    "mod": lambda x, y: x % y,
    "clip": lambda x, **limits: x.clip(**limits),
    "count": lambda data: len(data),
}
