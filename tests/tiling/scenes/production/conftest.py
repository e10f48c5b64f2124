"""A small dataset of the sample, copied for each test that changes it."""

import hashlib
import shutil
from pathlib import Path

import pytest

from tiling.scenes import tasks
from tiling.scenes.sample import write_sample

META = """\
source: goes16
type: singlechannel__bt_13
storage: {{protocol: file, bucket: "{bucket}"}}
time: {{t_start: 2020-02-02T14:00:21, t_end: {end}}}
domain: {{central_latitude: 13.3, central_longitude: -57.72, l_zonal: 96000, l_meridional: 96000}}
sampling:
  resolution: 3000
  triplets: {{N_triplets: {{train: 2, study: 2}}, tile_N: {size}, neigh_dist_scaling: 0.5}}
  rect-slidingwindow: {{tile_N: 16, step: 8}}
aux_products:
  height: {{source: goes16, type: ACHA}}
  fraction:
    source: netcdf
    type: cloud_fraction
    files: clouds.nc
    scene_mapping_strategy: all_scenes_within_dt_aux
    dt_aux: PT30M
"""


@pytest.fixture(scope="session")
def sample(tmp_path_factory):
    """Four scenes of two days; to be read, not changed."""
    return write_sample(tmp_path_factory.mktemp("sample"), scenes=2, days=2, side=96e3)


@pytest.fixture(scope="session")
def make(sample):
    """Write a dataset of the sample into a folder."""

    def make(folder, *, size=12, end="2020-02-03T14:31", bucket=None, change=lambda text: text):
        beside = folder / "source_data/netcdf"
        beside.mkdir(parents=True, exist_ok=True)
        shutil.copy(sample.goes / "source_data/netcdf/clouds.nc", beside)
        text = META.format(bucket=bucket or sample.bucket, end=end, size=size)
        (folder / "meta.yaml").write_text(change(text))
        return folder

    return make


@pytest.fixture(scope="session")
def made(make, tmp_path_factory):
    """A dataset with crops, tiles and regridded scenes; to be read, not changed."""
    folder = make(tmp_path_factory.mktemp("made"))
    tasks.tiles(folder)
    tasks.regrid(folder)
    return folder


@pytest.fixture
def goes(made, tmp_path):
    """A copy of it: what stands stands in another folder as well."""
    return Path(shutil.copytree(made, tmp_path / "goes"))


def outputs(folder):
    """Return what was made, without records of how long it took."""
    return {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(("_stage.", "meta.yaml", ".run.lock"))
    }


@pytest.fixture
def digests():
    """Return the SHA-256 of each output."""
    return lambda folder: {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in outputs(folder).items()
    }


@pytest.fixture
def touched():
    """Return which outputs a function makes, changes or removes."""

    def touched(folder, function, *args, **kwargs):
        def states():
            return {n: (p.stat().st_mtime_ns, p.stat().st_ino) for n, p in outputs(folder).items()}

        before = states()
        function(folder, *args, **kwargs)
        return {name for name, _ in before.items() ^ states().items()}

    return touched
