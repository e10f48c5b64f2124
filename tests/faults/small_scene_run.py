"""Run as a script: small runs of scenes that are killed on the way, or whose disk is full.

``python small_scene_run.py FOLDER killed [N ...]``: for each N a run that is killed when its N-th
file is finished, or if N is negative, when half of it was written; each is then gone on with.
``python small_scene_run.py FOLDER full LIMIT [N ...]``: for each N a run on a disk that is full
when it begins its N-th file, so that no file grows beyond LIMIT bytes; each is then done again.

Prints a line of JSON for each. One process prepares and those that are killed are made from it.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

_SPEC = importlib.util.spec_from_file_location(
    "small_s1_run", Path(__file__).with_name("small_s1_run.py")
)
assert _SPEC is not None
assert _SPEC.loader is not None
small = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(small)


def dataset(folder: Path, out: Path) -> Path:
    """Write a dataset of the simulation of the sample, which is written where there is none."""
    from tiling.scenes.sample import write_sample

    if not (folder / "truth.json").exists():
        write_sample(folder, scenes=1, days=1, side=48e3)
    shutil.copytree(folder / "les", out)
    text = (out / "meta.yaml").read_text().replace("train: 48, study: 24", "train: 2, study: 2")
    time = "time: {t_start: 2020-02-02T00:00, t_end: 2020-02-02T00:07}\n"
    (out / "meta.yaml").write_text(text + time)
    return out


def run(out: Path, **options: Any) -> None:
    """Carry out stages that write files of each kind."""
    from tiling.scenes import tasks

    tasks.tiles(out, **options)
    tasks.tiles(out, kind="rect-slidingwindow", **options)
    tasks.tiles(out, store="zarr", **options)


def files(out: Path) -> list[Path]:
    """Return outputs under their own names, without records of how long they took."""
    return [
        path
        for path in sorted(out.rglob("*"))
        if path.is_file() and not path.name.startswith(("_stage.", ".run.lock", ".part-"))
        and ".part-" not in str(path)
    ]  # fmt: skip


def digests(out: Path) -> dict[str, str]:
    """Return what each file holds."""
    return {
        path.relative_to(out).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in files(out)
    }


def torn(out: Path) -> list[str]:
    """Return what stands under its own name and cannot be read to its end."""
    from workbench.rasters.stores import whole_netcdf
    from workbench.safeyaml import parse_yaml
    from workbench.wholefiles import whole_picture

    checks = {
        ".nc": whole_netcdf,
        ".png": whole_picture,
        ".yml": lambda path: parse_yaml(path.read_text(), str(path)),
        ".json": lambda path: json.loads(path.read_text()),
    }
    found = []
    for path in (*files(out), *out.rglob("_stage.*.json")):
        try:
            checks.get(path.suffix, Path.stat)(path)
        except Exception as reason:
            found.append(f"{path}: {reason}")
    return found


def times(out: Path) -> dict[Path, int]:
    """Return when each image was written."""
    return {path: path.stat().st_mtime_ns for path in files(out) if path.suffix == ".nc"}


def try_kills(folder: Path, numbers: list[int]) -> None:
    whole = dataset(folder, folder / "whole")
    run(whole)
    expected = digests(whole)
    for number in numbers:
        place = dataset(folder, folder / f"killed{number}")
        child = os.fork()
        if not child:
            small.die_at_a_file(number)
            run(place)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        found, before = torn(place), times(place)
        run(place)
        changed = [str(p) for p, at in before.items() if p.stat().st_mtime_ns != at]
        small.say(
            number=number, signal=os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, torn=found,
            stood=len(before), twice=changed,
            differs=sorted({name for name, _ in expected.items() ^ digests(place).items()}),
            left=small.hidden(place),
        )  # fmt: skip
        shutil.rmtree(place)


def try_full_disks(folder: Path, limit: int, numbers: list[int]) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    whole = dataset(folder, folder / "whole")
    with small.counted() as names:
        run(whole)
    expected = digests(whole)
    for number in numbers:
        place = dataset(folder, folder / f"full{number}")
        error = None
        try:
            with small.full_at(number, limit):
                run(place)
        except Exception as reason:
            error = f"{type(reason).__name__}: {reason}"
        found, left = torn(place), small.hidden(place)
        run(place)
        differs = sorted({name for name, _ in expected.items() ^ digests(place).items()})
        small.say(
            number=number, name=names[number - 1], error=error, torn=found, left=left,
            differs=differs,
        )  # fmt: skip
        shutil.rmtree(place)


def main(folder: str, what: str, *numbers: str) -> None:
    import workbench.tasks.places as places

    places.cores = lambda: 1  # so that files are finished in one order, and a child can be forked
    values = [int(number) for number in numbers]
    if what == "killed":
        try_kills(Path(folder), values)
    else:
        try_full_disks(Path(folder), values[0], values[1:])


if __name__ == "__main__":
    main(*sys.argv[1:])
