"""The table of keys: each of them is read, arrives in what the file says, and is described."""

from __future__ import annotations

import dataclasses

import pytest

from tiling.scenes import checked_meta, read_meta
from tiling.scenes.meta.codes import CODES
from tiling.scenes.meta.keys import KEYS, table
from workbench.safeyaml import parse_yaml

GOES = """
source: goes16
type: multichannel__1__2__3
time: {t_start: 2020-02-02T12:00, N_days: 1}
domain: {central_latitude: 0, central_longitude: -60, l_zonal: 700e3, l_meridional: 700e3}
sampling: {resolution: 1000, triplets: {N_triplets: 3}, rect: {step: 8}, trajectories: {tile_N: 64}}
trajectories: {filepath: tracks.nc}
aux_products: {more: {source: goes16, type: ACHA}}
"""
LES = """
source: LES
type: t
trajectories: {filepath: tracks.nc}
aux_products: {more: {source: netcdf, type: sst, files: a.nc}}
"""
CHANGES = {  # a value that is not the default, for each key
    "source": "goes18",
    "type": "ACHA",
    "input": ["bt_13"],
    "sector": "C",
    "files": "run*.nc",
    "storage.protocol": "memory",
    "storage.bucket": "mine",
    "storage.prefix": "a/b",
    "storage.endpoint_url": "http://127.0.0.1:1",
    "storage.anon": False,
    "storage.mode": "mirror",
    "time.t_start": "2020-02-01",
    "time.t_end": "2020-02-05",
    "time.N_days": 2.5,
    "time.intervals": [{"t_start": "2020-01-01", "N_days": 3}],
    "time.filters.N_hours_from_zenith": 3,
    "time.filters.using_trajectory_sampling": True,
    "time.filters.year": 2020,
    "time.filters.month": [2],
    "time.filters.day": [2, 3],
    "time.filters.hour": [12, 13],
    "time.filters.minute": 0,
    "time.filters.second": [0, 20],
    "time.filters.weekday": [6, 0],
    "domain.kind": "spanning_trajectories",
    "domain.central_latitude": 1,
    "domain.central_longitude": -61,
    "domain.l_zonal": 800e3,
    "domain.l_meridional": 800e3,
    "domain.pad": 0.2,
    "domain.padding": 1.5,
    "sampling.resolution": 500,
    "sampling.method": "area",
    "sampling.triplets.N_triplets": {"train": 1, "study": 2},
    "sampling.triplets.tile_N": 64,
    "sampling.triplets.scene_collections_splitting": "shared",
    "sampling.triplets.neigh_dist_scaling": 0.5,
    "sampling.triplets.edge_margin": 1,
    "sampling.triplets.seed": 7,
    "sampling.triplets.max_nodata_fraction": 0.5,
    "sampling.rect-slidingwindow.tile_N": 64,
    "sampling.rect-slidingwindow.step": 16,
    "sampling.rect-slidingwindow.edge": "cover",
    "sampling.trajectories.tile_N": 128,
    "image.limits": [0, 1],
    "image.function": "paint",
    "image.strict_dqf": True,
    "image.rayleigh": "simple",
    "image.green": [0.45, 0.45, 0.1],
    "trajectories.filepath": "others.nc",
    "trajectories.min_corners": 5,
    "les.periodic": True,
    "les.dx": 25.0,
    "aux_products.<name>.source": "goes17",
    "aux_products.<name>.type": "CMIP",
    "aux_products.<name>.input": ["bt_13"],
    "aux_products.<name>.scene_mapping_strategy": "all_scenes_within_dt_aux",
    "aux_products.<name>.dt_aux": "PT1H",
    "aux_products.<name>.image_function": "paint",
    "aux_products.<name>.files": "b.nc",
    "aux_products.<name>.storage.protocol": "memory",
    "aux_products.<name>.storage.bucket": "mine",
    "aux_products.<name>.storage.prefix": "a",
    "aux_products.<name>.storage.endpoint_url": "http://127.0.0.1:1",
    "aux_products.<name>.storage.anon": False,
    "aux_products.<name>.storage.mode": "mirror",
    "labels": "labels.csv",
    "db_type": "json",
}
WITH = {  # what else has to be so for the key to be possible
    "input": {"type": "user_function"},
    "storage.protocol": {"storage.bucket": "x"},
    "aux_products.<name>.storage.protocol": {"aux_products.<name>.storage.bucket": "x"},
    "aux_products.<name>.input": {"aux_products.<name>.type": "user_function"},
    "time.t_end": {"time.N_days": None},
    "time.intervals": {"time.t_start": None, "time.N_days": None},
}


def changed(mapping, path, value):
    *outer, last = path.replace("<name>", "more").split(".")
    for part in outer:
        part = "rect" if part == "rect-slidingwindow" and "rect" in mapping else part
        mapping = mapping.setdefault(part, {})
    mapping[last] = value


def said(meta):
    """All fields but the mapping itself."""
    return dataclasses.replace(meta, raw={})


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.path)
def test_each_key_arrives(key):
    text = LES if key.of == "files" or key.path == "domain.kind" else GOES
    before, after = parse_yaml(text), parse_yaml(text)
    for path, value in WITH.get(key.path, {}).items():
        changed(after, path, value)
    changed(after, key.path, CHANGES[key.path])
    if key.path == "sampling.triplets.edge_margin":  # larger ones shrink in this domain
        changed(before, "domain.l_zonal", 1e6)
        changed(after, "domain.l_zonal", 1e6)
        changed(before, "domain.l_meridional", 1e6)
        changed(after, "domain.l_meridional", 1e6)
    assert said(read_meta(after)) != said(read_meta(before))


@pytest.mark.parametrize("key", [key for key in KEYS if key.alias], ids=lambda key: key.alias)
def test_the_other_name_says_the_same(key):
    first, second = parse_yaml(GOES), parse_yaml(GOES)
    changed(first, key.path, CHANGES[key.path])
    if key.name == "type":
        (second["aux_products"]["more"] if "aux" in key.path else second).pop("type")
    changed(second, key.path.replace(key.name, key.alias), CHANGES[key.path])
    assert said(read_meta(first)) == said(read_meta(second))


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.path)
def test_each_key_refuses_what_it_cannot_be(key):
    """A set in a set is of no use anywhere; it is said of this key, and nothing raises."""
    text = LES if key.of == "files" else GOES
    mapping = parse_yaml(text)
    changed(mapping, key.path, {"no": {"such": "thing"}})
    meta, problems = checked_meta(mapping)
    place = key.path.replace("<name>", "more")
    assert meta is None
    assert place in {problem.path for problem in problems}


def test_the_table_is_complete():
    assert len({key.path for key in KEYS}) == len(KEYS) == len(CHANGES)
    assert {key.code for key in KEYS} <= set(CODES)
    for path, kind, default in table():
        assert path
        assert kind
        assert default
    rows = {path: (kind, default) for path, kind, default in table()}
    assert rows["sampling.triplets.tile_N"] == ("a whole number from 8 to 100,000", "256")
    assert rows["storage.anon"] == ("true or false", "true")
    assert rows["image.green"][1] == "[0.465, 0.465, 0.07]"
    assert rows["source"] == ("text", "required")
    assert rows["storage.prefix"][1] == "empty"


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.path)
def test_defaults_are_values_of_their_keys(key):
    if key.default not in (None, ""):
        given = list(key.default) if isinstance(key.default, tuple) else key.default
        assert key.rule.read(given) == key.default
