from __future__ import annotations

import pytest

import workbench
from workbench.errors import NoCluster

pytestmark = pytest.mark.cluster


def test_missing_workers_are_counted(client, no_address):
    with pytest.raises(NoCluster, match=r"2 of 3 workers arrived within 0.2 s .* `dask worker tcp"):
        workbench.connect(address=client.scheduler.address, wait_for=3, timeout="200ms")
    workbench.connect(address=client.scheduler.address, wait_for=0).close()
