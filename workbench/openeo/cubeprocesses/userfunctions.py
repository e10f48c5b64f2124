"""Processes of data cubes: run_udf.

The code of the user sees the labels of the cube that it works on. In memory it gets all of it; a
lazy cube is run block by block in x and y, with its other dimensions whole, where a small block
shows that the code keeps x and y as they are. Otherwise the cube is computed and given as a whole.
"""

from __future__ import annotations

import json
import re
from typing import Any

from workbench.openeo.cubes import Cube
from workbench.openeo.declarations import process
from workbench.openeo.errors import error
from workbench.openeo.udfs.calling import Call, as_outcome, called_by_blocks
from workbench.openeo.udfs.exchange import Outcome
from workbench.openeo.udfs.labelling import cube_of
from workbench.openeo.udfs.runtimes import MOST_CODE, Runtimes
from workbench.openeo.values import LabelledArray, PixelArray, is_lazy, is_pixels

__all__ = ["run_udf"]

_URL = re.compile(r"https?://", re.IGNORECASE)
_FILE = re.compile(r"[\w./~@+,-]+|[^\\:'\"()=]+\.\w+")
"""One line that can be the path of a file; any other is code, with what is wrong in it."""


@process("run_udf", takes_run=True)
def run_udf(run: Any, data: Any, udf: str, runtime: str, version: str | None, context: Any) -> Any:
    """Run the code of a user.

    Returns
    -------
    A cube where the code gives one back, otherwise what it gives, as JSON has it.
    """
    runtimes: Runtimes | None = run.context.get("udfs")
    if runtimes is None:
        detail = "Code of users is not run here; who runs this can allow it (--udfs)."
        raise error("FeatureUnsupported", detail=detail)
    runtimes.check(runtime, version)
    call = Call(runtimes, _code(run, udf), _as_json(context, "context"))
    cube = _cube(run, data)
    if cube is None:
        return _told(run, as_outcome(call, _as_json(_plain(data), "data")), None)
    if is_lazy(cube.array.data):
        outcome = called_by_blocks(call, cube)
        return _told(run, outcome, cube)
    return _told(run, as_outcome(call, cube), cube)


def _told(run: Any, outcome: Outcome, cube: Cube | None) -> Any:
    """Write into the log what the code has printed, and return what it gave."""
    for warning in outcome.warnings:
        run.log.write("warning", f"run_udf: {warning}")
    if outcome.printed.strip():
        run.log.write("info", outcome.printed.strip())
    return outcome.value


def _cube(run: Any, data: Any) -> Cube | None:
    """Return data as a cube with labels; None for plain values."""
    if isinstance(data, Cube):
        return data
    if not (isinstance(data, PixelArray) or is_pixels(data)):
        return None
    if not run.surroundings:
        raise _invalid("data", "pixels without the cube that they are of")
    cube = cube_of(data, run.surroundings[-1])
    if cube is None:
        raise _invalid("data", "these pixels are not those of the cube around the callback")
    return cube


def _plain(data: Any) -> Any:
    """Return a plain value for the code; an array with labels as an object."""
    if isinstance(data, LabelledArray):
        return {
            str(key): _plain(value) for key, value in zip(data.labels, data.values, strict=True)
        }
    return [_plain(part) for part in data] if isinstance(data, list) else data


def _code(run: Any, udf: str) -> str:
    """Return code that is given as it is or by its address."""
    if _URL.match(udf):
        remote = run.context.get("remote")
        if remote is None:
            raise _invalid("udf", "nothing is fetched from other machines here; give the code")
        try:
            code = remote.read(udf, MOST_CODE).decode("utf-8")
        except UnicodeDecodeError:
            raise _invalid("udf", f"{udf:.200} is no text in UTF-8") from None
    elif "\n" in udf or "\r" in udf or not _FILE.fullmatch(udf):
        code = udf
    else:
        detail = "There are no workspaces here: give the code, in more than one line, or its URL."
        raise error("FileNotFound", process="run_udf", file=f"{udf:.200}", detail=detail)
    if len(code) > MOST_CODE:
        raise _invalid("udf", f"the code has {len(code):,} characters, at most {MOST_CODE:,}")
    return str(code)


def _as_json(value: Any, name: str) -> Any:
    """Check that a value can be sent as JSON."""
    try:
        json.dumps(value)
    except (TypeError, ValueError) as fault:
        raise _invalid(name, f"it cannot be given to code ({fault})") from None
    return value


def _invalid(parameter: str, reason: str) -> Exception:
    return error(
        "ProcessParameterInvalid", process="run_udf", parameter=parameter, reason=f"{reason}."
    )
