"""Values of all options from an INI file: every fault of the file in one message."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tiling.sentinel1.configuration.inifiles import IniFile
from tiling.sentinel1.configuration.options import REQUIRED, Below, Option, plain
from tiling.sentinel1.configuration.optiontable import (
    DROPPED,
    DROPPED_SECTIONS,
    FREE,
    OPTIONS,
    SECTIONS,
)
from tiling.sentinel1.configuration.values import meant
from tiling.sentinel1.errors import ConfigurationError

__all__ = ["Reading", "read_options"]

_VARIABLES = "DEFAULT"

_BY_NAME = {name: option for option in OPTIONS for name in option.names}
_DROPPED = {plain(each.title): each for each in DROPPED}
_SECTIONS = {name.lower(): name for name in (*SECTIONS, _VARIABLES)}

_REFUSED = {
    "PEPS": "since S1Tiling 0.2 its options are in [DataSource]",
    "Processing.no_use_resampled_dem": "it is Processing.use_resampled_dem by now, and inverted",
}


@dataclass
class Reading:
    """What a file says.

    Attributes
    ----------
    values
        By attribute of the configuration. Options that are not given have their default.
    given
        Titles of the options that the file gives a value.
    without_effect
        Options of the file that change nothing here, each with the reason.
    former
        Former names in the file, each with the present one.
    metadata
        The free tags, as they are written.
    faults
        What is wrong, one line each.
    spoilt
        Titles of the options of which something is said there.
    """

    values: dict[str, Any] = field(default_factory=dict)
    given: set[str] = field(default_factory=set)
    without_effect: dict[str, str] = field(default_factory=dict)
    former: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    spoilt: set[str] = field(default_factory=set)

    def refuse(self, fault: str, title: str = "") -> None:
        """Note a fault, of an option or of the file."""
        self.faults.append(fault)
        self.spoilt.add(title)

    def raise_faults(self, path: Any) -> None:
        """Raise what is wrong, if anything is.

        Raises
        ------
        ConfigurationError
            With all faults.
        """
        if self.faults:
            count = f"{len(self.faults)} faults: " if len(self.faults) > 1 else ""
            raise ConfigurationError(count + "; ".join(self.faults), path)


def read_options(file: IniFile) -> Reading:
    """Read all options; what is wrong is in the faults of what is returned."""
    reading = Reading()
    texts: dict[str, str] = {}  # by title
    unknown: list[tuple[str, str]] = []
    for section, name in _entries(file, reading):
        _sort(file, section, name, texts, unknown, reading)
    for section, name in unknown:
        if (section.lower(), name.lower()) not in file.used:
            reading.refuse(_unknown(section, name))
    for option in OPTIONS:
        value = _value(option, texts, reading)
        if option.key:
            group = reading.values.setdefault(option.attribute, {})
            if value is not None:
                group[option.key] = value
        else:
            reading.values[option.attribute] = value
    return reading


def _entries(file: IniFile, reading: Reading) -> Iterator[tuple[str, str]]:
    """Yield sections as the table writes them, and the names in them."""
    own = {}  # as the file writes them, by those of the table
    for section in file.sections:
        known = _SECTIONS.get(section.lower())
        if known is not None:
            own[known] = section
        elif section in _REFUSED:
            reading.refuse(f"[{section}]: {_REFUSED[section]}")
        elif section in DROPPED_SECTIONS:
            reading.without_effect[f"[{section}]"] = "S1Tiling reads it no longer"
        else:
            near = meant(section, SECTIONS)
            reading.refuse(f"[{section}] is no section{near or f'; sections: {_list(SECTIONS)}'}")
    if FREE in own:
        reading.metadata.update(file.sections[own.pop(FREE)])
    variables = file.sections.get(own.pop(_VARIABLES, ""), {})
    for section in (name for name in _SECTIONS.values() if name in own):
        yield from ((own[section], name) for name in file.sections[own[section]])
    # An option in [DEFAULT] holds for the section that has it, unless that gives its own.
    for name in variables:
        if any(plain(f"{section}.{name}") in _BY_NAME for section in SECTIONS):
            yield (_VARIABLES, name)


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(names)


def _sort(
    file: IniFile,
    section: str,
    name: str,
    texts: dict[str, str],
    unknown: list[tuple[str, str]],
    reading: Reading,
) -> None:
    """Put an entry of the file where it belongs: an option, one that was, or unknown."""
    sections = SECTIONS if section == _VARIABLES else (_SECTIONS[section.lower()],)
    titles = [f"{each}.{name}" for each in sections]
    options = [_BY_NAME[plain(title)] for title in titles if plain(title) in _BY_NAME]
    if not options:
        _set_aside(section, name, titles[0], unknown, reading)
        return
    try:
        value = file.value(section, name)
    except ValueError as reason:
        title = options[0].title
        reading.refuse(f"{title} = {file.sections[section][name]!r}: {reason}", title)
        return
    for option in options:
        if not texts.get(option.title):
            texts[option.title] = value
        elif value and section != _VARIABLES:
            _twice(option, name, value, texts, reading)
        if plain(name) != plain(option.name) or name.lower() != option.name.lower():
            reading.former[f"{option.section}.{name}"] = option.title


def _twice(option: Option, name: str, value: str, texts: dict[str, str], reading: Reading) -> None:
    """Take the present name of an option that is given by a former one as well."""
    former = next(
        (old for old, new in reading.former.items() if new == option.title),
        f"{option.section}.{name}",
    )
    if name.lower() == option.name.lower():
        texts[option.title] = value
    reading.without_effect[former] = f"{option.title} is given, which took its place"


def _set_aside(
    section: str, name: str, title: str, unknown: list[tuple[str, str]], reading: Reading
) -> None:
    if plain(title) in _DROPPED:
        reading.without_effect[title] = _DROPPED[plain(title)].reason
        return
    refused = next((why for old, why in _REFUSED.items() if plain(old) == plain(title)), None)
    if refused is not None:
        reading.refuse(f"{title}: {refused}")
    else:
        unknown.append((section, name))


def _unknown(section: str, name: str) -> str:
    """Return what to say of an option that there is not."""
    here = _SECTIONS[section.lower()]
    elsewhere = [option.title for option in OPTIONS if plain(option.name) == plain(name)]
    if elsewhere:
        return f"{here}.{name} is no option: it belongs to another section, {elsewhere[0]}"
    near = meant(name, [option.name for option in OPTIONS if option.section == here])
    near = near or meant(name, [option.name for option in OPTIONS])
    return f"{here}.{name} is no option{near or '; variables may stand in [DEFAULT]'}"


def _value(option: Option, texts: dict[str, str], reading: Reading) -> Any:
    """Return the value of an option, having noted what is wrong with it."""
    text = texts.get(option.title, "")
    if option.title in reading.spoilt:
        return None
    if text:
        reading.given.add(option.title)
        if option.without_effect:
            reading.without_effect[option.title] = option.without_effect
        try:
            return option.read(text)
        except ValueError as reason:
            reading.refuse(f"{option.title} = {text!r}: {reason}", option.title)
            return None
    if option.default is REQUIRED:
        empty = "is empty" if option.title in texts else "is missing"
        reading.refuse(f"{option.title} {empty}", option.title)
        return None
    if isinstance(option.default, Below):
        above = reading.values.get(option.default.attribute)
        return None if above is None else above / option.default.name
    return list(option.default) if isinstance(option.default, tuple) else option.default
