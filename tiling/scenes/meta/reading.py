"""Read a `meta.yaml`, check it as a whole, and return what it says."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from typing import Any

from tiling.scenes.errors import BadMeta, Problem
from tiling.scenes.meta.domainrules import cells, margin_in_force
from tiling.scenes.meta.feasibility import (
    check_domain,
    check_sampling,
    check_scenes,
    check_trajectories,
    domain_of,
)
from tiling.scenes.meta.keys import AUX, KEYS, Values
from tiling.scenes.meta.model import (
    AuxProduct,
    Fields,
    Image,
    Interval,
    Meta,
    ProductType,
    Sampling,
    SlidingWindow,
    Storage,
    TrajectoryTiles,
    Triplets,
)
from tiling.scenes.meta.producttypes import GOES, LOCAL, family, read_type
from tiling.scenes.meta.rules import PLAIN_NAME, meant, shown
from tiling.scenes.meta.timespans import check_filters, check_time, filters_of
from workbench.errors import BadFile
from workbench.safeyaml import read_yaml

__all__ = ["KNOWN_SOURCES", "META_FILE", "checked_meta", "read_meta"]

META_FILE = "meta.yaml"
KNOWN_SOURCES = (*GOES, "LES")
"""Sources of scenes that need no plug-in."""
_MOST_PROBLEMS = 200  # that are told
_IMAGE = ("function", "strict_dqf", "rayleigh", "green")


def read_meta(
    source: str | os.PathLike[str] | Mapping[str, Any],
    known_sources: Iterable[str] = KNOWN_SOURCES,
    *,
    folder: str | os.PathLike[str] | None = None,
) -> Meta:
    """Return what a `meta.yaml` says, all defaults filled in.

    Parameters
    ----------
    source
        The file, the folder that it lies in, or a mapping of what would be in it.
    known_sources
        Sources of scenes; auxiliary products may also be of ``netcdf``.
    folder
        Of the dataset, to find the file of trajectories in; by default that of the file.

    Raises
    ------
    BadMeta
        If anything is wrong; it names all errors, each with its place and the way out.
    """
    meta, problems = checked_meta(source, known_sources, folder=folder)
    if meta is None:
        name = META_FILE if isinstance(source, Mapping) else str(source)
        raise BadMeta(name, (problem for problem in problems if problem.is_error))
    return meta


def checked_meta(
    source: str | os.PathLike[str] | Mapping[str, Any],
    known_sources: Iterable[str] = KNOWN_SOURCES,
    *,
    folder: str | os.PathLike[str] | None = None,
) -> tuple[Meta | None, list[Problem]]:
    """Return what a `meta.yaml` says, or None, and all that is wrong or doubtful in it.

    Parameters are those of `read_meta`. Errors come first, then warnings.
    """
    given: Any = source
    if not isinstance(source, Mapping):
        path = Path(source)
        path = path / META_FILE if path.is_dir() else path
        folder = path.parent if folder is None else folder
        if not path.exists():
            said = f"{path}: no such file; `workbench scenes init` writes one to begin with"
            return None, [Problem("E000", "", said)]
        try:
            given = read_yaml(path)
        except BadFile as reason:
            return None, [Problem("E000", "", str(reason))]
    if not isinstance(given, Mapping):
        what = "empty" if given is None else f"{shown(given)}, not a mapping"
        said = f"the file is {what}; it begins with a line such as source: goes16"
        return None, [Problem("E000", "", said)]
    return _checked(given, tuple(known_sources), None if folder is None else Path(folder))


def _checked(
    given: Mapping[Any, Any], known: tuple[str, ...], folder: Path | None
) -> tuple[Meta | None, list[Problem]]:
    values = Values(given)
    source = values["source"]
    product = _check_source(values, known, "")
    intervals = check_time(values, required=source in GOES)
    check_filters(values)
    check_domain(values, source, intervals)
    check_sampling(values)
    check_trajectories(values, folder)
    if source in GOES:
        check_scenes(values, intervals)
    storage = _storage(values, "storage", source)
    limits = _limits(values, product)
    aux = _aux_products(values, tuple(dict.fromkeys((*known, "netcdf"))), storage)
    products = [product, *(each.type for each in aux.values())]
    if values["sector"] in ("M1", "M2") and any(each and "RSR" in each.inputs for each in products):
        values.say("E006", "sector", f"RSR is not made for {values['sector']}: F and C have it")
    problems = sorted(values.problems, key=lambda problem: not problem.is_error)
    if len(problems) > _MOST_PROBLEMS:
        more = f"and {len(problems) - _MOST_PROBLEMS:,} more problems, which are left out here"
        problems[_MOST_PROBLEMS:] = [Problem("E000", "", more)]
    if values.failed or product is None:
        return None, problems
    image = Image(limits, *(values[f"image.{name}"] for name in _IMAGE))
    return _meta(values, product, intervals, storage, aux, image, given), problems


def _check_source(
    values: Values, known: tuple[str, ...], section: str, function: str = ""
) -> ProductType | None:
    """Say what is wrong with the source and the type in a section, and return the type."""
    dot = f"{section}." if section else ""
    source, text = values.of("source"), values.of("type")
    for name, such in (("source", "goes16"), ("type", "truecolor_rgb")):
        if f"{dot}{name}" not in values.given:
            values.say("E008", f"{dot}{name}", f"missing: write one, such as {name}: {such}")
    if source is None:
        return None
    if source not in known:
        listed = ", ".join(known)
        values.say(
            "E001", f"{dot}source", f"{shown(source)} is not one of {listed}{meant(source, known)}"
        )
        return None
    kind = family(source)
    for key in KEYS:
        if kind and key.path in values.given and key.of not in ("", kind):
            other = "GOES" if key.of == "goes" else "netCDF files"
            values.say("E063", key.path, f"is for {other}; {source} does not know it: remove it")
    if text is None or (f"{dot}input" in values.given and values.of("input") is None):
        return None

    def say(code: str, message: str) -> None:
        values.say(code, f"{dot}type", message)

    return read_type(text, values.of("input"), source, say, function)


def _storage(values: Values, section: str, source: str | None) -> Storage | None:
    """Return where the files of a source lie, and say what is wrong with it."""
    names = ("protocol", "bucket", "prefix", "endpoint_url", "anon", "mode")
    protocol, bucket, prefix, url, anon, mode = (values[f"{section}.{name}"] for name in names)
    protocols = _protocols() if f"{section}.protocol" in values.given and protocol else ()
    if protocols and protocol not in protocols:
        near = meant(protocol, protocols) or "; s3 and file are usual"
        said = f"{shown(protocol)} is not a protocol that fsspec knows{near}"
        values.say("E005", f"{section}.protocol", said)
    elif f"{section}.bucket" not in values.given and protocol not in ("s3", None):
        values.say("E008", f"{section}.bucket", f"missing: {protocol} has no public default")
    if source not in GOES and section not in values.given:
        return None
    if source in GOES and protocol == "s3":
        bucket = bucket or f"noaa-{source}"
    return Storage(protocol, bucket or "", prefix, url, anon, mode)


def _protocols() -> tuple[str, ...]:
    import fsspec  # type: ignore[import-untyped]

    return tuple(fsspec.available_protocols())


def _limits(values: Values, product: ProductType | None) -> Any:
    """Return the limits, those for all repeated for each channel; say what does not fit."""
    limits = values["image.limits"]
    if product is None or not isinstance(limits, tuple):
        return limits
    if product.kind in ("user_function", "plugin"):  # what they make is known when it is made
        return limits
    count = len(product.inputs)
    if len(limits) not in (1, count):
        said = f"{len(limits)} pairs for the {count} channels of {product.name}"
        values.say("E040", "image.limits", f"{said}: give one for all, or one for each")
    return limits * count if len(limits) == 1 else limits


def _aux_products(
    values: Values, known: tuple[str, ...], storage: Storage | None
) -> dict[str, AuxProduct]:
    found = {}
    for name, given in values.names.items():
        plain = isinstance(name, str) and PLAIN_NAME.fullmatch(name) and "___" not in name
        shown_name = name if plain else shown(name)
        where = f"aux_products.{shown_name}"
        if not plain:
            said = "a name has letters, digits, - and _, and no three _ in a row"
            values.say("E050", where, f"{said}; {shown(name)} is part of names of files")
        if not isinstance(given, Mapping):
            values.say("E008", where, f"{shown(given)} is not a mapping with source and type")
            continue
        inner = Values(given, AUX, where)
        product = _check_source(inner, known, AUX, str(name) if plain else "")
        own = _storage(inner, f"{AUX}.storage", inner.of("source"))
        if inner.of("source") == values["source"] and f"{AUX}.storage" not in inner.given:
            own = storage
        values.problems += inner.problems
        if product is not None and not inner.failed:
            found[str(name)] = _aux(inner, str(name), product, own)
    return found


def _aux(values: Values, name: str, product: ProductType, storage: Storage | None) -> AuxProduct:
    return AuxProduct(
        name,
        values.of("source"),
        product,
        values.of("scene_mapping_strategy"),
        values.of("dt_aux"),
        values.of("image_function"),
        values.of("files") if values.of("source") in LOCAL else None,
        storage,
    )


def _meta(
    values: Values,
    product: ProductType,
    intervals: tuple[Interval, ...],
    storage: Storage | None,
    aux: dict[str, AuxProduct],
    image: Image,
    given: Mapping[Any, Any],
) -> Meta:
    labels = values["labels"]
    return Meta(
        source=values["source"],
        type=product,
        storage=storage,
        sector=values["sector"],
        fields=Fields(values["files"], values["les.periodic"], values["les.dx"]),
        intervals=intervals,
        filters=filters_of(values),
        domain=domain_of(values),
        sampling=_sampling(values),
        image=image,
        aux_products=aux,
        labels=None if labels is None else PurePath(labels),
        db_type=values["db_type"],
        raw=dict(given),
    )


def _sampling(values: Values) -> Sampling:
    window = (values[f"sampling.rect-slidingwindow.{name}"] for name in ("tile_N", "step", "edge"))
    return Sampling(
        values["sampling.resolution"],
        values["sampling.method"],
        _triplets(values) if "sampling.triplets" in values.given else None,
        SlidingWindow(*window),
        TrajectoryTiles(
            values["sampling.trajectories.tile_N"],
            values["trajectories.filepath"],
            values["trajectories.min_corners"],
        ),
    )


def _triplets(values: Values) -> Triplets:
    def of(name: str) -> Any:
        return values[f"sampling.triplets.{name}"]

    domain, margin, missing = domain_of(values), of("edge_margin"), of("max_nodata_fraction")
    if domain.zonal and domain.meridional:
        resolution = values["sampling.resolution"]
        shape = [cells(side, resolution)[0] for side in (domain.zonal, domain.meridional)]
        margin = margin_in_force(shape, of("tile_N"), margin)
    return Triplets(
        of("N_triplets"),
        of("tile_N"),
        of("scene_collections_splitting"),
        of("neigh_dist_scaling"),
        margin,
        of("seed"),
        (1.0 if values["source"] in LOCAL else 0.0) if missing is None else missing,
    )
