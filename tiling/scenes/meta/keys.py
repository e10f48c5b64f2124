"""All keys of `meta.yaml`, each with its rule and default, and how a mapping is read by them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tiling.scenes.errors import Problem
from tiling.scenes.meta.rules import (
    ANYTHING,
    COUNTS,
    DURATION,
    FLAG,
    FUNCTION,
    LIMITS,
    MOMENT,
    NAMES,
    SHARES,
    TEXT,
    Rule,
    choice,
    meant,
    number,
    shown,
    whole,
    wholes,
)

__all__ = ["AUX", "KEYS", "Key", "Values", "table"]

AUX = "aux_products.<name>"
_SIDE = number(0, 4.1e7, above=True)  # metres, the Earth's circumference
_TILE = whole(8, 100_000)


@dataclass(frozen=True)
class Key:
    """A key of `meta.yaml`."""

    path: str
    """Such as ``sampling.triplets.tile_N``."""
    rule: Rule
    default: Any = None
    """None: nothing, or what `note` says."""
    code: str = "E008"
    """Of a value that cannot be used; one of another kind is always E008."""
    note: str = ""
    """On the default, where it is not one value."""
    alias: str = ""
    """Its other name."""
    of: str = ""
    """The family of sources that know it: ``goes`` or ``files``; empty for all."""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition(".")[2]

    @property
    def default_words(self) -> str:
        """The default as the guide's table says it."""
        if isinstance(self.default, bool):
            return str(self.default).lower()
        if isinstance(self.default, tuple):
            return str(list(self.default))
        return self.note or ("none" if self.default is None else str(self.default) or "empty")


_TRIPLETS, _RECT = "sampling.triplets", "sampling.rect-slidingwindow"
_KINDS = ("rect", "as_source", "spanning_trajectories")
_STRATEGIES = ("single_scene_per_aux_time", "all_scenes_within_dt_aux")
_SPLITTINGS = ("random_by_relative_sample_size", "by_time_blocks", "shared")


def _storage(section: str, same: str) -> tuple[Key, ...]:
    mode = choice("window", "mirror")
    return (
        Key(f"{section}.protocol", TEXT, "s3", "E005", of="goes"),
        Key(f"{section}.bucket", TEXT, note=same, of="goes"),
        Key(f"{section}.prefix", TEXT, "", of="goes"),
        Key(f"{section}.endpoint_url", TEXT, of="goes"),
        Key(f"{section}.anon", FLAG, True, of="goes"),
        Key(f"{section}.mode", mode, "window", "E005", of="goes"),
    )


def _field_filters() -> tuple[Key, ...]:
    ranges = {
        "year": (1678, 2262), "month": (1, 12), "day": (1, 31), "hour": (0, 23),
        "minute": (0, 59), "second": (0, 59), "weekday": (0, 6),
    }  # fmt: skip
    return tuple(
        Key(f"time.filters.{name}", wholes(*span), None, "E015", alias=f"{name}s")
        for name, span in ranges.items()
    )


KEYS: tuple[Key, ...] = (
    Key("source", TEXT, None, "E001", note="required"),
    Key("type", TEXT, None, "E002", note="required", alias="product"),
    Key("input", NAMES),
    Key("sector", choice("F", "C", "M1", "M2"), "F", "E006", of="goes"),
    Key("files", TEXT, "*.nc", of="files"),
    *_storage("storage", "the public one of the source"),
    Key("time.t_start", MOMENT, note="required for GOES"),
    Key("time.t_end", MOMENT, note="required for GOES, or N_days"),
    Key("time.N_days", number(0, 100_000, above=True), None, "E011"),
    Key("time.intervals", ANYTHING),
    Key("time.filters.N_hours_from_zenith", number(0, 12), None, "E014"),
    Key("time.filters.using_trajectory_sampling", FLAG, False),
    *_field_filters(),
    Key("domain.kind", choice(*_KINDS), None, "E024", note="rect with a centre, else as_source"),
    Key("domain.central_latitude", number(-90, 90), None, "E020", note="required for GOES"),
    Key("domain.central_longitude", number(-180, 360), None, "E020", note="required for GOES"),
    Key("domain.l_zonal", _SIDE, None, "E021", note="required with a centre"),
    Key("domain.l_meridional", _SIDE, None, "E021", note="required with a centre"),
    Key("domain.pad", number(0, 1), 0.1, "E025"),
    Key("domain.padding", number(1, 100), 1.2, "E024"),
    Key("sampling.resolution", number(1e-6, 1e7), None, "E030", note="required for tiles"),
    Key("sampling.method", choice("bilinear", "nearest", "area"), "bilinear", "E031"),
    Key(f"{_TRIPLETS}.N_triplets", COUNTS, None, "E032", note="required with triplets"),
    Key(f"{_TRIPLETS}.tile_N", _TILE, 256, "E033"),
    Key(f"{_TRIPLETS}.scene_collections_splitting", choice(*_SPLITTINGS), _SPLITTINGS[0], "E034"),
    Key(f"{_TRIPLETS}.neigh_dist_scaling", number(0, 1e6, above=True), 1.0, "E035"),
    Key(f"{_TRIPLETS}.edge_margin", number(0.5, 1e6), 2 / 3, "E039", note="2/3"),
    Key(f"{_TRIPLETS}.seed", whole(0, 2**63 - 1), 0),
    Key(f"{_TRIPLETS}.max_nodata_fraction", number(0, 1), None, "E039", note="0, for LES 1"),
    Key(f"{_RECT}.tile_N", _TILE, 256, "E037"),
    Key(f"{_RECT}.step", whole(1, 10**9), None, "E036", note="of the command"),
    Key(f"{_RECT}.edge", choice("drop", "cover"), "drop"),
    Key("sampling.trajectories.tile_N", _TILE, None, "E033"),
    Key("image.limits", LIMITS, "default", "E040"),
    Key("image.function", FUNCTION, None, "E040"),
    Key("image.strict_dqf", FLAG, False, of="goes"),
    Key("image.rayleigh", choice("none", "simple", "tables"), "none", "E040", of="goes"),
    Key("image.green", SHARES, (0.465, 0.465, 0.07), "E040", of="goes"),
    Key("trajectories.filepath", TEXT, None, "E038"),
    Key("trajectories.min_corners", whole(1, 100_000), 100),
    Key("les.periodic", FLAG, False, of="files"),
    Key("les.dx", number(0, 1e7, above=True), None, note="from the files", of="files"),
    Key(f"{AUX}.source", TEXT, None, "E001", note="required"),
    Key(f"{AUX}.type", TEXT, None, "E002", note="required", alias="product"),
    Key(f"{AUX}.input", NAMES),
    Key(f"{AUX}.scene_mapping_strategy", choice(*_STRATEGIES), _STRATEGIES[0], "E051"),
    Key(f"{AUX}.dt_aux", DURATION, None, "E052", note="found from the files"),
    Key(f"{AUX}.image_function", FUNCTION, None, "E040"),
    Key(f"{AUX}.files", TEXT, "*.nc", of="files"),
    *_storage(f"{AUX}.storage", "that of the scenes, or the public one of the source"),
    Key("labels", TEXT),
    Key("db_type", choice("yaml", "json"), "yaml"),
)
"""All keys; ``<name>`` stands for a name that the user gives."""


def table() -> list[tuple[str, str, str]]:
    """Return path, kind of value and default of each key, in words, as the guide's table has it."""
    return [(key.path, key.rule.words, key.default_words) for key in KEYS]


_BY_PATH = {key.path: key for key in KEYS}
_OTHER_SECTION_NAMES = {_RECT: "rect"}


def _children() -> dict[str, dict[str, str]]:
    """Return for each section the path that each name in it stands for."""
    found: dict[str, dict[str, str]] = {}
    for key in KEYS:
        parts = key.path.split(".")
        for depth, part in enumerate(parts):
            path = ".".join(parts[: depth + 1])
            section = found.setdefault(".".join(parts[:depth]), {})
            section[part] = path
            if path in _OTHER_SECTION_NAMES:
                section[_OTHER_SECTION_NAMES[path]] = path
        if key.alias:
            found[".".join(parts[:-1])][key.alias] = key.path
    return found


_CHILDREN = _children()


class Values:
    """The values of a section by their paths in `KEYS`, defaults filled in, and all problems.

    A value that cannot be used is None, and so is one without default that is not given.

    Parameters
    ----------
    given
        The mapping.
    section
        Its path in `KEYS`; empty for the whole file.
    where
        Its path in the file, if another.
    """

    def __init__(self, given: Mapping[Any, Any], section: str = "", where: str = "") -> None:
        self.section, self.where = section, where or section
        self.problems: list[Problem] = []
        self.given: set[str] = set()
        """Paths of the keys and sections that are there, with any value but null."""
        self.names: dict[Any, Any] = {}
        """What the user named: each mapping below `aux_products`."""
        self._values = {key.path: key.default for key in KEYS if key.path.startswith(section)}
        self._walk(given, section)

    def __getitem__(self, path: str) -> Any:
        return self._values[path]

    def of(self, name: str) -> Any:
        """Return the value of a key of this section."""
        return self._values[f"{self.section}.{name}" if self.section else name]

    def has(self, *paths: str) -> bool:
        """Tell whether all of them are given and can be used."""
        return all(path in self.given and self._values.get(path) is not None for path in paths)

    def say(self, code: str, path: str, message: str) -> None:
        """Add a problem of a key or section, by its path in `KEYS`."""
        if self.where != self.section and path.startswith(self.section):
            path = self.where + path[len(self.section) :]
        self.problems.append(Problem(code, path, message))

    @property
    def failed(self) -> bool:
        """Whether there is an error among the problems."""
        return any(problem.is_error for problem in self.problems)

    def _walk(self, given: Mapping[Any, Any], section: str) -> None:
        known = _CHILDREN[section]
        for name, value in given.items():
            path = known.get(name) if isinstance(name, str) else None
            if path is None:
                self._say_unknown(name, section)
            elif value is None or (value == "" and self._values.get(path) == ""):
                continue
            elif path in self.given:
                others = " and ".join(each for each in known if known[each] == path)
                self.say("E009", path, f"{others} are two names of one key: remove one")
            else:
                self.given.add(path)
                self._take(path, value)

    def _take(self, path: str, value: Any) -> None:
        if path in _BY_PATH:
            self._values[path] = self._read(_BY_PATH[path], value)
        elif not isinstance(value, Mapping):
            names = ", ".join(_CHILDREN[path])
            self.say("E008", path, f"{shown(value)} is not a mapping; its keys are: {names}")
        elif path == "aux_products":
            self.names = dict(value)
        else:
            self._walk(value, path)

    def _read(self, key: Key, value: Any) -> Any:
        try:
            return key.rule.read(value)
        except TypeError as reason:
            self.say("E008", key.path, str(reason))
        except ValueError as reason:
            self.say(key.code, key.path, str(reason))
        return None

    def _say_unknown(self, name: Any, section: str) -> None:
        known = _CHILDREN[section]
        word = name[:80] if isinstance(name, str) and name.isprintable() and name else shown(name)
        path = f"{section}.{word}" if section else word
        homes = [key.path for key in KEYS if name in (key.name, key.alias or key.name)]
        if homes:
            near = f"; it belongs to {homes[0].rpartition('.')[0] or 'the top of the file'}"
        else:
            near = meant(name, known)
        code, what = ("E015", "filter") if section == "time.filters" else ("E007", "key")
        listed = f"; known are {', '.join(sorted(known))}" if not near or code == "E015" else ""
        self.say(code, path, f"unknown {what}{near}{listed}")
