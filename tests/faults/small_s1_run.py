"""Run as a script: small runs of Sentinel-1 that are killed on the way, or whose disk is full.

``python small_s1_run.py SAMPLE OUT killed [N ...]``: for each N a run that is killed when its N-th
file is finished, or if N is negative, when half of it was written; each is then gone on with.
``python small_s1_run.py SAMPLE OUT full LIMIT [N ...]``: for each N a run on a disk that is full
when it begins its N-th file, so that no file grows beyond LIMIT bytes; each is then done again.

Without N, all files. Prints a line of JSON for each. One process prepares, those that are killed
are made from it: so the compiled loops are there, and a run takes a second.
"""

from __future__ import annotations

import itertools
import json
import os
import resource
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

RESOLUTION = 200.0
TELLS_OF_RUNS = ("summary.json", ".run.lock")
EVERYTHING = {
    "calibration_type": "normlim",
    "produce_lia_map": True,
    "filter": "lee",
    "filter_options": {"rad": 2, "nblooks": 4.4},
    "keep_non_filtered_products": True,
    "generate_quicklook": True,
    "stac": True,
}
"""Options with which a run writes files of each kind: images, maps, tiles, what is beside them."""


def sample(folder: Path) -> Path:
    """Write a smaller sample: two passes of two products, 4 by 8 km over one cell of heights."""
    from tiling.sentinel1.sample import wholesamples

    whole = wholesamples.SMALL, wholesamples.CELLS
    wholesamples.SMALL = replace(
        whole[0], lines=801, samples=600, overlap=201, near_range=878_000.0
    )
    wholesamples.CELLS = whole[1][-1:]
    try:
        wholesamples.write_sample(folder, dates=2)
    finally:
        wholesamples.SMALL, wholesamples.CELLS = whole
    return folder


def configuration(of: Path, out: Path, **changes: Any) -> Any:
    """Return the configuration of the sample, with coarse pixels, into a folder, of one image."""
    from tiling.sentinel1.configuration.configuration import Configuration

    found = Configuration(of / "S1Processor.cfg", do_show_configuration=False)
    usual = {
        "output_preprocess": out / "out",
        "lia_directory": out / "out" / "_LIA",
        "gamma_area_directory": out / "out" / "_GAMMA_AREA",
        "ia_directory": out / "out" / "_IA",
        "eof_directory": out / "out" / "_EOF",
        "tmpdir": out / "tmp",
        "last_date": found.first_date,
        "polarisation": "VV",
        "out_spatial_res": RESOLUTION,
        "produce_lia_map": False,
    }
    for name, value in {**usual, **changes}.items():
        setattr(found, name, value)
    return found


def run(of: Path, out: Path, *, client: Any = None, options: Any = None, **changes: Any) -> Any:
    """Carry out a run, serially unless there is a client."""
    from tiling.sentinel1 import s1_process

    cfg = configuration(of, out, **changes)
    return s1_process(cfg, debug_otb=client is None, client=client, **(options or {}))


def run_everything(of: Path, out: Path, **more: Any) -> Any:
    """Carry out a run that writes files of each kind."""
    return run(of, out, options={"cache_before_ortho": True}, **{**EVERYTHING, **more})


def files(out: Path) -> list[Path]:
    """Return the files of a run under their own names, but those that tell of the run itself."""
    return [
        path
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name not in TELLS_OF_RUNS and path.name[:6] != ".part-"
    ]


def digests(out: Path) -> dict[str, str]:
    """Return what each file holds; of rasters, which tell when they were made, all the rest."""
    return {
        path.relative_to(out).as_posix(): sha256(_content(path, out)).hexdigest()
        for path in files(out)
    }


def _content(path: Path, out: Path) -> bytes:
    if path.suffix in (".tif", ".tiff"):
        import rasterio

        with rasterio.open(path) as file:
            tags = {name: tag for name, tag in file.tags().items() if name != "TIFFTAG_DATETIME"}
            return repr((sorted(tags.items()), file.profile)).encode() + file.read().tobytes()
    if path.suffix == ".json":
        told = json.loads(path.read_text("utf-8"))
        for times in (told, told.get("properties", {})):
            times.pop("created", None)
        return json.dumps(told).replace(str(out), "").encode()
    return path.read_bytes()


def torn(out: Path) -> list[str]:
    """Return what stands under its own name and cannot be read to its end."""
    found = []
    for path in files(out):
        try:
            _content(path, out)
            if path.suffix == ".png":
                import matplotlib.image

                matplotlib.image.imread(path)
        except Exception as reason:
            found.append(f"{path}: {reason}")
    return found


def hidden(out: Path) -> list[str]:
    """Return what runs leave behind that are killed."""
    names = (".part-*", ".run.lock*", ".probe-*")
    return sorted(str(path) for name in names for path in out.rglob(name))


def die_at_a_file(number: int) -> None:
    """Let this process be killed when it finishes so many files, or half of the last."""
    fsync, seen = os.fsync, itertools.count(1)

    def killing(file: int) -> None:
        fsync(file)
        if next(seen) == abs(number):
            if number < 0:
                path = Path(f"/proc/self/fd/{file}").readlink()
                os.truncate(path, path.stat().st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)

    os.fsync = killing


@contextmanager
def counted() -> Iterator[list[str]]:
    """Yield the names of the files that are begun, and then those that were finished."""
    import workbench.files

    fsync, name_of = os.fsync, workbench.files._temporary_name
    begun: list[str] = []
    finished: list[int] = []

    def finishing(file: int) -> None:
        fsync(file)
        finished.append(file)

    def beginning(name: str) -> str:
        begun.append(name)
        return name_of(name)

    os.fsync, workbench.files._temporary_name = finishing, beginning
    try:
        yield begun
    finally:
        os.fsync, workbench.files._temporary_name = fsync, name_of
        begun.append(str(len(finished)))


@contextmanager
def full_at(number: int, limit: int) -> Iterator[None]:
    """Let no file grow beyond a limit when so many have been begun."""
    import workbench.files

    name_of, seen = workbench.files._temporary_name, itertools.count(1)
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limited(name: str) -> str:
        if next(seen) == number:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most))
        return name_of(name)

    workbench.files._temporary_name = limited
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        workbench.files._temporary_name = name_of


def made_twice(out: Path, before: dict[Path, int]) -> list[str]:
    """Return the finished files that are other ones than before, records of decisions left out."""
    return [
        str(path)
        for path, at in before.items()
        if path.suffix != ".json" and (not path.exists() or path.stat().st_mtime_ns != at)
    ]


def times(out: Path) -> dict[Path, int]:
    """Return when each file was written."""
    return {path: path.stat().st_mtime_ns for path in files(out)}


def say(**told: Any) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def try_kills(of: Path, out: Path, numbers: list[int]) -> None:
    """Kill a run at its files, look at what stands, and go on with it."""
    whole = out / "whole"
    with counted() as names:
        run_everything(of, whole)
    expected, count = digests(whole), int(names[-1])
    for number in numbers or [sign * n for n in range(1, count + 1) for sign in (1, -1)]:
        place = out / str(number)
        child = os.fork()
        if not child:
            die_at_a_file(number)
            run_everything(of, place)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        found, before = torn(place), times(place)
        run_everything(of, place)
        say(
            number=number, signal=os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, torn=found,
            stood=len(before), twice=made_twice(place, before),
            differs=sorted({name for name, _ in expected.items() ^ digests(place).items()}),
            left=hidden(place),
        )  # fmt: skip
        shutil.rmtree(place)


def try_full_disks(of: Path, out: Path, limit: int, numbers: list[int]) -> None:
    """Write on a disk that is full from a file on, look at what is left, and write again."""
    from tiling.sentinel1.situation import exit_code

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    whole = out / "whole"
    with counted() as names:
        run_everything(of, whole)
    expected = digests(whole)
    for number in numbers or range(1, len(names)):
        place = out / str(number)
        error, code = None, 0
        try:
            with full_at(number, limit):
                run_everything(of, place)
        except Exception as reason:
            error = f"{type(reason).__name__}: {reason}"
            code = int(exit_code(reason, output=place / "out", tmp=place / "tmp"))
        found, before, left = torn(place), times(place), hidden(place)
        run_everything(of, place)
        say(
            number=number, name=names[number - 1], error=error, code=code, torn=found, left=left,
            twice=made_twice(place, before),
            differs=sorted({name for name, _ in expected.items() ^ digests(place).items()}),
        )  # fmt: skip
        shutil.rmtree(place)


if __name__ == "__main__":
    source, target, what, *rest = sys.argv[1:]
    given = [int(word) for word in rest]
    if what == "killed":
        try_kills(Path(source), Path(target), given)
    else:
        try_full_disks(Path(source), Path(target), given[0], given[1:])
