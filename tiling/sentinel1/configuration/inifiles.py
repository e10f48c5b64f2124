"""INI files: sections of options, with variables of the file and of the environment in them.

``%(NAME)s`` in a value is another option of the section, one of [DEFAULT], or a variable of the
environment, in this order, where an option that names itself, such as ``tmp : %(TMP)s``, means the
environment; ``%%`` is a per cent sign. A variable of the environment never becomes
an option by itself, as it would were the environment given to `configparser` as defaults: one
that is called TMP would otherwise be Paths.tmp wherever that was forgotten.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tiling.sentinel1.errors import ConfigurationError

__all__ = ["IniFile", "read_ini"]

LARGEST = 10_000_000
"""Bytes of a configuration; one that names all tiles has 400,000."""

_DEFAULT = "DEFAULT"
_DEEPEST = 10  # variables within variables
_PARTS = re.compile(r"%%|%\(([^()]*)\)s|%")


@dataclass
class IniFile:
    """An INI file.

    Attributes
    ----------
    path
        The file.
    sections
        Texts by section and name, both as they are written, without blanks around them; [DEFAULT]
        is one of the sections.
    environment
        Variables that values may name.
    used
        Sections and names, in lower case, of the options that values have named.
    """

    path: Path
    sections: Mapping[str, Mapping[str, str]]
    environment: Mapping[str, str]
    used: set[tuple[str, str]] = field(default_factory=set)

    def value(self, section: str, name: str) -> str:
        """Return the text of an option, its variables replaced.

        Raises
        ------
        ValueError
            If a variable is not known, or contains itself.
        """
        return self._replaced(self.sections[section][name], section, (name.lower(),)).strip()

    def _replaced(self, text: str, section: str, within: tuple[str, ...]) -> str:
        def replace(found: re.Match[str]) -> str:
            if found[0] == "%%":
                return "%"
            if found[0] == "%":
                raise ValueError("a per cent sign is written %%, a variable %(NAME)s")
            return self._variable(found[1], section, within)

        return _PARTS.sub(replace, text)

    def _variable(self, name: str, section: str, within: tuple[str, ...]) -> str:
        if len(within) > _DEEPEST:
            raise ValueError(f"%({name})s goes too deep: {' in '.join(reversed(within))}")
        itself = name.lower() in within
        for place in () if itself else (section, _DEFAULT):
            for option, text in self.sections.get(place, {}).items():
                if option.lower() == name.lower():
                    self.used.add((place.lower(), option.lower()))
                    return self._replaced(text, section, (*within, name.lower()))
        known = {each.lower(): text for each, text in self.environment.items()}
        found = self.environment.get(name, known.get(name.lower()))
        if found is not None:
            return found
        if itself:
            raise ValueError(f"%({name})s contains itself")
        raise ValueError(
            f"%({name})s is neither an option of [{section}] or [{_DEFAULT}] nor a variable of "
            "the environment"
        )


def read_ini(path: str | Path, environment: Mapping[str, str]) -> IniFile:
    """Read an INI file.

    Raises
    ------
    ConfigurationError
        If it is missing, no text, no INI file, or has a section or an option twice.
    """
    path = Path(path)
    try:
        if path.stat().st_size > LARGEST:
            raise ConfigurationError(f"has {path.stat().st_size:,} bytes: no configuration", path)
        text = path.read_text("utf-8-sig")
    except OSError as reason:
        raise ConfigurationError(f"cannot be read: {reason.strerror or reason}", path) from reason
    except UnicodeDecodeError as reason:
        raise ConfigurationError(f"is no text in UTF-8: {reason}", path) from reason
    # A name for defaults that no file has: [DEFAULT] is then read as a section like the others.
    parser = configparser.RawConfigParser(default_section="\0")
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(text, source=str(path))
    except configparser.Error as reason:
        raise ConfigurationError(" ".join(str(reason).split()), path) from reason
    sections = {name: dict(parser.items(name)) for name in parser.sections()}
    _refuse_twins(path, sections)
    return IniFile(path, sections, dict(environment))


def _refuse_twins(path: Path, sections: Mapping[str, Mapping[str, str]]) -> None:
    """Refuse names that differ in upper and lower case only."""
    for section, options in [("", sections), *sections.items()]:
        seen: dict[str, str] = {}
        for name in options:
            twin = seen.setdefault(name.lower(), name)
            if twin is not name:
                where = f" in [{section}]" if section else ""
                raise ConfigurationError(
                    f"{twin} and {name}{where} are the same, given twice", path
                )
