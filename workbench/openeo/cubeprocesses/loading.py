"""Processes of data cubes: load_collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workbench.openeo.catalogues.catalogue import Catalogue
from workbench.openeo.cubes import Cube
from workbench.openeo.declarations import process
from workbench.openeo.errors import error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from workbench.openeo.executor import Evaluation

__all__ = ["load_collection"]


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
    catalogue = run.context.get("catalogue")
    if not isinstance(catalogue, Catalogue):
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
