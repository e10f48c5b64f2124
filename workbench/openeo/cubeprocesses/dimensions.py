"""Processes of data cubes: dimensions and their labels, from add_dimension to trim_cube.

Dimensions that are made come first in the cube that is given back.
"""

# Some functions of Dask have no types.
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from math import prod
from typing import Any

import numpy as np

from workbench.openeo.cubeprocesses.labels import checked_coordinate, has_steps, label_text, picked
from workbench.openeo.cubes import Cube, Dimension, Kind, shown_labels
from workbench.openeo.declarations import process
from workbench.openeo.errors import OpenEOError, error
from workbench.openeo.values import Label, is_lazy

MOST_LABELS = 4_000_000
"""Of a dimension that several are combined into: each is a text."""


@process("create_data_cube")
def create_data_cube() -> Cube:
    """Return a cube of one null, without dimensions."""
    import xarray as xr

    return Cube(xr.DataArray(np.float32(np.nan)), {})


@process("add_dimension")
def add_dimension(data: Cube, name: str, label: Label, kind: Kind) -> Cube:
    """Add a dimension with one label; times and geometries are read from texts."""
    if name in data.dimensions:
        detail = f"It is {name!r:.80}."
        raise error("DimensionExists", process="add_dimension", detail=detail)
    dimension = Dimension(kind)
    if kind == "spatial":
        axes = [axis for axis in ("x", "y", "z") if data.axis(axis) is None]
        if not axes:
            detail = "There are dimensions along x, y and z."
            raise error("DimensionExists", process="add_dimension", detail=detail)
        dimension = Dimension(kind, axes[0])  # type: ignore[arg-type]
    values = checked_coordinate([label], dimension, process="add_dimension", parameter="label")
    array = data.array.expand_dims(name).assign_coords({name: values})
    return replace(data, array=array, dimensions={name: dimension, **data.dimensions})


@process("drop_dimension")
def drop_dimension(data: Cube, name: str) -> Cube:
    data.named(name, "drop_dimension")
    if data.array.sizes[name] != 1:
        detail = f"The dimension {name!r:.80} has {data.array.sizes[name]} labels."
        raise error("DimensionLabelCountMismatch", process="drop_dimension", detail=detail)
    return data.with_array(data.array.isel({name: 0}, drop=True))


@process("dimension_labels")
def dimension_labels(data: Cube, dimension: str) -> list[Label]:
    data.named(dimension, "dimension_labels")
    return data.labels(dimension)


@process("rename_dimension")
def rename_dimension(data: Cube, source: str, target: str) -> Cube:
    data.named(source, "rename_dimension")
    if target in data.dimensions:
        detail = f"It is {target!r:.80}."
        raise error("DimensionExists", process="rename_dimension", detail=detail)
    names = {name: target if name == source else name for name in data.dimensions}
    return replace(
        data,
        array=data.array.rename({source: target}),
        dimensions={names[name]: each for name, each in data.dimensions.items()},
    )


@process("rename_labels")
def rename_labels(
    data: Cube, dimension: str, target: Sequence[Label], source: Sequence[Label]
) -> Cube:
    """Rename labels; what is known of bands goes with them."""
    before = data.named(dimension, "dimension_labels")  # its own definition names no error
    known = data.labels(dimension)
    changed = _renamed(known, _as_shown(source, before), _as_shown(target, before))
    labels = [changed.get(label, label) for label in known]
    values = checked_coordinate(labels, before, process="rename_labels", parameter="target")
    bands = {
        str(new): before.bands[str(old)]
        for old, new in zip(known, labels, strict=True)
        if str(old) in before.bands
    }
    array = data.array.assign_coords({dimension: values})
    return data.with_array(array, **{dimension: replace(before, bands=bands)})


@process("flatten_dimensions")
def flatten_dimensions(
    data: Cube, dimensions: Sequence[str], target_dimension: str, label_separator: str
) -> Cube:
    """Combine dimensions into one, whose labels are texts; the last of them runs fastest."""
    for name in dimensions:
        data.named(name, "flatten_dimensions")
    _check_free(data, [target_dimension], "flatten_dimensions")
    sizes = [data.array.sizes[name] for name in dimensions]
    if not dimensions or prod(sizes) > MOST_LABELS:
        reason = f"they have {prod(sizes)} labels together, more than {MOST_LABELS}; flatten fewer"
        raise _invalid(
            "flatten_dimensions", "dimensions", reason if dimensions else "it names none"
        )
    texts = [[label_text(label) for label in data.labels(name)] for name in dimensions]
    labels = [label_separator.join(parts) for parts in product(*texts)]
    if len(set(labels)) < len(labels):
        reason = f"{label_separator!r} makes some labels equal; choose one that no label contains"
        raise _invalid("flatten_dimensions", "label_separator", reason)
    rest = [name for name in data.dimensions if name not in dimensions]
    array = data.array.transpose(*dimensions, *rest)
    values = _reshaped(array.data, (len(labels), *array.shape[len(dimensions) :]))
    return _regrouped(data, values, {target_dimension: labels}, rest)


@process("unflatten_dimension")
def unflatten_dimension(
    data: Cube, dimension: str, target_dimensions: Sequence[str], label_separator: str
) -> Cube:
    """Split a dimension into several, whose labels are texts in the order in which they come."""
    data.named(dimension, "unflatten_dimension")
    _check_free(data, target_dimensions, "unflatten_dimension")
    given = data.labels(dimension)
    parts = [tuple(label_text(label).split(label_separator)) for label in given]
    for label, found in zip(given, parts, strict=True):
        if len(found) != len(target_dimensions):
            reason = (
                f"its label {label!r:.80} has {len(found)} parts with {label_separator!r:.20} "
                f"between them, not {len(target_dimensions)}"
            )
            raise _invalid("unflatten_dimension", "dimension", reason)
    labels = [list(dict.fromkeys(p[i] for p in parts)) for i in range(len(target_dimensions))]
    sizes = [len(each) for each in labels]
    if len(set(parts)) < len(parts) or prod(sizes) != len(parts):
        reason = (
            f"its {len(given)} labels are not all combinations, each once, of "
            f"{' and '.join(map(str, sizes))} labels"
        )
        raise _invalid("unflatten_dimension", "dimension", reason)
    where = {each: place for place, each in enumerate(parts)}
    order = [where[each] for each in product(*labels)] if given else []
    rest = [name for name in data.dimensions if name != dimension]
    array = picked(data, {dimension: np.array(order, np.intp)}).array.transpose(dimension, *rest)
    values = _reshaped(array.data, (*sizes, *array.shape[1:]))
    return _regrouped(data, values, dict(zip(target_dimensions, labels, strict=True)), rest)


@process("trim_cube")
def trim_cube(data: Cube) -> Cube:
    """Remove labels without any data: of pixels, and of times in equal steps, only at both ends.

    Which they are is computed at once, also of a lazy cube; its values stay lazy.
    """
    if data.array.dtype.kind != "f" or not data.dimensions:
        return data
    from dask.base import compute

    valid = data.array.notnull()
    others = {name: [other for other in valid.dims if other != name] for name in data.dimensions}
    (found,) = compute(
        {name: (valid.any(rest) if rest else valid).data for name, rest in others.items()}
    )
    kept = {}
    for name, dimension in data.dimensions.items():
        places = np.flatnonzero(found[name])
        if len(places) and _is_regular(dimension, data.array[name].values):
            places = np.arange(places[0], places[-1] + 1)
        kept[name] = places
    return picked(data, kept)


def _is_regular(dimension: Dimension, values: Any) -> bool:
    """Tell whether labels have a step that they would lose without some in their middle."""
    if dimension.axis in ("x", "y"):
        return True
    steps = dimension.kind in ("spatial", "temporal") and values.dtype.kind in "iufM"
    return steps and len(values) > 2 and has_steps(values)


def _renamed(
    known: Sequence[Label], source: Sequence[Label], target: Sequence[Label]
) -> dict[Label, Label]:
    """Return the new labels by the old ones, after the checks of `rename_labels`."""
    if not source:
        if list(known) != list(range(len(known))):
            raise error("LabelsNotEnumerated", process="rename_labels")
        source = known[: len(target)]
    if len(source) != len(target):
        detail = f"There are {len(source)} and {len(target)}."
        raise error("LabelMismatch", process="rename_labels", detail=detail)
    for label in set(source) - set(known):
        detail = f"It is {label!r:.80}."
        raise error("LabelNotAvailable", process="rename_labels", detail=detail)
    for label, times in Counter([*known, *target]).items():
        if times > 1:
            detail = f"It is {label!r:.80}."
            raise error("LabelExists", process="rename_labels", detail=detail)
    return dict(zip(source, target, strict=True))


def _as_shown(labels: Sequence[Label], dimension: Dimension) -> list[Label]:
    """Return labels as cubes show them: of times, dates are written with their time of day."""
    if dimension.kind != "temporal":
        return list(labels)
    names = {"process": "rename_labels", "parameter": "source"}
    return [shown_labels(checked_coordinate([label], dimension, **names))[0] for label in labels]


def _check_free(data: Cube, names: Sequence[str], process_name: str) -> None:
    for name in names:
        if name in data.dimensions:
            detail = f"It is {name!r:.80}."
            raise error("TargetDimensionExists", process=process_name, detail=detail)


def _reshaped(values: Any, shape: tuple[int, ...]) -> Any:
    """Return values in another shape; Dask itself knows none without values."""
    if 0 not in shape or not is_lazy(values):
        return values.reshape(shape)
    import dask.array as da

    return da.zeros(shape, dtype=values.dtype)


def _regrouped(data: Cube, values: Any, made: dict[str, list[str]], rest: Sequence[str]) -> Cube:
    """Return a cube whose first dimensions are new ones of texts, before others that stay."""
    import xarray as xr

    coords = {name: np.array(labels, np.str_) for name, labels in made.items()}
    coords |= {name: data.array[name].values for name in rest}
    array = xr.DataArray(values, coords, (*made, *rest), attrs=data.array.attrs)
    return data.with_array(array, **{name: Dimension("other") for name in made})


def _invalid(process_name: str, parameter: str, reason: str) -> OpenEOError:
    return error(
        "ProcessParameterInvalid", process=process_name, parameter=parameter, reason=f"{reason}."
    )
