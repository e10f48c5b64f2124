"""The grammar of `type`: what is made of which inputs of a source."""

from __future__ import annotations

import re
from collections.abc import Callable

from tiling.scenes.meta.model import ProductType
from tiling.scenes.meta.rules import meant, shown

__all__ = ["GOES", "LEVEL2", "LOCAL", "channel", "family", "read_type"]

GOES = ("goes16", "goes17", "goes18", "goes19")
LOCAL = ("LES", "netcdf")
"""Sources of netCDF files; the second for auxiliary products."""
LEVEL2 = ("ACHA", "CMIP", "TPW", "RSR", "CPS", "ACM")
"""Products of level 2 of the imager of GOES."""

_CHANNEL = re.compile(r"(?:(bt|refl|rad)_)?0*([0-9]{1,9})")
_NAME = re.compile(r"\w[\w.@+-]{0,199}")  # of a variable: it is part of names of folders
_PART = re.compile(r"(CMIP)__C?([0-9]{1,9})|(?:ACHA|TPW|RSR|CPS|ACM)__[A-Za-z]\w{0,99}", re.ASCII)
"""A band of CMIP, or a variable of another product."""
_MANY = re.compile(r"(singlechannel|multichannel)__(.*)", re.DOTALL)

Say = Callable[[str, str], None]
"""Takes a code and a message."""


def family(source: str | None) -> str:
    """Return ``goes``, ``files``, or nothing for a source that is a plug-in or not known."""
    return "goes" if source in GOES else "files" if source in LOCAL else ""


def channel(text: str, say: Say) -> str | None:
    """Return the input that a channel of the imager stands for: ``bt_13``, ``refl_2``, ``rad_1``.

    A channel that cannot be read is said and None.
    """
    parts = _CHANNEL.fullmatch(text)
    if parts is None:
        glued = re.fullmatch(r"(bt|refl)([0-9]{1,2})", text)
        hint = f"; did you mean {glued[1]}_{glued[2]}?" if glued else ""
        say("E002", f"{shown(text)} is not a channel such as 13, bt_13 or refl_2{hint}")
        return None
    kind, index = parts[1] or "rad", int(parts[2])
    if not 1 <= index <= 16:
        say("E003", f"{shown(text)}: there is no channel {index}; channels are 1 to 16")
        return None
    if kind == "bt" and index <= 6:
        say("E004", f"{text}: channels 1 to 6 see sunlight; write refl_{index}, or {index}")
        return None
    if kind == "refl" and index >= 7:
        say("E004", f"{text}: channels 7 to 16 see heat; write bt_{index}, or {index}")
        return None
    return f"{kind}_{index}"


def _variable(text: str, say: Say) -> str | None:
    if _NAME.fullmatch(text):
        return text
    say("E002", f"{shown(text)} is not the name of a variable")
    return None


def read_type(
    text: str, inputs: tuple[str, ...] | None, source: str, say: Say, function: str = ""
) -> ProductType | None:
    """Return what a type of a source means; say what is wrong with it, and return None.

    Parameters
    ----------
    inputs
        Of a user function; None where there is no key ``input``.
    function
        What ``user_function`` is called where the type has no name of its own.
    """
    named = text == "user_function" or (inputs is not None and text.isidentifier())
    kind = family(source)
    read = channel if kind == "goes" else _variable
    if named and not (_MANY.fullmatch(text) or text in ("truecolor_rgb", *LEVEL2)):
        if inputs is None:
            say("E002", "user_function needs its inputs, such as input: [bt_11, bt_14]")
            return None
        name = function if function and text == "user_function" else text
        if not name.isidentifier():
            say("E002", f"{shown(name)} is not the name of a Python function: rename the product")
            return None
        return _several(name, "user_function", inputs, read, say)
    if inputs is not None:
        say("E002", f"{shown(text)} takes no input; only user functions do: remove the key input")
        return None
    if kind == "goes":
        return _of_goes(text, say)
    return _of_files(text, say) if kind == "files" else _of_plugin(text, say)


def _of_plugin(text: str, say: Say) -> ProductType | None:
    return ProductType(text, "plugin", (text,)) if _variable(text, say) else None


def _of_goes(text: str, say: Say) -> ProductType | None:
    if text == "truecolor_rgb":
        return ProductType(text, "truecolor", ("refl_1", "refl_2", "refl_3"))
    if text in LEVEL2:
        return ProductType(text, "level2", (text,))
    if parts := _PART.fullmatch(text):
        if parts[2] and channel(parts[2], say) is None:
            return None
        return ProductType(text, "level2", (text,))
    if parts := _MANY.fullmatch(text):
        return _channels(text, parts, "channels", channel, say)
    known = ("truecolor_rgb", *LEVEL2, "user_function")
    hint = meant(text, known)
    word, several, rest = text.partition("__")
    if several and (near := meant(word, ("singlechannel", "multichannel"))):
        hint = f"{near[:-1]}__{rest[:40]}?"
    if re.fullmatch(r"(?:(bt|refl|rad)_?)?[0-9]+", text):
        word = re.sub("(bt|refl|rad)_?", r"\1_", text)
        hint = f"; did you mean singlechannel__{word[:40]}?"
    say(
        "E002",
        f"{shown(text)} is not a type of GOES{hint}; types are truecolor_rgb, singlechannel__bt_13,"
        f" multichannel__1__bt_13, {', '.join(LEVEL2)} and user_function",
    )
    return None


def _of_files(text: str, say: Say) -> ProductType | None:
    if parts := _MANY.fullmatch(text):
        return _channels(text, parts, "fields", _variable, say)
    return _several(text, "fields", (text,), _variable, say)


def _channels(
    text: str, parts: re.Match[str], kind: str, read: Callable[[str, Say], str | None], say: Say
) -> ProductType | None:
    words = tuple(parts[2].split("__"))
    if parts[1] == "singlechannel" and len(words) > 1:
        other = "__".join(("multichannel", *words))
        say("E002", f"{shown(text)} names {len(words)} channels; write {other[:100]}")
        return None
    return _several(text, kind, words, read, say)


def _several(
    name: str,
    kind: str,
    words: tuple[str, ...],
    read: Callable[[str, Say], str | None],
    say: Say,
) -> ProductType | None:
    found = [read(word, say) for word in words]
    if None in found:
        return None
    twice = sorted({str(each) for each in found if found.count(each) > 1})
    if twice:
        say("E002", f"{shown(name)} names {', '.join(twice)} more than once")
        return None
    return ProductType(name, kind, tuple(map(str, found)))  # type: ignore[arg-type]
