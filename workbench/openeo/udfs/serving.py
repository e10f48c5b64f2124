"""Run as a script, by `confining`: run the code of a user on what it is given, again and again.

Each line of the input names a question, and each line of the answers says that one is answered.
Question and answer are two files each, of JSON and of plain numbers. It imports nothing of this
package: the code of users must not find it.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

LINES = 6
"""Places of the code that an error names."""
WORDS = 2000
"""Characters of an error."""
FOUND_BY = (
    "A function is found by its name, its parameters and their types, such as "
    "def apply_datacube(cube: XarrayDataCube, context: dict) -> XarrayDataCube"
)
"""What the openEO client does not say of code in which it finds no function."""


def main(told: dict[str, Any]) -> None:
    """Serve until the input ends."""
    sys.path.extend(path for path in told["packages"] if path not in sys.path)
    folder = Path(told["exchange"])
    import numpy as np
    import openeo.udf.run_code  # noqa: F401  (what takes long is loaded before the first question)

    with os.fdopen(told["answers"], "w", encoding="ascii") as answers:
        os.set_inheritable(answers.fileno(), False)
        answers.write(json.dumps({"closed": told["closed"], "numpy": np.__version__}) + "\n")
        answers.flush()
        while line := sys.stdin.readline():
            name = line.strip()
            text, numbers = answered(folder, name)
            with (folder / f"{name}.found.bin").open("wb") as file:
                file.write(numbers)
            (folder / f"{name}.found.json").write_text(text, encoding="utf-8")
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            answers.write(f"{json.dumps({'answered': name})}\n")
            answers.flush()


def answered(folder: Path, name: str) -> tuple[str, bytes]:
    """Run the code of a question; what it raises is the answer then."""
    question = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    numbers = (folder / f"{name}.bin").read_bytes()
    for part in ("json", "bin"):
        (folder / f"{name}.{part}").unlink()
    own = os.getpid()
    try:
        answer, found = ran(question, numbers)
        text = json.dumps(answer)
    except BaseException as error:  # SystemExit as well: it would end the process without a word
        text, found = json.dumps({"error": explained(error, question["code"])}), b""
    if os.getpid() != own:  # a copy that the code has made of the process: one of them answers
        os._exit(0)
    return text, found


def ran(question: dict[str, Any], numbers: bytes) -> tuple[dict[str, Any], bytes]:
    """Run the code, and return what it gave."""
    from openeo.udf.run_code import run_udf_code
    from openeo.udf.structured_data import StructuredData
    from openeo.udf.udf_data import UdfData

    given: dict[str, Any] = {}
    if "array" in question:
        given["datacube_list"] = [as_cube(question["array"], numbers)]
        if "geometries" in question:
            given["feature_collection_list"] = [as_features(question["geometries"])]
    else:
        given["structured_data_list"] = [StructuredData(question["value"])]
    if question.get("epsg"):
        given["proj"] = {"EPSG": question["epsg"]}
    data = UdfData(user_context=question["context"], **given)
    data = run_udf_code(question["code"], data)
    structured = [each.data for each in data.get_structured_data_list() or []]
    cubes = data.get_datacube_list() or []
    if structured and ("array" in question or not cubes):
        return {"value": structured[0] if len(structured) == 1 else structured}, b""
    if not cubes:
        raise ValueError("the code gave back neither a data cube nor structured data")
    return as_answer(cubes[0].get_array())


def as_cube(meta: dict[str, Any], numbers: bytes) -> Any:
    """Return a cube as the runtime of the client has it."""
    import numpy as np
    import xarray as xr
    from openeo.udf.xarraydatacube import XarrayDataCube

    values = np.frombuffer(bytearray(numbers), meta["dtype"]).reshape(meta["shape"])
    coords = {
        name: np.array(labels["values"], "datetime64[ns]" if labels["time"] else None)
        for name, labels in meta["labels"].items()
    }
    return XarrayDataCube(xr.DataArray(values, coords, meta["dims"]))


def as_features(given: dict[str, Any]) -> Any:
    """Return geometries as the runtime of the client has them."""
    import geopandas as gpd
    from openeo.udf.feature_collection import FeatureCollection

    shapes = gpd.GeoSeries.from_wkt(given["wkt"], crs=given["crs"])
    return FeatureCollection(id="geometries", data=gpd.GeoDataFrame(geometry=shapes))


def as_answer(array: Any) -> tuple[dict[str, Any], bytes]:
    """Return an array as what is written down of it, and its numbers."""
    import numpy as np

    values = np.ascontiguousarray(array.values)
    if values.dtype.kind not in "biuf":
        raise TypeError(f"the data cube that came back holds {values.dtype}, not numbers")
    labels = {}
    for name in array.dims:
        if name in array.coords:
            known = np.asarray(array[name].values)
            time = known.dtype.kind == "M"
            if time:
                known = known.astype("datetime64[ns]").astype(np.int64)
            listed = known.tolist() if known.dtype.kind in "biuf" else [str(v) for v in known]
            labels[str(name)] = {"time": time, "values": listed}
    return {
        "array": {
            "dims": [str(name) for name in array.dims],
            "shape": list(values.shape),
            "dtype": values.dtype.str,
            "labels": labels,
        }
    }, values.tobytes()


def explained(error: BaseException, code: str) -> str:
    """Return an error in one line, and the lines of the code that it passed."""
    if isinstance(error, SystemExit):
        text = f"the code called sys.exit({error.code!r:.80})"
    elif isinstance(error, SyntaxError) and error.filename == "<string>":
        text = (
            f"{type(error).__name__}: {error.msg}\nline {error.lineno}: {error.text or ''}".strip()
        )
    elif isinstance(error, MemoryError):
        text = f"the code asked for more memory than it may use ({error})"
    else:
        text = "".join(traceback.format_exception_only(error)).strip()
        if text.endswith("No UDF found."):
            text += f" {FOUND_BY}"
    lines = code.splitlines()
    places = [
        f"line {frame.lineno}, in {frame.name}: {lines[frame.lineno - 1].strip():.200}"
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == "<string>" and frame.lineno and frame.lineno <= len(lines)
    ]
    return "\n".join([text[-WORDS:], *places[-LINES:]])


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
