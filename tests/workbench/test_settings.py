from __future__ import annotations

import os
import subprocess
import sys

import dask

from workbench.settings import DEFAULTS, setting


def test_the_environment_and_a_file_set_the_kind(tmp_path):
    (tmp_path / "site.yaml").write_text("workbench: {cluster: {jobs: 9, kind: existing}}")
    script = "import dask, workbench.clusters; print(dask.config.get('workbench.cluster'))"
    environment = {
        **os.environ,
        "DASK_CONFIG": str(tmp_path),
        "DASK_WORKBENCH__CLUSTER__KIND": "local",
    }
    command = [sys.executable, "-c", script]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "'kind': 'local'" in found.stdout
    assert "'jobs': 9" in found.stdout
    assert "'wait-for': 1" in found.stdout


def test_a_setting_is_known_by_its_name():
    assert setting("cluster.kind") == "local"
    assert setting("submit")["memory"] == "4GB"
    with dask.config.set({"workbench.cluster.kind": "slurm"}):
        assert setting("cluster.kind") == "slurm"


def test_the_defaults_are_there_where_clusters_are():
    assert set(DEFAULTS["workbench"]) == {"cluster", "submit"}
    assert dask.config.get("workbench.submit.cores") == 1
