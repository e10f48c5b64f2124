"""The networks that turn a tile into a vector: residual convolutions, a mean, a linear map.

Residual blocks as in He, Zhang, Ren and Sun (2016), Deep Residual Learning for Image Recognition;
one cell of the last features stands for 32 x 32 pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from workbench.errors import BadInput

__all__ = ["ARCHITECTURES", "CELL", "Encoder", "Settings", "new_encoder"]

CELL = 32
"""Pixels along a cell of the features."""

ARCHITECTURES: Mapping[str, tuple[int, tuple[int, ...], bool]] = {
    "small": (32, (1, 1, 1, 1), False),
    "resnet18": (64, (2, 2, 2, 2), True),
}
"""Width of the first stage, blocks of each, and whether the head has two layers on mean and max."""

MOST_DIMS = MOST_CHANNELS = 4096


@dataclass(frozen=True)
class Settings:
    """What an encoder takes and gives; it is kept with the weights."""

    channels: tuple[str, ...]
    """Names, in the order in which the network takes them."""
    tile_size: int
    """Pixels along a side of the tiles it was trained on."""
    centre: tuple[float, ...]
    """Of each channel: subtracted from its values."""
    spread: tuple[float, ...]
    """Of each channel: what they are then divided by."""
    limits: tuple[tuple[float, float], ...] | None = None
    """Of each channel: values outside are put on the limit first."""
    arch: Literal["small", "resnet18"] = "small"
    dims: int = 100
    """Length of the vector of a tile."""
    resolution: float | None = None
    """Metres a pixel; None where the tiles do not say it."""
    meta_sha256: str = ""
    training: Mapping[str, Any] = field(default_factory=dict)
    """How it was trained, for the record."""

    def __post_init__(self) -> None:
        if self.arch not in ARCHITECTURES:
            raise BadInput(f"arch is {self.arch!r}: choose one of {', '.join(ARCHITECTURES)}")
        if not 1 <= self.dims <= MOST_DIMS:
            raise BadInput(f"dims is {self.dims}: choose a length from 1 to {MOST_DIMS}")
        if self.tile_size < 8:
            raise BadInput(f"tiles have {self.tile_size} pixels a side: at least 8 are needed")
        n = len(self.channels)
        columns = (self.centre, self.spread, *([self.limits] if self.limits is not None else []))
        if (
            not 1 <= n <= MOST_CHANNELS
            or len(set(self.channels)) != n
            or any(len(column) != n for column in columns)
        ):
            raise BadInput(f"{n} channels need names that differ, and as many scales and limits")
        if not all(map(math.isfinite, self.centre)) or not all(
            0 < s < math.inf for s in self.spread
        ):
            raise BadInput(
                f"centre {self.centre} and spread {self.spread} must be finite, spread > 0"
            )
        if self.limits is not None and not all(low < high for low, high in self.limits):
            raise BadInput(f"limits are {self.limits}: each is a lower and a higher value")

    def normalised(self, values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return (channel, y, x) values as the network takes them: NaN becomes 0, the centre."""
        found = np.asarray(values, np.float32)
        if self.limits is not None:
            low, high = np.asarray(self.limits, np.float32).T[:, :, None, None]
            found = np.clip(found, low, high)  # NaN stays
        found = found - np.asarray(self.centre, np.float32)[:, None, None]
        found /= np.asarray(self.spread, np.float32)[:, None, None]
        return np.nan_to_num(found, copy=False, nan=0.0, posinf=0.0, neginf=0.0)


class _Block(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.way = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.way(x) + self.shortcut(x))


class Encoder(nn.Module):
    """A network with its settings; `new_encoder` makes one with a seed."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        width, blocks, self.two_pools = ARCHITECTURES[settings.arch]
        widths = [width * 2**stage for stage in range(len(blocks))]
        self.trunk = nn.Sequential(
            nn.Conv2d(len(settings.channels), width, 7, 2, 3, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, 1),
            *(_Block(width, width, 1) for _ in range(blocks[0])),
        )
        for (inputs, outputs), count in zip(pairwise(widths), blocks[1:], strict=True):
            self.trunk.append(_Block(inputs, outputs, 2))
            self.trunk.extend(_Block(outputs, outputs, 1) for _ in range(count - 1))
        self.head: nn.Module = nn.Linear(widths[-1], settings.dims)
        if self.two_pools:
            self.head = nn.Sequential(
                nn.BatchNorm1d(2 * widths[-1]),
                nn.Dropout(0.25),
                nn.Linear(2 * widths[-1], 512),
                nn.ReLU(),
                nn.BatchNorm1d(512),
                nn.Dropout(0.5),
                nn.Linear(512, settings.dims),
            )

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return next(self.parameters()).device

    def forward(self, tiles: Tensor) -> Tensor:
        """Return (tile, dim) vectors of normalised tiles (tile, channel, y, x)."""
        features = self.trunk(tiles)
        cells = (features.shape[-2], features.shape[-1])
        return self.vectors(features, cells, 1)[..., 0, 0]

    def vectors(self, features: Tensor, cells: tuple[int, int], step: int) -> Tensor:
        """Return the vectors (tile, dim, row, column) of windows of features.

        Parameters
        ----------
        features
            (tile, feature, y, x) from the trunk.
        cells
            Height and width of a window.
        step
            Cells between windows.
        """
        pooled = nn.functional.avg_pool2d(features, cells, step)
        if self.two_pools:
            pooled = torch.cat([nn.functional.max_pool2d(features, cells, step), pooled], 1)
        n, length, rows, columns = pooled.shape
        found: Tensor = self.head(pooled.permute(0, 2, 3, 1).reshape(-1, length))
        return found.reshape(n, rows, columns, -1).permute(0, 3, 1, 2)


def new_encoder(settings: Settings, seed: int = 0) -> Encoder:
    """Return an untrained encoder; the random numbers of the process are left as they were."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Encoder(settings)
