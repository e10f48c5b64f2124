"""What training makes small, on vectors (tile, dim) of anchors, neighbours and distant tiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

__all__ = ["LOSSES", "right", "triplet_loss", "vicreg_loss"]


def triplet_loss(
    anchors: Tensor, neighbours: Tensor, distants: Tensor, margin: float = 1.0
) -> Tensor:
    """Return the mean of what neighbours are too far and distant tiles too near.

    References
    ----------
    Jean et al. (2019), Tile2Vec: Unsupervised Representation Learning for Spatially Distributed
    Data, equation 1, with squared distances.
    """
    near = (anchors - neighbours).square().sum(1)
    far = (anchors - distants).square().sum(1)
    return torch.relu(near - far + margin).mean()


def vicreg_loss(anchors: Tensor, neighbours: Tensor, distants: Tensor) -> Tensor:
    """Return the loss that keeps anchors near neighbours, and vectors spread and not redundant.

    Distant tiles count in the spread alone. Weights 25, 25 and 1, scaled as its authors do in code.

    References
    ----------
    Bardes, Ponce and LeCun (2022), VICReg: Variance-Invariance-Covariance Regularization,
    equations 1 to 6.
    """
    alike = (anchors - neighbours).square().mean()
    spread, redundant = anchors.new_zeros(()), anchors.new_zeros(())
    for vectors in (torch.cat([anchors, distants]), torch.cat([neighbours, distants])):
        centred = vectors - vectors.mean(0)
        n, dims = vectors.shape
        spread = spread + torch.relu(1 - (centred.square().sum(0) / (n - 1) + 1e-4).sqrt()).mean()
        covariance = centred.T @ centred / (n - 1)
        off = covariance.square().sum() - covariance.diagonal().square().sum()
        redundant = redundant + off / dims
    return 25 * alike + 25 * spread / 2 + redundant


def right(anchors: Tensor, neighbours: Tensor, distants: Tensor) -> Tensor:
    """Tell of each triplet whether its neighbour is nearer to the anchor than its distant tile."""
    near = (anchors - neighbours).square().sum(1)
    return near < (anchors - distants).square().sum(1)


LOSSES: Mapping[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "triplet": triplet_loss,
    "vicreg": vicreg_loss,
}
