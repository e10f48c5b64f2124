"""Encoders in files: weights and settings, never objects.

A file of torch (a ZIP) with three entries: the settings as JSON, the weights by name, and the
SHA-256 of both. It is read with ``weights_only=True``, so nothing in it can run.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tiling.scenes.embedding.networks import Encoder, Settings, new_encoder
from tiling.scenes.errors import UnusableInput
from workbench.errors import BadInput
from workbench.files import atomic_path
from workbench.plain import canonical, plain

__all__ = ["load_encoder", "model_sha256", "save_encoder"]

_FORMAT = "tiling.scenes encoder 1"


def model_sha256(encoder: Encoder) -> str:
    """Return the SHA-256 of an encoder: of its settings and of the bytes of all its weights."""
    digest = hashlib.sha256(_settings_text(encoder.settings).encode())
    for name, tensor in sorted(encoder.state_dict().items()):
        values = np.ascontiguousarray(tensor.detach().cpu().numpy())
        digest.update(f"{name} {values.dtype.str} {values.shape}".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def save_encoder(
    encoder: Encoder, path: str | os.PathLike[str], *, overwrite: bool = False
) -> Path:
    """Write an encoder to a file.

    Raises
    ------
    OutputExists
        If `path` exists and `overwrite` is false.
    DiskFull, NotWritten
        If it could not be written, or what was written cannot be read back.
    """
    path = Path(path)
    content = {
        "format": _FORMAT,
        "settings": _settings_text(encoder.settings),
        "state_dict": {name: t.detach().cpu() for name, t in encoder.state_dict().items()},
        "sha256": model_sha256(encoder),
    }
    with atomic_path(path, overwrite=overwrite, check=load_encoder) as temporary:
        torch.save(content, temporary)
    return path


def load_encoder(path: str | os.PathLike[str]) -> Encoder:
    """Read an encoder that `save_encoder` wrote, ready to be used (in evaluation mode).

    Raises
    ------
    UnusableInput
        E093: the file is missing, cut off, changed, of another program, or holds objects.
    """
    path = Path(path)
    content = _content(path)
    try:
        settings = _settings(json.loads(content["settings"]))
        encoder = new_encoder(settings)
        encoder.load_state_dict(content["state_dict"])
    except (BadInput, KeyError, RuntimeError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:300]
        raise _unusable(path, f"settings and weights do not fit ({reason})") from error
    if content.get("sha256") != model_sha256(encoder):
        raise _unusable(path, "weights or settings were changed after it was written")
    return encoder.eval()


def _content(path: Path) -> dict[str, Any]:
    """Return what is in the file; only names, texts, numbers and tensors are let in."""
    if not path.is_file():
        raise _unusable(path, "there is no such file")
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
        # a program of TorchScript would be run by older versions, weights_only or not
        if any(Path(name).name == "constants.pkl" for name in names):
            raise _unusable(path, "it holds a program, not weights")
        found = torch.load(path, map_location="cpu", weights_only=True)
    except UnusableInput:
        raise
    except Exception as error:  # whatever torch makes of the file
        reason = " ".join(str(error).split())[:200]
        raise _unusable(
            path, f"it is cut off, or not a file of weights alone; pickled models are refused "
            f"({reason})"
        ) from error  # fmt: skip
    if not isinstance(found, dict) or found.get("format") != _FORMAT:
        raise _unusable(path, "it is of another program")
    return found


def _settings_text(settings: Settings) -> str:
    return canonical(plain(asdict(settings)))


def _settings(found: dict[str, Any]) -> Settings:
    """Return settings from JSON, lists as tuples; names that are unknown are a TypeError."""
    unknown = set(found) - {f.name for f in fields(Settings)}
    if unknown:
        raise TypeError(f"unknown settings {', '.join(sorted(unknown))}")
    for name in ("channels", "centre", "spread"):
        found[name] = tuple(found[name])
    if found.get("limits") is not None:
        found["limits"] = tuple((float(low), float(high)) for low, high in found["limits"])
    return Settings(**found)


def _unusable(path: Path, reason: str) -> UnusableInput:
    return UnusableInput("E093", f"{path} is no encoder: {reason}; train one, or name another file")
