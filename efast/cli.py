"""The command ``workbench efast``: run, report, info.

Exit codes: 0 done, 1 failed, 2 bad arguments.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from workbench.options import (
    Bounds,
    Command,
    cluster_options,
    example,
    overwrite_option,
    skip_bad_option,
)

_PATH = click.Path(path_type=Path)
_FORMATS = {"netcdf": "netcdf", "gtiff": "cog", "zarr": "zarr"}


class Names(click.ParamType):  # type: ignore[type-arg]
    """Names between commas."""

    name = "names"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        return tuple(part for part in str(value).replace(",", " ").split() if part)


class Days(click.ParamType):  # type: ignore[type-arg]
    """A number of days."""

    name = "days"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        from efast.errors import BadInput
        from efast.targets import days_between

        try:
            return days_between(value)
        except BadInput as error:
            self.fail(str(error), param, ctx)
