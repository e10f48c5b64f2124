"""Points that can be found again in the next image: corners, and where they move.

Corners after Shi and Tomasi (1994), motion after Lucas and Kanade (1981) on pyramids (Bouguet,
2000), by OpenCV; where it is missing, by the dense iterative flow of scikit-image, which is slower.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = ["Flow"]

Grey = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Flow:
    """How points are chosen and followed; lengths in pixels."""

    most: int = 400
    """Points in an image."""
    quality: float = 0.01
    """Of a corner, as a share of that of the best one."""
    apart: float | None = None
    """Least distance between corners; None for 100, or a tenth of a shorter image's side."""
    block: int = 5
    """Side of what a corner is judged by."""
    guard: int = 5
    """Distance of corners from missing pixels and from the edge."""
    window: int = 50
    """Side of what is looked for in the next image."""
    levels: int = 3
    """Of the pyramid, above the image itself."""
    steps: int = 10
    weakest: float = 1e-4
    """Least eigenvalue of what is followed."""
    way_back: float = 1.0
    """Largest distance from where it began, of a point that is followed forward and back."""
    alike: float = 0.6
    """Least correlation of what surrounds a point, half a window wide, with what did before."""
    engine: Literal["auto", "opencv", "scikit-image"] = "auto"

    @property
    def used_engine(self) -> str:
        """Name of the library that finds motion.

        Raises
        ------
        ImportError
            Where it is not installed.
        """
        if self.engine == "opencv" and not find_spec("cv2"):
            raise ImportError("OpenCV is missing: install the extra scenes-more, or engine='auto'")
        found = "opencv" if find_spec("cv2") else "scikit-image"
        return found if self.engine == "auto" else self.engine

    def spacing(self, shape: tuple[int, int]) -> float:
        """Return the least distance between corners of an image."""
        return self.apart if self.apart is not None else min(100.0, max(min(shape) / 10, 3.0))

    def fewest(self, shape: tuple[int, int], least: int) -> int:
        """Return how many corners an image must have: `least`, or fewer where fewer find room."""
        room = shape[0] * shape[1] / self.spacing(shape) ** 2
        return max(min(least, self.most, int(room / 4)), 1)

    def corners(self, grey: Grey, usable: Mask) -> Points:
        """Return corners, the best first.

        Parameters
        ----------
        grey, usable
            (rows, columns) image, and where it has values.

        Returns
        -------
        ndarray
            (n, 2) column and row of pixel centres.
        """
        inside = self._guarded(usable)
        apart = self.spacing(usable.shape)
        if not inside.any():
            return np.empty((0, 2), np.float32)
        if self.used_engine == "opencv":
            found = import_module("cv2").goodFeaturesToTrack(
                grey, self.most, self.quality, apart,
                mask=inside.astype(np.uint8), blockSize=self.block,
            )  # fmt: skip
            return np.empty((0, 2), np.float32) if found is None else found.reshape(-1, 2)
        feature = import_module("skimage.feature")
        strength = np.where(inside, feature.corner_shi_tomasi(grey, sigma=self.block / 4), 0)
        peaks = feature.corner_peaks(
            strength, threshold_rel=self.quality, exclude_border=self.guard
        )
        chosen: list[Points] = []
        for peak in peaks[:, ::-1].astype(np.float32):  # the best first
            if len(chosen) == self.most:
                break
            if not chosen or np.hypot(*(np.array(chosen) - peak).T).min() >= apart:
                chosen.append(peak)
        return np.array(chosen, np.float32).reshape(-1, 2)

    def moved(self, before: Grey, after: Grey, usable: Mask, points: Points) -> tuple[Points, Mask]:
        """Return where points of an image are in the next one.

        Parameters
        ----------
        before, after
            (rows, columns) of one shape.
        usable
            Where `after` has values.
        points
            (n, 2) column and row.

        Returns
        -------
        places, found
            (n, 2) and (n,): found are those inside `usable` that come back when followed back, and
            whose surroundings look as before.
        """
        if not len(points):
            return points, np.zeros(0, bool)
        there, back = self._there_and_back(before, after, points)
        rows, cols = usable.shape
        with np.errstate(invalid="ignore"):
            away = np.hypot(*(back - points).T)
            col, row = np.rint(np.nan_to_num(there, nan=-1)).astype(np.int64).T
        inside = (col >= 0) & (col < cols) & (row >= 0) & (row < rows)
        on = usable[np.clip(row, 0, rows - 1), np.clip(col, 0, cols - 1)]
        found = inside & on & (away < self.way_back)
        found[found] = self._likeness(before, after, points[found], there[found]) >= self.alike
        return there, found

    def _likeness(
        self, before: Grey, after: Grey, points: Points, there: Points
    ) -> npt.NDArray[np.float64]:
        """Return the correlation of what surrounds points in both images."""
        from scipy import ndimage

        half = self._side(before) // 4
        around = np.mgrid[-half : half + 1, -half : half + 1].reshape(2, -1).T
        parts = []
        for image, at in ((before, points), (after, there)):
            where = at[:, None, ::-1] + around
            part = ndimage.map_coordinates(
                image, where.reshape(-1, 2).T, np.float64, order=1, mode="nearest"
            ).reshape(len(at), -1)
            parts.append(part - part.mean(axis=1, keepdims=True))
        one, other = parts
        spread = np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
        return np.asarray((one * other).sum(axis=1) / np.maximum(spread, 1e-9))

    def _guarded(self, usable: Mask) -> Mask:
        from scipy import ndimage

        square = np.ones((2 * self.guard + 1,) * 2, bool)
        return np.asarray(ndimage.binary_erosion(usable, square, border_value=0))

    def _there_and_back(self, before: Grey, after: Grey, points: Points) -> tuple[Points, Points]:
        """Return points followed to the next image, and those followed back; NaN where lost."""
        if self.used_engine == "opencv":
            there = self._pyramid(before, after, points)
            return there, self._pyramid(after, before, there)
        from scipy import ndimage

        def step(one: Grey, other: Grey, at: Points) -> Points:
            rows, cols = import_module("skimage.registration").optical_flow_ilk(
                one / np.float32(255), other / np.float32(255),
                radius=self._side(one) // 2, num_warp=self.steps, dtype=np.float32,
            )  # fmt: skip
            moves = [
                ndimage.map_coordinates(each, at[:, ::-1].T, order=1, cval=np.nan)
                for each in (cols, rows)
            ]
            return np.asarray(at + np.stack(moves, axis=1), np.float32)

        there = step(before, after, points)
        return there, step(after, before, there)

    def _pyramid(self, one: Grey, other: Grey, points: Points) -> Points:
        cv2 = import_module("cv2")
        side = self._side(one)
        sure: Mask = np.isfinite(points[:, 0]) & np.isfinite(points[:, 1])
        criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, self.steps, 0.003)
        start = np.ascontiguousarray(np.where(sure[:, None], points, 0), np.float32)
        found, status, _ = cv2.calcOpticalFlowPyrLK(
            one, other, start.reshape(-1, 1, 2), None,
            winSize=(side, side), maxLevel=self.levels,
            criteria=criteria, minEigThreshold=self.weakest,
        )  # fmt: skip
        ok = sure & (status.ravel() == 1)
        return np.where(ok[:, None], found.reshape(-1, 2), np.float32(np.nan))

    def _side(self, grey: Grey) -> int:
        """Return the side of the window: a quarter of an image that is small."""
        return max(min(self.window, int(min(grey.shape)) // 4), 5)
