"""Transforms that are a few arrays: principal components, scaling, nearest centres.

They see the vectors block by block, so any number of them can be fitted; what they hold is stored
without objects. `fit` takes a function that gives the blocks, (row, dim) float64, at each call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import BadInput

__all__ = ["PCA", "PCAHDBSCAN", "PLAIN", "KMeans", "Scaler"]

Rows = npt.NDArray[np.float64]
Blocks = Callable[[], Iterable[Rows]]


class _Plain:
    """What is stored: `ARRAYS` by name, with their dims; ``d`` is the length of the vectors."""

    ARRAYS: dict[str, str] = {}  # noqa: RUF012  a table of the class

    def __init__(self) -> None:
        self.arrays: dict[str, Rows] = {}

    @classmethod
    def of_arrays(cls, arrays: dict[str, Rows]) -> Any:
        """Return a fitted transform from what was stored; refuse what does not fit together."""
        sizes: dict[str, int] = {}
        if set(arrays) != set(cls.ARRAYS):
            raise BadInput(f"arrays are {sorted(arrays)}, not {sorted(cls.ARRAYS)}")
        for name, dims in cls.ARRAYS.items():
            array = arrays[name]
            fits = (
                array.dtype == np.float64 and array.ndim == len(dims) and np.isfinite(array).all()
            )
            if not fits or any(
                sizes.setdefault(dim, n) != n for dim, n in zip(dims, array.shape, strict=True)
            ):
                raise BadInput(f"{name} {array.dtype} {array.shape} does not fit: {dims} wanted")
        found = cls()
        found.arrays = arrays
        return found


class PCA(_Plain):
    """Principal components from the exact covariance; the largest loading of each is positive."""

    ARRAYS = {"mean": "d", "components": "kd", "explained": "k"}  # noqa: RUF012

    def __init__(self, n_components: int = 10) -> None:
        super().__init__()
        self.n_components = n_components

    def fit(self, blocks: Blocks, seed: int) -> None:
        """Fit; at most as many components as dims and rows less one are kept."""
        n, mean, products = moments(blocks)
        values, vectors = np.linalg.eigh(products / max(n - 1, 1))
        most = min(len(mean), n - 1)
        if not isinstance(self.n_components, int) or self.n_components < 1 or most < 1:
            raise BadInput(f"n_components is {self.n_components} of {n} vectors: 1 to {most} fit")
        order = np.argsort(-values, kind="stable")[: min(self.n_components, most)]
        components = vectors.T[order]
        largest = np.abs(components).argmax(1)
        components *= np.sign(components[np.arange(len(order)), largest])[:, None]
        total = max(values.clip(0).sum(), np.finfo(float).tiny)
        explained = values[order].clip(0) / total
        self.arrays = {"mean": mean, "components": components, "explained": explained}

    def apply(self, rows: Rows) -> Rows:
        found: Rows = (rows - self.arrays["mean"]) @ self.arrays["components"].T
        return found


class Scaler(_Plain):
    """Each dim with mean 0 and standard deviation 1; a constant one becomes 0."""

    ARRAYS = {"mean": "d", "scale": "d"}  # noqa: RUF012

    def fit(self, blocks: Blocks, seed: int) -> None:
        n, mean, products = moments(blocks)
        scale = np.sqrt(products.diagonal() / max(n, 1))
        constant = scale <= 1e-7 * np.maximum(np.abs(mean), 1e-30)
        self.arrays = {"mean": mean, "scale": np.where(constant, 1.0, scale)}

    def apply(self, rows: Rows) -> Rows:
        found: Rows = (rows - self.arrays["mean"]) / self.arrays["scale"]
        return found


class KMeans(_Plain):
    """Groups about centres found by scikit-learn; each vector goes to the nearest, 0 to k - 1."""

    ARRAYS = {"centres": "kd"}  # noqa: RUF012

    def __init__(self, n_clusters: int = 8, n_init: int = 10, max_iter: int = 300) -> None:
        super().__init__()
        self.n_clusters, self.n_init, self.max_iter = n_clusters, n_init, max_iter

    def fit(self, blocks: Blocks, seed: int) -> None:
        from sklearn.cluster import KMeans as Found  # type: ignore[import-untyped]

        rows = np.concatenate(list(blocks()))
        found = Found(
            self.n_clusters, n_init=self.n_init, max_iter=self.max_iter, random_state=seed
        )
        self.arrays = {"centres": found.fit(rows).cluster_centers_.astype(np.float64)}

    def apply(self, rows: Rows) -> Rows:
        centres = self.arrays["centres"]
        middle = centres.mean(0)  # near which differences of squares keep their digits
        rows, centres = rows - middle, centres - middle
        far = (centres**2).sum(1) - 2 * rows @ centres.T
        found: Rows = far.argmin(1).astype(np.float64)
        return found


class PCAHDBSCAN:
    """Groups of any shape among principal components; -1 for vectors that belong to none."""

    def __init__(
        self, n_components: int = 10, min_cluster_size: int = 5, min_samples: int | None = None
    ) -> None:
        self.components = PCA(n_components)
        self.settings = {"min_cluster_size": min_cluster_size, "min_samples": min_samples}

    def fit_predict(self, rows: Rows) -> Rows:
        from sklearn.cluster import HDBSCAN

        self.components.fit(lambda: [rows], 0)
        labels = HDBSCAN(copy=True, **self.settings).fit_predict(self.components.apply(rows))
        return np.asarray(labels, np.float64)


PLAIN: dict[str, type[Any]] = {"pca": PCA, "standard_scaler": Scaler, "kmeans": KMeans}


def moments(blocks: Blocks) -> tuple[int, Rows, Rows]:
    """Return number, mean and sum of products about the mean, block by block.

    References
    ----------
    Chan, Golub and LeVeque (1983), Algorithms for Computing the Sample Variance, equation 2.1.
    """
    n, mean, products = 0, np.zeros(1), np.zeros((1, 1))
    for rows in blocks():
        if not len(rows):
            continue
        own = rows.mean(0)
        step, total = own - mean, n + len(rows)
        centred = rows - own
        products = products + centred.T @ centred + np.outer(step, step) * (n * len(rows) / total)
        mean, n = mean + step * (len(rows) / total), total
    return n, mean, products
