"""Functions of the user, in `user_functions.py` beside `meta.yaml`: run only where that is allowed.

The file belongs to the dataset folder, and whoever wrote the folder wrote it. So nothing of it is
run unless the user says so.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from tiling.scenes.errors import SceneError

if TYPE_CHECKING:
    import xarray as xr

    from tiling.scenes.meta.model import ProductType
    from tiling.scenes.sources.contract import Source

__all__ = ["FILE", "UserSource", "user_function"]

FILE = "user_functions.py"


def user_function(folder: Path, name: str, allowed: bool) -> Callable[..., Any]:
    """Return a function of `user_functions.py`; errors that it raises name its line.

    Parameters
    ----------
    folder
        Of the dataset.
    allowed
        Whether code of the folder may be run (``--allow-user-code``).

    Raises
    ------
    SceneError
        E076 if it may not be run, E077 if the file or the function is missing or fails.
    """
    path = Path(folder).absolute() / FILE
    if not allowed:
        raise SceneError(
            "E076", f"{name} is code in {path}: read it, then allow it by --allow-user-code "
            "(allow_user_code=True)",
        )  # fmt: skip
    if not path.is_file():
        raise SceneError("E077", f"{path}: no such file; it must define {name}")
    module = _module(path, path.stat().st_mtime_ns)
    function = getattr(module, name, None)
    if not callable(function):
        raise SceneError("E077", f"{path} has no function {name}")

    def called(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception as error:  # whatever users write
            raise _fault(error, path, name) from error

    return called


@lru_cache(maxsize=4)
def _module(path: Path, modified: int) -> ModuleType:
    """Run the file, again when it has changed."""
    name = f"_user_functions_{hashlib.sha256(f'{path} {modified}'.encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise SceneError("E077", f"{path} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise _fault(error, path, "the file") from error
    return module


def _fault(error: Exception, path: Path, what: str) -> SceneError:
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    place = f"{path}, line {lines[-1]}" if lines else str(path)
    said = " ".join(str(error).split())[:300]
    return SceneError("E077", f"{place}: {what} failed: {type(error).__name__}: {said}")


@dataclass(frozen=True)
class UserSource:
    """A source whose images a function of the user makes; all else is of the source below it."""

    source: Source
    folder: Path
    allowed: bool

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # asked for before there is a source: by pickle
            raise AttributeError(name)
        return getattr(self.source, name)

    def inputs(self, type: ProductType) -> tuple[str, ...]:  # noqa: A002  the word of meta.yaml
        """Return the inputs; refuse at once a function that may not be run or is not there."""
        user_function(self.folder, type.name, self.allowed)
        return self.source.inputs(type)

    def compose(
        self,
        type: ProductType,  # noqa: A002
        windows: Mapping[str, xr.DataArray],
        resolution: float | None,
    ) -> xr.Dataset:
        """Return what the function makes of ``da_<input>``, one keyword an input.

        Raises
        ------
        SceneError
            E077, if that is no image with units and long_name on the grid of an input.
        """
        function = user_function(self.folder, type.name, self.allowed)
        images = [windows[name] for name in type.inputs]
        named = zip(type.inputs, images, strict=True)
        made = function(**{f"da_{name}": image for name, image in named})
        return _checked(made, images, type.name, self.folder / FILE).to_dataset(name=type.name)


def _checked(made: Any, images: list[xr.DataArray], name: str, path: Path) -> xr.DataArray:
    """Return an image of a user as the other stages take it."""
    import xarray as xr

    def refused(reason: str) -> SceneError:
        return SceneError("E077", f"{path}: {name} must return {reason}")

    if not isinstance(made, xr.DataArray):
        raise refused(f"an xarray.DataArray, not {type(made).__name__}")
    if made.dims not in (("y", "x"), ("channel", "y", "x")):
        raise refused(f"dims (y, x) or (channel, y, x), not {made.dims}")
    lacking = [key for key in ("units", "long_name") if not isinstance(made.attrs.get(key), str)]
    if lacking:
        raise refused(f"an image with the attributes {' and '.join(lacking)}, as text")
    if not (np.issubdtype(made.dtype, np.number) or made.dtype == bool):
        raise refused(f"numbers, not {made.dtype}")
    like = [i for i in images if all(i[a].equals(made[a]) for a in ("y", "x") if a in made.coords)]
    like = [i for i in like if i.sizes["y"] == made.sizes["y"] and i.sizes["x"] == made.sizes["x"]]
    if not like:
        raise refused("an image on the grid of one of its inputs: their y and x do not fit")
    kept = {k: v for k, v in like[0].attrs.items() if k.startswith("time_") or k == "grid_mapping"}
    more = {k: c for k, c in like[0].coords.items() if k not in made.coords}
    image: xr.DataArray = made.astype(np.float32, keep_attrs=True).assign_coords(more)
    return image.assign_attrs({**kept, **made.attrs})
