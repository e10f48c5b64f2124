"""Code of users, and a runtime with small limits."""

from __future__ import annotations

import sys
import time

import psutil
import pytest

from workbench.openeo.udfs import Limits, Runtimes

FRAME = """
import os, sys, subprocess, time
from openeo.udf import UdfData, StructuredData
def run(data: UdfData):
    given = data.get_structured_data_list()[0].data
    result = None
{body}
    data.set_structured_data_list([StructuredData(result)])
"""


@pytest.fixture(scope="session")
def code():
    """`code(*lines)`: a function of the client's runtime that makes `result` of `given`."""
    return lambda *lines: FRAME.format(body="\n".join(f"    {line}" for line in lines))


@pytest.fixture
def runtimes(require):
    require("Linux", sys.platform == "linux", "code of users is confined on Linux only")
    found = Runtimes(
        Limits(seconds=20, cpu_seconds=20, memory=600 << 20, processes=12, printed=1 << 20)
    )
    yield found
    found.close()


@pytest.fixture
def family():
    """`family()`: the processes below this one that are alive, when all that end have ended."""

    def alive():
        children = psutil.Process().children(recursive=True)
        return [c for c in children if c.is_running() and c.status() != psutil.STATUS_ZOMBIE]

    before = set(alive())

    def found(wait=False):
        for _ in range(300 if wait else 1):
            if not (left := set(alive()) - before):
                return []
            time.sleep(0.1 if wait else 0)
        return sorted(left, key=lambda child: child.pid)

    return found
