"""A request that was checked: the method, the bursts, the area; nothing is computed here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any, Literal

from egms_io.cells import Area
from egms_io.dates import Days, to_days
from egms_io.formats.bursts import Burst
from egms_io.method.decomposition import Combine
from egms_io.method.timekernel import Kernel
from workbench.files import file_record, quick_record
from workbench.manifests import Manifest
from workbench.tasks.places import cores

OFFICIAL_STEP_DAYS = 6

OnError = Literal["raise", "skip"]
Duplicates = Literal["raise", "latest"]
Md5Policy = Literal["error", "warn", "ignore"]


@dataclass(frozen=True)
class Method:
    """How bursts become a product; the parameters of `egms_io.ortho` after they were checked.

    Attributes
    ----------
    dates
        Output dates, ``YYYYMMDD``.
    kernel, kernel_rate, max_gap_days
        See `egms_io.method.timekernel.kernel_weights`.
    combine
        See `egms_io.method.decomposition.solve`.
    gnss_model
        Path of an A-EPND file, or a constant north velocity (mm / yr), or None.
    max_missing
        A cell with a larger share of unsolved dates is dropped.
    min_points
        A cell with fewer points in either pass is dropped.
    facility
        Digit of the producer in the PIDs.
    """

    dates: tuple[str, ...]
    kernel: Kernel = "exponential"
    kernel_rate: float = 1.0
    max_gap_days: float = 90.0
    combine: Combine = "burst"
    gnss_model: str | float | None = None
    max_missing: float = 0.1
    min_points: int = 1
    facility: int = 1

    @property
    def days(self) -> Days:
        """Output dates, (dates,) datetime64[D]."""
        return to_days(self.dates)


@dataclass(frozen=True)
class BurstOptions:
    """How a burst is read and summed.

    Attributes
    ----------
    per_point
        Keep what least squares over single points needs.
    skip_rows
        Drop and count bad rows instead of raising.
    md5
        For a file whose checksum is not the one stated beside it.
    """

    per_point: bool = False
    skip_rows: bool = False
    md5: Md5Policy = "error"


@dataclass(frozen=True)
class Plan:
    """What will be computed, from which bursts.

    Attributes
    ----------
    area, method
        The cells and the parameters.
    bursts
        Opened, in the order of their names.
    options
        How bursts are read.
    skip_bad
        Leave out bursts that turn out to be bad.
    skipped, warnings
        Inputs already left out, with the reason, and what a user should know.
    roles
        What each input burst, used or not, has to do with the area and the period: plain values by
        name of the burst.
    period_given
        Whether the output dates are others than the bursts give by themselves.
    not_taken
        Names of files in the folder of the bursts that are none.
    """

    area: Area
    method: Method
    bursts: tuple[Burst, ...]
    options: BurstOptions
    skip_bad: bool = False
    skipped: tuple[dict[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    roles: dict[str, dict[str, Any]] = field(default_factory=dict)
    period_given: bool = False
    not_taken: tuple[str, ...] = ()
    # What is known of files by path, and the state in which those hashed here were.
    _records: dict[str, dict[str, Any]] = field(default_factory=dict, compare=False, repr=False)
    _hashed: dict[str, dict[str, Any]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def parameters(self) -> dict[str, Any]:
        """All on which the values of the product depend besides its inputs, in plain values."""
        lattice, outline = self.area.lattice, self.area.outline
        method = dict(vars(self.method))
        dates = method.pop("dates")
        return {
            "area": self.area.name,
            "bounds": lattice.bounds,
            "outline": None if outline is None else outline.wkt,
            "cell_m": lattice.cell_m,
            "dates": f"{len(dates)} from {dates[0]} to {dates[-1]}",
            **method,
            "on_error": "skip" if self.skip_bad else "raise",
        }

    @cached_property
    def departures(self) -> tuple[str, ...]:
        """Words for what makes the product another one than the official of its area."""
        method, standard = self.method, Method(self.method.dates)
        days = method.days
        step = int((days[1] - days[0]).astype(int)) if len(days) > 1 else OFFICIAL_STEP_DAYS
        other_kernel = method.kernel != standard.kernel
        other_rate = method.kernel_rate != standard.kernel_rate
        departs = {
            "L2a": any(burst.name.level != "L2b" for burst in self.bursts),
            f"{method.dates[0]}-{method.dates[-1]}": self.period_given,
            f"{step}d": step != OFFICIAL_STEP_DAYS,
            method.kernel: other_kernel,
            f"rate{method.kernel_rate:g}": other_rate and not other_kernel,
            f"gap{method.max_gap_days:g}d": method.max_gap_days != standard.max_gap_days,
            f"by-{method.combine}": method.combine != standard.combine,
            f"missing{100 * method.max_missing:g}": method.max_missing != standard.max_missing,
            f"points{method.min_points}": method.min_points != standard.min_points,
            "gnss": method.gnss_model is not None and not isinstance(method.gnss_model, str),
        }
        words = [word for word, so in departs.items() if so]
        return tuple(re.sub(r"[^A-Za-z0-9-]", "-", word) for word in words)

    @cached_property
    def inputs(self) -> tuple[dict[str, Any], ...]:
        """Path, size and MD5 of every file that is read."""
        with ThreadPoolExecutor(cores()) as threads:  # hashing lets other threads run
            return tuple(threads.map(self._record, self._files()))

    def know(self, records: Iterable[dict[str, Any]]) -> None:
        """Take over the `inputs` of files that were hashed elsewhere already."""
        self._records.update((record["path"], record) for record in records)

    def known(self, burst: Burst) -> tuple[dict[str, Any], ...]:
        """Return the `inputs` of a burst that were hashed here; none where a file has changed."""
        paths = [part.path for part in burst.parts]
        if any(self._hashed.get(str(path)) != quick_record(path) for path in paths):
            return ()
        return tuple(self._records[str(path)] for path in paths)

    def _record(self, path: Path) -> dict[str, Any]:
        name = str(path)
        if name not in self._records:
            state = quick_record(path)
            self._records[name] = file_record(path)
            self._hashed[name] = state
        return self._records[name]

    def manifest(self, **more: Any) -> Manifest:
        """Return what a product is made from: inputs by content, and every parameter that counts.

        Parameters
        ----------
        more
            Further parameters, of the files that are written.
        """
        return Manifest(self.inputs, self.parameters | more, installed("eo-workbench"))

    @property
    def key(self) -> str:
        """Name for what will be computed; from the state of the files, without reading them."""
        states = [{**quick_record(path), "folder": path.parent} for path in self._files()]
        return Manifest(tuple(states), self.parameters, installed("eo-workbench")).key[:16]

    def stated_version(self, name: str) -> str | None:
        """Return the ``dem`` or ``gnss`` version that most bursts state, None if none does."""
        stated = [getattr(burst.metadata, f"{name}_version") for burst in self.bursts]
        known = sorted(value for value in stated if value)
        return max(known, key=known.count) if known else None

    def _files(self) -> list[Path]:
        paths = [part.path for burst in self.bursts for part in burst.parts]
        if isinstance(self.method.gnss_model, str):
            paths.append(Path(self.method.gnss_model))
        return paths
