"""The shipped sample, written once for all tests of EFAST."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def efast_sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped sample; copy before changing anything."""
    from efast.sample import write_sample

    folder = tmp_path_factory.mktemp("efast") / "sample"
    write_sample(folder)
    return folder
