"""Curves of a training, beside what an untrained network does."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from workbench.figures import BLUE, GREY, ORANGE, light_grid, open_frame, panels, titled

if TYPE_CHECKING:
    from tiling.scenes.embedding.training import Training

__all__ = ["training_curves"]


def training_curves(training: Training, *, note: str = "") -> Any:
    """Show loss and accuracy of each epoch.

    Parameters
    ----------
    training
        As `tiling.scenes.embedding.training.train` returns it.
    note
        Added to the title in brackets, such as "simulated".

    Returns
    -------
    matplotlib.figure.Figure
        Accuracy with bars of one standard error, which the number of validation triplets gives; the
        untrained network as epoch 0 and as a line. The panel says why, where there is none.
    """
    from matplotlib.ticker import MaxNLocator

    figure, (left, right) = panels(1, 2, size=(11, 4.4))
    numbers = range(1, len(training.epochs) + 1)
    left.plot(numbers, [epoch.loss for epoch in training.epochs], "o-", color=BLUE)
    left.set(
        xlabel="epoch", ylabel="triplet loss", ylim=(0, None),
        title=f"loss on {training.triplets} augmented training triplets",
    )  # fmt: skip
    if training.reason:
        right.text(0.5, 0.5, training.reason, ha="center", va="center", wrap=True)
        right.set_axis_off()
    else:
        _accuracy(right, training)
        right.xaxis.set_major_locator(MaxNLocator(integer=True))
        light_grid(right)
    left.xaxis.set_major_locator(MaxNLocator(integer=True))
    light_grid(left)
    open_frame(left, right)
    figure.suptitle(titled("Training", note))
    return figure


def _accuracy(axis: Any, training: Training) -> None:
    shares = [training.untrained, *(epoch.accuracy for epoch in training.epochs)]
    count = training.validation_triplets
    errors = [math.sqrt(share * (1 - share) / count) for share in shares]
    numbers = list(range(len(shares)))
    axis.axhline(
        training.untrained, color=GREY, ls="--", label=f"untrained: {training.untrained:.2f}"
    )
    axis.axhline(0.5, color=GREY, ls=":", label="guessing: 0.50")
    axis.errorbar(
        numbers, shares, errors, color=ORANGE, marker="o", capsize=3,
        label=f"trained, best: {training.accuracy:.2f}",
    )  # fmt: skip
    scenes = len(training.validation_scenes)
    axis.set(
        xlabel="epoch (0: untrained)", ylabel="neighbour nearer than distant tile (share)",
        ylim=(min(0.45, min(shares) - 0.05), 1.02),
        title=f"accuracy on {count} triplets of {scenes} other scenes",
    )  # fmt: skip
    axis.legend(loc="lower right", fontsize=9)
