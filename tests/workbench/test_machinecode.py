from __future__ import annotations

import math
import os
import subprocess
import sys

from workbench.machinecode import compiled

MODULE = """
from workbench.machinecode import compiled

@compiled
def half(x):
    return x / 2

half(3.0)
print(sum(half.stats.cache_hits.values()), sum(half.stats.cache_misses.values()))
"""


def test_the_second_process_does_not_compile(tmp_path):
    file = tmp_path / "loops.py"
    file.write_text(MODULE)
    command = [sys.executable, str(file)]
    found = [
        subprocess.run(
            command, env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}, capture_output=True,
            text=True, check=True,
        ).stdout
        for _ in range(2)
    ]  # fmt: skip
    assert found == ["0 1\n", "1 0\n"]


def test_a_function_that_cannot_be_cached_is_compiled():
    names = {}
    exec("def inverse(x): return 1 / x", names)
    inverse = compiled(names["inverse"])
    assert inverse(0.0) == math.inf
    assert inverse.signatures
