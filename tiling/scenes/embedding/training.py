"""Training of an encoder on triplets, always beside an untrained one.

With one build of torch, one number of threads and one seed, a training on the CPU is repeated to
the last bit; another number of threads adds in another order, which grows over the steps to other
weights of about the same worth.
"""

from __future__ import annotations

import copy
import logging
import math
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.optim.lr_scheduler import OneCycleLR

from tiling.scenes.embedding.checkpoints import save_encoder
from tiling.scenes.embedding.inference import evaluating
from tiling.scenes.embedding.losses import LOSSES, right
from tiling.scenes.embedding.networks import Encoder, Settings, new_encoder
from tiling.scenes.embedding.tiledata import TripletTiles
from tiling.scenes.errors import SceneError
from workbench.errors import BadInput
from workbench.progress import progress

__all__ = ["Epoch", "Training", "check_options", "train", "triplet_accuracy"]

logger = logging.getLogger(__name__)

_SETTLING = 10  # batches that give an untrained network its means and variances


class Epoch(NamedTuple):
    """One pass over the training triplets."""

    loss: float
    """Mean over the pass, on augmented tiles."""
    accuracy: float
    """Of validation triplets, NaN where there are none."""


@dataclass(frozen=True)
class Training:
    """What a training led to."""

    encoder: Encoder
    """As after the best epoch: of highest accuracy, then of lowest loss."""
    untrained: float
    """Accuracy on the validation triplets before the first step; NaN where there are none."""
    epochs: tuple[Epoch, ...]
    triplets: int
    validation_triplets: int
    validation_scenes: tuple[str, ...]
    reason: str = ""
    """Why there is no validation; empty where there is."""

    @property
    def accuracy(self) -> float:
        """Share of validation triplets whose neighbour is nearer than their distant tile."""
        return max(self.epochs, key=_rank).accuracy

    def __str__(self) -> str:
        if self.reason:
            return f"trained on {self.triplets} triplets; accuracy not known: {self.reason}"
        return (
            f"validation accuracy {self.accuracy:.3f} (untrained {self.untrained:.3f}) on "
            f"{self.validation_triplets} triplets of {len(self.validation_scenes)} scenes apart, "
            f"best of {len(self.epochs)} epochs by that accuracy"
        )


def train(
    tiles: TripletTiles | str | os.PathLike[str],
    *,
    arch: Literal["small", "resnet18"] = "small",
    dims: int = 100,
    max_epochs: int = 10,
    batch_size: int = 24,
    learning_rate: float = 1e-3,
    weight_decay: float = 0.01,
    loss: Literal["triplet", "vicreg"] = "triplet",
    one_cycle: bool = False,
    augment: bool = True,
    validation_share: float = 0.1,
    validation: TripletTiles | str | os.PathLike[str] | None = None,
    limits: tuple[tuple[float, float], ...] | None = None,
    seed: int = 0,
    threads: int | None = None,
    device: str = "cpu",
    meta_sha256: str = "",
    save_to: str | os.PathLike[str] | None = None,
) -> Training:
    """Train an encoder so that neighbours come to lie nearer than distant tiles.

    Parameters
    ----------
    tiles
        Triplets, or the folder or store of a collection.
    max_epochs, batch_size
        Passes over the triplets, and triplets a step.
    learning_rate, weight_decay
        Of AdamW; with `one_cycle` the rate rises to that value and falls.
    validation_share
        Of the scenes: their triplets are not trained on.
    validation
        Triplets to validate on instead, or the folder or store of their collection. Scenes that
        are minutes apart show the same clouds: a collection with days of its own is the stricter
        test.
    limits
        Of each channel, instead of mean and deviation of the training tiles.
    threads
        Of torch, for results that do not depend on the machine's number of cores.
    meta_sha256
        Of the `meta.yaml` that the tiles come from, kept with the weights.
    save_to
        File that holds the best encoder so far, after each epoch that improves on it.

    Returns
    -------
    Training
        With the accuracy of the untrained network, which is no low bar.

    Raises
    ------
    BadInput
        If a number is out of range, or the triplets to validate on have other channels or sizes.
    SceneError
        E095: the loss is no longer finite.
    UnusableInput
        E092: a tile cannot be read.
    """
    check_options(max_epochs, batch_size, learning_rate, threads, loss)
    tiles = tiles if isinstance(tiles, TripletTiles) else TripletTiles(tiles)
    if validation is None:
        kept, held = tiles.split(validation_share, seed)
    else:
        kept, held = tiles, _comparable(validation, tiles)
    record = {"seed": seed, "batch_size": batch_size, "learning_rate": learning_rate,
              "weight_decay": weight_decay, "loss": loss, "one_cycle": one_cycle,
              "augment": augment,
              "validation_share": validation_share if validation is None else None,
              "torch": torch.__version__}  # fmt: skip
    centre, spread = _scales(kept, limits)
    settings = Settings(tiles.channels, tiles.size, centre, spread, limits, arch, dims,
                        tiles.resolution, meta_sha256, record)  # fmt: skip
    epochs: list[Epoch] = []
    with _seeded(seed, threads):
        encoder = new_encoder(settings, seed).to(device)
        _settle(encoder, kept.prepared(settings), batch_size)
        untrained = triplet_accuracy(encoder, held, batch_size=batch_size) if held else math.nan
        optimiser = torch.optim.AdamW(
            encoder.parameters(), learning_rate, weight_decay=weight_decay
        )
        steps = max_epochs * math.ceil(len(kept) / batch_size)
        schedule = OneCycleLR(optimiser, learning_rate, steps) if one_cycle else None
        ready = kept.prepared(settings, seed if augment else None)
        for epoch in progress(range(max_epochs), label="training", unit="epochs"):
            ready.epoch = epoch
            order = np.random.default_rng([seed, epoch]).permutation(len(ready))
            batches = _batches(ready, order, batch_size)
            mean = _pass(encoder, batches, LOSSES[loss], optimiser, schedule) / len(ready)
            accuracy = triplet_accuracy(encoder, held, batch_size=batch_size) if held else math.nan
            epochs.append(Epoch(mean, accuracy))
            logger.info("epoch %d: loss %.4f, validation accuracy %.3f (untrained %.3f)",
                        epoch + 1, mean, accuracy, untrained)  # fmt: skip
            if max(epochs, key=_rank) is epochs[-1]:
                how = {**record, "epoch": epoch + 1, "accuracy": accuracy, "untrained": untrained}
                best = _snapshot(encoder, replace(settings, training=how))
                if save_to is not None:
                    save_encoder(best, save_to, overwrite=True)
    found = Training(
        best, untrained, tuple(epochs), len(kept), len(held or ()), held.scenes if held else (),
        "" if held else _why_not(validation_share, len(tiles.scenes)),
    )  # fmt: skip
    logger.info("%s", found)
    return found


def triplet_accuracy(encoder: Encoder, tiles: TripletTiles, *, batch_size: int = 24) -> float:
    """Return the share of triplets whose neighbour is nearer to the anchor than the distant tile.

    It is worked out where the encoder is, on tiles as they are.
    """
    batches = _batches(tiles.prepared(encoder.settings), np.arange(len(tiles)), batch_size)
    with evaluating(encoder):
        found = [right(*_vectors(encoder, batch)).cpu() for batch in batches]
    return float(torch.cat(found).double().mean())


def _pass(
    encoder: Encoder,
    batches: Iterable[Tensor],
    loss: Callable[[Tensor, Tensor, Tensor], Tensor],
    optimiser: torch.optim.Optimizer,
    schedule: OneCycleLR | None,
) -> float:
    """Train on all batches and return the sum of the losses of their triplets."""
    total = 0.0
    encoder.train()
    for batch in batches:
        optimiser.zero_grad()
        value = loss(*_vectors(encoder, batch))
        value.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if schedule is not None:
            schedule.step()
        total += float(value.detach()) * len(batch)
    if not math.isfinite(total):
        raise SceneError("E095", "the loss is no longer finite: lower the learning rate")
    return total


def _snapshot(encoder: Encoder, settings: Settings) -> Encoder:
    found = copy.deepcopy(encoder).cpu().eval()
    found.settings = settings
    return found


def _rank(epoch: Epoch) -> tuple[float, float]:
    return (0.0 if math.isnan(epoch.accuracy) else epoch.accuracy, -epoch.loss)


def _why_not(share: float, scenes: int) -> str:
    if not share:
        return "no validation was asked for"
    return f"{scenes} scenes cannot be split into two parts with triplets of their own"


def check_options(
    max_epochs: int,
    batch_size: int,
    learning_rate: float = 1e-3,
    threads: int | None = None,
    loss: str = "triplet",
) -> None:
    """Refuse what `train` cannot work with, before there are tiles to train on."""
    least = min(max_epochs, batch_size - 1, 1 if threads is None else threads)
    if least < 1 or not 0 < learning_rate < math.inf:
        raise BadInput(
            f"max_epochs is {max_epochs}, batch_size {batch_size}, learning_rate {learning_rate}, "
            f"threads {threads}: 1 epoch, 2 triplets a step, 1 thread and a rate above 0 are the "
            "least"
        )
    if loss not in LOSSES:
        raise BadInput(f"loss is {loss!r}: choose one of {', '.join(LOSSES)}")


def _comparable(
    validation: TripletTiles | str | os.PathLike[str], tiles: TripletTiles
) -> TripletTiles:
    """Return triplets to validate on; say so where they are of scenes that are trained on."""
    held = validation if isinstance(validation, TripletTiles) else TripletTiles(validation)
    if (held.channels, held.size) != (tiles.channels, tiles.size):
        raise BadInput(
            f"tiles to validate on have {held.channels} and {held.size} pixels a side, those to "
            f"train on {tiles.channels} and {tiles.size}: make both with one meta.yaml"
        )
    if shared := set(held.scenes) & set(tiles.scenes):
        logger.warning("%d scenes to validate on are trained on too", len(shared))
    return held


def _scales(
    tiles: TripletTiles, limits: tuple[tuple[float, float], ...] | None
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return centre and spread: of the tiles, or so that limits become -2 and 2."""
    if limits is None:
        return tiles.scales()
    return tuple((a + b) / 2 for a, b in limits), tuple((b - a) / 4 for a, b in limits)


def _batches(tiles: TripletTiles, order: Any, batch_size: int) -> Iterator[Tensor]:
    """Yield (triplet, 3, channel, y, x); a last triplet alone joins the batch before."""
    starts = list(range(0, len(order), batch_size))
    if len(starts) > 1 and len(order) - starts[-1] == 1:
        starts.pop()
    for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
        yield torch.stack([tiles[int(k)] for k in order[start:end]])


def _vectors(encoder: Encoder, batch: Tensor) -> Tensor:
    """Return the vectors (3, triplet, dim) of a batch of triplets, which go through together."""
    found: Tensor = encoder(batch.flatten(0, 1).to(encoder.device))
    return found.reshape(*batch.shape[:2], -1).transpose(0, 1)


def _settle(encoder: Encoder, tiles: TripletTiles, batch_size: int) -> None:
    """Give an untrained network means and variances of real tiles, as a fair baseline has."""
    encoder.train()
    with torch.no_grad():
        for batch in islice(_batches(tiles, np.arange(len(tiles)), batch_size), _SETTLING):
            _vectors(encoder, batch)


@contextmanager
def _seeded(seed: int, threads: int | None) -> Iterator[None]:
    """Seed torch for a block, and set its threads; both are put back."""
    before = torch.get_num_threads()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        torch.set_num_threads(threads or before)
        try:
            yield
        finally:
            torch.set_num_threads(before)
