"""Processes of data cubes: load_collection, load_stac."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import WorkbenchError
from workbench.openeo.catalogues.remote import Remote
from workbench.openeo.catalogues.requests import named_bands, read_request
from workbench.openeo.catalogues.stac import StacSource
from workbench.openeo.cubes import Cube
from workbench.openeo.declarations import process
from workbench.openeo.errors import OpenEOError, error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from workbench.openeo.catalogues.catalogue import Catalogue
    from workbench.openeo.graphs.executor import Evaluation

__all__ = ["load_collection", "load_stac"]


@process("load_collection", takes_run=True, extra=["featureflags"])
def load_collection(
    run: Evaluation,
    id: str,  # noqa: A002  (its name in the standard)
    spatial_extent: Any,
    temporal_extent: Any,
    bands: Sequence[str] | None,
    properties: Mapping[str, Callable[..., Any]] | None,
    *,
    featureflags: Any = None,
) -> Cube:
    """Load a collection of the catalogue of the run; flags go to its source."""
    catalogue: Catalogue | None = run.context.get("catalogue")
    if catalogue is None:
        raise error("CollectionNotFound", identifier=id, detail="There is no catalogue.")
    if featureflags is not None and not isinstance(featureflags, Mapping):
        raise error(
            "ProcessParameterInvalid",
            process="load_collection",
            parameter="featureflags",
            reason="it is no object.",
        )
    unknown = sorted(set(featureflags or ()) - set(catalogue.flags(id)))
    if unknown:
        run.log.write("warning", f"featureflags that {id} does not know: {', '.join(unknown)}")
    extra = {} if featureflags is None else {"featureflags": featureflags}
    return catalogue.load(id, spatial_extent, temporal_extent, bands, properties, extra)


@process("load_stac", takes_run=True)
def load_stac(
    run: Evaluation,
    url: str,
    spatial_extent: Any,
    temporal_extent: Any,
    bands: Sequence[str] | None,
    properties: Mapping[str, Callable[..., Any]] | None,
) -> Cube:
    """Load items of STAC from an address that the catalogue of the run allows."""
    remote: Remote = run.context.get("remote") or Remote()
    asked = read_request(
        spatial_extent, temporal_extent, None, properties, known={}, process="load_stac"
    )
    try:
        source = StacSource({"url": url}, Path(), remote)
        if bands is not None:
            names = named_bands(bands, source.bands(asked), "load_stac")
            asked = replace(asked, bands=names)
        return source.load(asked)
    except OpenEOError:
        raise
    except WorkbenchError as reason:
        raise error(
            "ProcessParameterInvalid", process="load_stac", parameter="url", reason=f"{reason}."
        ) from reason
