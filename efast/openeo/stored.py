"""Writes the process anew into the file that is stored with the project.

``python -m efast.openeo.stored``, after its graph or its functions were changed.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from efast.openeo.offline import offline_connection
from efast.openeo.processgraph import FILE, create_efast_udp, process_document
from workbench.files import atomic

__all__ = ["stored_process", "write"]

PATH = Path(__file__).with_name(FILE)


@cache
def stored_process() -> dict[str, Any]:
    """Return the process as it is stored; it is shared, so do not change it.

    See `efast.openeo.processgraph.process_document`.
    """
    found: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
    return found


def write() -> Path:
    """Build the process without a server and store it."""
    document = process_document(*create_efast_udp(offline_connection()))
    with atomic(PATH, "w", overwrite=True) as file:
        file.write(json.dumps(document, indent=1) + "\n")
    return PATH


if __name__ == "__main__":
    write()
