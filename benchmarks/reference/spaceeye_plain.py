"""Damped interpolation the plain way: a dense daily cube and a dense inverse, until it is calm.

How one would write the published iteration down first (arXiv 2106.08408): every day of the window
is a layer, filled with the clear-time mean where nothing is seen; ``X <- W (M S + (1 - M) X)`` with
``W = (I + alpha D^T D)^-1``; every fifth step the mean change over the whole chip decides whether
to stop. Not converged for gaps of more than a few days.
"""

from __future__ import annotations

import torch


def smoother(days: int, alpha: float) -> torch.Tensor:
    """Give W, (days, days) float32."""
    difference = torch.diff(torch.eye(days, dtype=torch.float64), dim=0)
    normal = torch.eye(days, dtype=torch.float64) + alpha * difference.T @ difference
    return torch.linalg.inv(normal).to(torch.float32)


def iterate(
    observed: torch.Tensor,
    mask: torch.Tensor,
    alpha: float = 0.1,
    tolerance: float = 1e-3,
    max_iterations: int = 200,
    check_interval: int = 5,
) -> tuple[torch.Tensor, int]:
    """Interpolate a chip.

    Parameters
    ----------
    observed
        (bands, days, pixels) float32 reflectance.
    mask
        (days, pixels) float32, 1 where clear.

    Returns
    -------
    (bands, days, pixels) float32 and the number of iterations.
    """
    matrix = smoother(observed.shape[1], alpha)
    seen = mask * observed
    hidden = 1 - mask
    mean = seen.sum(dim=1, keepdim=True) / (mask.sum(dim=0) + 1e-6)
    current = seen + hidden * mean
    done = 0
    for iteration in range(max_iterations):
        new = torch.matmul(matrix, seen + hidden * current)
        done = iteration + 1
        calm = False
        if iteration % check_interval == 0:
            change = (new - current).abs().mean() / (new.abs().mean() + 1e-6)
            calm = bool(change < tolerance)
        current = new
        if calm:
            break
    return current, done
