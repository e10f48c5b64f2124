"""Code that wants too much, or what is not its own: it ends, says why, and leaves nothing."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from workbench.openeo.udfs.runtimes import Failed


def test_it_computes_and_prints(runtimes, code):
    text = code("print('seen', given)", "result = [v * 2 for v in given]")
    found = runtimes.run(text, [1, 2.5])
    assert (found.value, found.printed, found.warnings) == ([2, 5.0], "seen [1, 2.5]\n", ())


ENDED = {
    "seconds": ({"seconds": 4.0}, "while True: time.sleep(1)", "4 seconds"),
    "cpu": ({"cpu_seconds": 1.0}, "while True: pass", "1 seconds of the processor"),
    "forks": ({}, "while True: os.fork()", "12 processes|BlockingIOError"),
    "exit": ({}, "os._exit(3)", r"exit code 3"),
    "signal": ({}, "import ctypes; ctypes.string_at(0)", "SIGSEGV"),
    "words": ({}, "while True: print('x' * 65536)", "1 MiB of printed text"),
    "memory": (
        {},
        "import mmap; m = mmap.mmap(-1, 1 << 30); m.write(bytes(1 << 28)); m.write(bytes(1 << 29))",
        "600 MiB of memory|more memory",
    ),
    "files": (
        {"files": 4 << 20},
        "open('a', 'w').write('x' * (8 << 20)); time.sleep(9)",
        "4 MiB of files",
    ),
}


@pytest.mark.parametrize("case", ENDED)
def test_code_that_uses_too_much_is_ended(runtimes, case, code, family):
    limits, line, words = ENDED[case]
    small = replace(runtimes, limits=replace(runtimes.limits, **limits))
    with pytest.raises(Failed) as failed:
        small.run(code("print('before', flush=True)", line), 1)
    small.close()
    assert re.search(words, failed.value.args[0])
    assert "before" in failed.value.printed or case == "words"
    assert family(wait=True) == []


def test_a_copy_of_the_process_does_not_answer(runtimes, code):
    for _ in range(3):
        assert runtimes.run(code("copy = os.fork()", "result = copy > 0"), 1).value is True


def test_memory_that_belongs_to_no_process_is_refused(runtimes, code):
    """It would count for none of them, and segments of System V would outlive all."""
    lines = [
        "import ctypes",
        "kernel = ctypes.CDLL(None, use_errno=True)",
        "result = [kernel.shmget(0, 4096, 0o1600), kernel.msgget(0, 0o1600)]",
        "try: result.append(os.write(os.memfd_create('x'), b'x'))",
        "except PermissionError: result.append(-1)",
    ]
    assert runtimes.run(code(*lines), 1).value == [-1, -1, -1]


RAISED = [
    ("len(bytearray(1 << 30))", "more memory than it may use"),
    ("sys.exit('enough')", r"called sys.exit\('enough'\)"),
    ("open('a', 'w').write('x' * (2 << 20))", "File too large"),
    ("1 / 0", r"ZeroDivisionError: division by zero\nline 7, in run: result = eval"),
    ("{1, 2}", "TypeError: Object of type set is not JSON"),
    ("__import__('absent')", "No module named 'absent'"),
]


def test_errors_are_told_and_the_process_serves_on(runtimes, code, family):
    small = replace(runtimes, limits=replace(runtimes.limits, answer=1 << 20))
    text = code("result = eval(given)")
    for line, words in RAISED:
        with pytest.raises(Failed) as failed:
            small.run(text, line)
        assert re.search(words, failed.value.args[0]), failed.value.args
        count = len(family())
    assert small.run(text, "6 * 7").value == 42
    assert len(family()) == count
    small.close()
    assert family(wait=True) == []
    with pytest.raises(
        Failed, match=r"No UDF found.*apply_datacube\(cube: XarrayDataCube, context: dict\)"
    ):
        small.run("x = 1\n", 1)
    with pytest.raises(Failed, match="SyntaxError"):
        small.run("def run(\n", 1)
    small.close()


def test_what_it_printed_before_is_told(runtimes, code):
    text = code("if given: raise ValueError('bad', print('so far'))", "result = given")
    with pytest.raises(Failed, match="bad") as failed:
        runtimes.run(text, 1)
    assert failed.value.printed == "so far\n"
    assert runtimes.run(text, 0).value == 0, "the process serves the next block"
