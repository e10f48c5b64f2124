"""The face of a package: public names that are loaded at first use, and typed all the same.

A package says once where its names live, in imports that type checkers and editors follow and that
Python does not run, so that importing the package takes no time::

    if TYPE_CHECKING:
        from package.module import name
    else:
        __getattr__, __dir__ = lazy_face(__name__)

    __all__ = ["name"]
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

__all__ = ["lazy_face"]


def lazy_face(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` for the package of this name.

    Names come from the imports below ``if TYPE_CHECKING:`` in its ``__init__.py``. A name that is
    not among them is an AttributeError, as in any module.
    """

    def __getattr__(name: str) -> Any:  # noqa: N807  the name that Python looks for
        home = _homes(package).get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(home), name)
        setattr(sys.modules[package], name, value)
        return value

    def __dir__() -> list[str]:  # noqa: N807
        return sorted({*vars(sys.modules[package]), *_homes(package)})

    return __getattr__, __dir__


@cache
def _homes(package: str) -> dict[str, str]:
    """Return the module that each public name of a package lives in."""
    spec = sys.modules[package].__spec__
    source = spec.loader.get_source(package) if spec and spec.loader else ""  # type: ignore[attr-defined]
    return {
        alias.name: str(statement.module)
        for block in ast.parse(source).body
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for statement in block.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
