"""What is missing is a skip, and a failure where everything is required."""

from __future__ import annotations

import pytest


def test_what_is_there_passes(require):
    require("slurm", True, "unused")


def test_what_is_missing_skips(require, monkeypatch):
    monkeypatch.delenv("WORKBENCH_REQUIRE", raising=False)
    with pytest.raises(pytest.skip.Exception, match="slurm: no slurmctld"):
        require("slurm", False, "no slurmctld")


def test_what_is_missing_fails_where_all_is_required(require, monkeypatch):
    monkeypatch.setenv("WORKBENCH_REQUIRE", "all")
    with pytest.raises(pytest.fail.Exception, match="slurm is required"):
        require("slurm", None, "no slurmctld")
