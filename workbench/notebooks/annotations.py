"""Whether a value is of the type that a notebook declares for a parameter.

The annotation is source text and is read, never evaluated. What is not understood, such as the name
of a class, is not checked.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

__all__ = ["fits"]


def fits(value: Any, annotation: str) -> bool:
    """Tell whether `value` is what `annotation` says, as in ``list[int] | None``.

    An int is a float too; a bool is neither. Any value fits an annotation that is empty or unknown.

    Examples
    --------
    >>> fits("hello", "int"), fits(3, "float"), fits(None, "str | None")
    (False, True, True)
    """
    try:
        return _fits(value, ast.parse(annotation.strip(), mode="eval").body)
    except SyntaxError:
        return True


def _number(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds) and not isinstance(value, bool)


_PLAIN: dict[str, Callable[[Any], bool]] = {
    "bool": lambda value: isinstance(value, bool),
    "int": _number(int),
    "float": _number(int, float),
    "str": lambda value: isinstance(value, str),
    "list": lambda value: isinstance(value, list | tuple),
    "tuple": lambda value: isinstance(value, list | tuple),
    "dict": lambda value: isinstance(value, dict),
}
_SAME = {"List": "list", "Sequence": "list", "Tuple": "tuple", "Dict": "dict", "Mapping": "dict"}


def _fits(value: Any, kind: ast.expr) -> bool:
    if isinstance(kind, ast.Constant):
        return fits(value, kind.value) if isinstance(kind.value, str) else value is kind.value
    if isinstance(kind, ast.BinOp) and isinstance(kind.op, ast.BitOr):
        return _fits(value, kind.left) or _fits(value, kind.right)
    if isinstance(kind, ast.Subscript):
        return _fits_subscript(value, _name(kind.value), kind.slice)
    check = _PLAIN.get(_name(kind))
    return check is None or check(value)


def _name(kind: ast.expr) -> str:
    name = kind.attr if isinstance(kind, ast.Attribute) else getattr(kind, "id", "")
    return _SAME.get(name, name)


def _fits_subscript(value: Any, name: str, inside: ast.expr) -> bool:
    parts = inside.elts if isinstance(inside, ast.Tuple) else [inside]
    if name == "Literal":
        return any(_is_literal(value, part) for part in parts)
    if name == "Union":
        return any(_fits(value, part) for part in parts)
    if name == "Optional":
        return value is None or _fits(value, inside)
    if name not in _PLAIN:
        return True
    if not _PLAIN[name](value):
        return False
    if name == "list":
        return all(_fits(item, inside) for item in value)
    if name == "dict" and len(parts) == 2:
        return all(_fits(key, parts[0]) and _fits(item, parts[1]) for key, item in value.items())
    return name != "tuple" or _fits_tuple(value, parts)


def _fits_tuple(value: Any, parts: list[ast.expr]) -> bool:
    if len(parts) == 2 and isinstance(parts[1], ast.Constant) and parts[1].value is ...:
        return all(_fits(item, parts[0]) for item in value)
    return len(value) == len(parts) and all(map(_fits, value, parts))


def _is_literal(value: Any, part: ast.expr) -> bool:
    try:
        allowed = ast.literal_eval(part)
    except ValueError:
        return True
    return type(value) is type(allowed) and value == allowed
