"""How strong the damping should be: alpha by leave-one-out.

Every clear observation is predicted from all others of its pixel, for several alphas, and the
alpha with the smallest weighted mean square wins. The sums are whole numbers
(`spaceeye.solver.compiled.leave_one_out_sums`), so those of chunks add up, in any order and any tree,
to exactly that of the region.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from math import sqrt
from operator import add
from typing import Any, Self

import numpy.typing as npt

from spaceeye.errors import BadInput

__all__ = ["ALPHAS", "FALLBACK", "Choice", "LeaveOneOut", "Score", "choose_alpha"]

ALPHAS = (0.1, 0.3, 1.0, 3.0, 10.0)  # days
FALLBACK = 1.0  # days; where no pixel was observed twice
PER_SQUARE, PER_WEIGHT = 64, 65536  # whole units in the sums


@dataclass(frozen=True)
class LeaveOneOut:
    """Sums over the leave-one-out residuals of some pixels; they add with ``+``.

    squares
        ``64 * sum(w r^2)`` for each of `alphas`, r in units (DN, or 1e-4 of reflectance).
    weights
        ``65536 * sum(w)`` over the same residuals, one per band, pixel and acquisition.
    """

    alphas: tuple[float, ...]
    squares: tuple[int, ...]
    weights: int = 0

    @classmethod
    def nothing(cls, alphas: Sequence[float] = ALPHAS) -> Self:
        """Give the sums over no pixel at all."""
        return cls(tuple(alphas), (0,) * len(alphas))

    @classmethod
    def of(
        cls,
        values: npt.NDArray[Any],
        weights: npt.NDArray[Any],
        days: npt.ArrayLike,
        alphas: Sequence[float] = ALPHAS,
        **options: Any,
    ) -> Self:
        """Sum over one chunk: values (N, B, P), weights (N, P), days (N,).

        `options` are those of `spaceeye.solver.compiled.leave_one_out_sums`.
        """
        from spaceeye.solver.compiled import leave_one_out_sums

        return cls(tuple(alphas), *leave_one_out_sums(values, weights, days, alphas, **options))

    def __add__(self, other: LeaveOneOut) -> Self:
        if other.alphas != self.alphas:
            raise BadInput(f"sums for the alphas {self.alphas} and {other.alphas} do not add")
        squares = tuple(map(add, self.squares, other.squares))
        return type(self)(self.alphas, squares, self.weights + other.weights)


@dataclass(frozen=True)
class Score:
    """The leave-one-out root mean square of one alpha in units; None if nothing was left out."""

    alpha: float
    rmse: float | None


@dataclass(frozen=True)
class Choice:
    """The alpha chosen, the table it was chosen from, and whether it is only the fallback."""

    alpha: float
    scores: tuple[Score, ...]
    fallback: bool


def choose_alpha(*sums: LeaveOneOut, fallback: float = FALLBACK) -> Choice:
    """Choose the alpha with the smallest leave-one-out error.

    Parameters
    ----------
    sums
        Of one chunk or many.
    fallback
        The alpha where no pixel was observed twice, so that nothing can be left out.

    Returns
    -------
    The choice; of equal scores the smaller alpha wins.

    Raises
    ------
    BadInput
        No sums, sums for different alphas, alphas that do not ascend.
    """
    if not sums:
        raise BadInput("no leave-one-out sums: give those of at least one chunk")
    total = reduce(add, sums)
    if any(one >= other for one, other in pairwise(total.alphas)):
        raise BadInput(f"alphas {total.alphas} must ascend and differ")
    if not total.weights:
        return Choice(fallback, tuple(Score(alpha, None) for alpha in total.alphas), fallback=True)
    best = min(range(len(total.alphas)), key=total.squares.__getitem__)
    scores = (
        Score(alpha, sqrt(square * PER_WEIGHT / (PER_SQUARE * total.weights)))
        for alpha, square in zip(total.alphas, total.squares, strict=True)
    )
    return Choice(total.alphas[best], tuple(scores), fallback=False)
