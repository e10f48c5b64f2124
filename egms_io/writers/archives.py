"""The official archive of a component: XML, then CSV, in one ZIP with its ``.md5`` file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from egms_io.finished import Band, FinishedProduct
from egms_io.formats.archive import write_md5
from egms_io.formats.l3 import l3_header, l3_texts
from egms_io.formats.metadata import generate_xml_content
from egms_io.formats.zips import Piece, deflate, write_zip
from workbench.files import atomic
from workbench.tasks import Tasks
from workbench.tasks.places import cores

if TYPE_CHECKING:
    from distributed import Client

AT_ONCE = 4  # bands in this process


def deflate_bands(product: FinishedProduct, component: str, client: Client | None) -> Tasks:
    """Submit the formatting and deflating of each band.

    Returns
    -------
    Tasks
        Whose results are pieces, tagged by the order of the bands.
    """
    tasks = Tasks(client, threads=min(cores(), AT_ONCE))
    for place, band in enumerate(product.bands):
        store = product.folder / f"text_{component}_{band.number}.deflate"
        tasks.submit(deflate_band, band, component, store, tag=place, priority=-place)
    return tasks


def deflate_band(band: Band, component: str, store: Path) -> Piece:
    """Format and deflate the CSV rows of a band into a file, and return the piece it holds."""
    piece = deflate(text for strip in band.strips(component) for text in l3_texts(strip))
    with atomic(store, overwrite=True) as file:
        file.write(piece.read())
    return replace(piece, data=store)


def write_archive(
    product: FinishedProduct, pieces: Mapping[Any, Piece], path: Path, day: dt.date
) -> None:
    """Write the archive and its ``.md5`` file, and remove the files of the pieces.

    Parameters
    ----------
    pieces
        The deflated rows of each band, by the order of the bands.
    day
        Of production, in the XML and as the date of the members.
    """
    stated = {name: product.plan.stated_version(name) for name in ("dem", "gnss")}
    xml = generate_xml_content(
        facility=product.method.facility,
        production_date=day,
        **{f"{name}_version": value for name, value in stated.items() if value},
    )
    header = deflate(l3_header(product.method.dates))
    members = [
        (path.with_suffix(".xml").name, [deflate(xml)]),
        (path.with_suffix(".csv").name, [header, *(pieces[key] for key in sorted(pieces))]),
    ]
    with atomic(path, overwrite=True) as file:
        write_zip(file, members, day)
    write_md5(path, overwrite=True)
    for piece in pieces.values():
        if isinstance(piece.data, Path):
            piece.data.unlink(missing_ok=True)
