"""Answers as JSON, errors among them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from workbench.openeo.errors import OpenEOError

__all__ = ["error_answer", "json_answer"]


def json_answer(
    content: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return an answer with a JSON document; numbers that JSON does not know become null."""
    try:
        text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    except ValueError:
        text = json.dumps(_finite(content), allow_nan=False, separators=(",", ":"))
    return Response(text, status, headers, media_type="application/json")


def error_answer(fault: OpenEOError, headers: Mapping[str, str] | None = None) -> Response:
    """Return an error as clients of openEO read it."""
    return json_answer(
        {"id": fault.id, "code": fault.code, "message": str(fault)}, fault.status, headers
    )


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return value
