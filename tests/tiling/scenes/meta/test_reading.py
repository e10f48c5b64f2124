"""Each code of a `meta.yaml`: a text, and what is said of which key."""

from __future__ import annotations

import copy
import pickle
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tiling.scenes import BadMeta, Meta, checked_meta, read_meta
from tiling.scenes.meta.codes import CODES
from tiling.scenes.meta.keys import KEYS
from tiling.scenes.meta.writing import STARTER

SEED = """
source: goes16
type: truecolor_rgb

time:
  t_start: 2020-02-02T14:00
  t_end: 2020-02-02T14:30

domain:
  central_latitude: 13.3 # 13 + (18 / 60)
  central_longitude: -57.72 # -(57 + (43 / 60))
  l_zonal: 200000
  l_meridional: 200000

sampling:
  resolution: 1000.0
  triplets:
    scene_collections_splitting: random_by_relative_sample_size
    N_triplets: {train: 10, study: 2}
    tile_N: 256
"""
TIME = "time: {t_start: 2020-02-02T12:00, N_days: 1}\n"
DOMAIN = """domain: {central_latitude: 13.3, central_longitude: -57.72,
  l_zonal: 200000, l_meridional: 200000}
"""
GOES = "source: goes16\ntype: truecolor_rgb\n"
GOOD = GOES + TIME + DOMAIN
LES = "source: LES\ntype: rlut\n"
T = "sampling.triplets"


def tiles(text="", time=TIME, side=700_000, resolution=1000):
    """A good file with triplets, and more keys of theirs."""
    domain = DOMAIN.replace("200000", str(side))
    triplets = "{" + ", ".join(filter(None, ["N_triplets: {train: 2, study: 1}", text])) + "}"
    return f"{GOES}{time}{domain}sampling: {{resolution: {resolution}, triplets: {triplets}}}\n"


def found(text, tmp_path, **options):
    path = tmp_path / "meta.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return checked_meta(path, **options)


def said(text, tmp_path, **options):
    meta, problems = found(text, tmp_path, **options)
    assert (meta is None) == any(problem.is_error for problem in problems)
    assert all(problem.code in CODES for problem in problems)
    return {(problem.code, problem.path) for problem in problems}


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        LES,
        tiles(),
        STARTER,
        SEED.replace("14:30", "20:00").replace("256", "64"),
        "source: LES\ntype: multichannel__lwp__cldtop\nfiles: run*.nc\nles: {periodic: true}\n",
        GOOD.replace("type: truecolor_rgb", "product: multichannel__1__bt_13"),
        GOOD.replace("-57.72", "302.28"),
        "source: LES\ntype: t\nsampling: {rect: {tile_N: 64, step: 4}}\ndomain: {pad: 0}\n",
        tiles("neigh_dist_scaling: 0.5, edge_margin: 1, seed: 123456789012").replace(
            "study: 1", "study: 0"
        ),
        GOOD + "labels:\nimage:\n",  # null is absent
        GOOD + "storage: {prefix: '', endpoint_url: }\n",
    ],
)
def test_good_files(text, tmp_path):
    assert said(text, tmp_path) == set()


BAD = [
    # E000: not usable at all
    ("", {("E000", "")}),
    ("# only a remark", {("E000", "")}),
    ("- a list", {("E000", "")}),
    ("just text", {("E000", "")}),
    ("source: [goes16", {("E000", "")}),
    ("source: goes16\nsource: goes17", {("E000", "")}),
    ("a: 1\n---\nb: 2", {("E000", "")}),
    ("a: !!python/object/apply:os.getcwd []", {("E000", "")}),
    ("a: !!bool maybe", {("E000", "")}),
    ("a: " + "[" * 5000, {("E000", "")}),
    ("time: {t_start: 2020-02-30}", {("E000", "")}),
    ("source: göes16".encode("utf-16"), {("E000", "")}),
    ("source: gö".encode("latin-1"), {("E000", "")}),
    # source and type
    (GOOD.replace("goes16", "goes15"), {("E001", "source")}),
    (GOOD.replace("goes16", "les"), {("E001", "source")}),
    (GOOD.replace("truecolor_rgb", "truecolor"), {("E002", "type")}),
    (GOOD.replace("truecolor_rgb", "singlechannel__1__2"), {("E002", "type")}),
    (GOOD.replace("truecolor_rgb", "multichannel__1__1"), {("E002", "type")}),
    (GOOD.replace("truecolor_rgb", "user_function"), {("E002", "type")}),
    (GOOD + "input: [1]\n", {("E002", "type")}),
    (LES.replace("rlut", "a/b"), {("E002", "type")}),
    (GOOD.replace("truecolor_rgb", "singlechannel__17"), {("E003", "type")}),
    (
        GOOD.replace("truecolor_rgb", "multichannel__bt_2__refl_13__0"),
        {("E003", "type"), ("E004", "type")},
    ),
    (GOOD.replace("type: truecolor_rgb\n", ""), {("E008", "type")}),
    (TIME + DOMAIN, {("E008", "type"), ("E008", "source")}),
    (GOOD.replace("goes16", "16"), {("E008", "source")}),
    (GOOD + "product: truecolor_rgb\n", {("E009", "type")}),
    # storage and other keys of the top
    (GOOD + "storage: {protocol: s4}", {("E005", "storage.protocol")}),
    (GOOD + "storage: {mode: whole}", {("E005", "storage.mode")}),
    (GOOD + "storage: {protocol: file}", {("E008", "storage.bucket")}),
    (GOOD + "storage: s3", {("E008", "storage")}),
    (GOOD + "sector: M3", {("E006", "sector")}),
    (GOOD + "sorce: 1", {("E007", "sorce")}),
    (GOOD + "yes: 1", {("E007", "True")}),
    (tiles("tileN: 64"), {("E007", f"{T}.tileN")}),
    (GOOD + "db_type: csv", {("E008", "db_type")}),
    (GOOD + "labels: [a]", {("E008", "labels")}),
    (GOOD + "files: a.nc\nles: {dx: 5}", {("E063", "files"), ("E063", "les.dx")}),
    (LES + "sector: F", {("E063", "sector")}),
    (LES + "storage: {anon: true}", {("E063", "storage.anon")}),
    (LES + "les: {dx: 0}", {("E008", "les.dx")}),
    # time
    (GOES + DOMAIN, {("E010", "time")}),
    (GOES + DOMAIN.replace("-57.72", "100"), {("E010", "time"), ("E022", "domain")}),
    (GOES + DOMAIN + "time: {filters: {month: 3}}", {("E010", "time")}),
    (GOES + DOMAIN + "time: {t_start: 2020-01-01}", {("E010", "time.t_end")}),
    (GOES + DOMAIN + "time: {t_end: 2020-01-01}", {("E010", "time.t_start")}),
    (GOES + DOMAIN + "time: {N_days: 3}", {("E010", "time.t_start")}),
    (GOES + DOMAIN + "time: {intervals: []}", {("E010", "time.intervals")}),
    (GOES + DOMAIN + "time: {intervals: [{}]}", {("E010", "time.intervals[0]")}),
    (LES + "time: {t_start: 2020-01-01}", {("E010", "time.t_end")}),
    (LES + "time: {t_start: 2020-01-02, t_end: 2020-01-02}", {("E011", "time.t_end")}),
    (LES + "time: {t_start: 2020-01-02T00:00+01:00, t_end: 2020-01-01T22:00}",
     {("E011", "time.t_end")}),
    (LES + "time: {t_start: 2020-01-02, N_days: 0}", {("E011", "time.N_days")}),
    (LES + "time: {t_start: 2020-01-02, N_days: -1}", {("E011", "time.N_days")}),
    (LES + "time: {t_start: 2020-01-02, N_days: 99999}", {("E011", "time.N_days")}),
    (LES + "time: {t_start: 2020-01-02, N_days: 1, t_end: 2020-01-04}", {("E012", "time.N_days")}),
    (LES + "time: {t_start: 2020-01-02, intervals: [{t_start: 2020-01-02, N_days: 1}]}",
     {("E013", "time.intervals")}),
    (LES + "time: {intervals: [{intervals: [{t_start: 2020-01-02, N_days: 1, N_hours: 2}]}]}",
     {("E007", "time.intervals[0].intervals[0].N_hours")}),
    (LES + "time: {intervals: [{t_start: 2020-01-02, N_days: 1, filters: {hour: 1}}]}",
     {("E007", "time.intervals[0].filters")}),
    (LES + "time: {intervals: 3}", {("E008", "time.intervals")}),
    (LES + "time: {intervals: [3]}", {("E008", "time.intervals[0]")}),
    (LES + "time: {t_start: 2019-02-29T12:00, N_days: 1}", {("E008", "time.t_start")}),
    (LES + "time: {t_start: 1200-02-01, N_days: 1}", {("E008", "time.t_start")}),
    (LES + "time: {t_start: 20200202, N_days: 1}", {("E008", "time.t_start")}),
    (LES + "time: {t_start: 2020-02-01, N_days: .nan}", {("E011", "time.N_days")}),
    (LES + "time: {intervals: [{t_start: 2020-01-01, N_days: 2}, "
     "{t_start: 2020-01-02, N_days: 2}]}",
     {("W013", "time.intervals")}),
    (tiles(time="time: {intervals: [{t_start: 2020-01-01, N_days: 0.01}, "
           "{t_start: 2020-01-01, N_days: 0.02}]}\n"),
     {("W013", "time.intervals"), ("E034b", f"{T}.scene_collections_splitting")}),
    (LES + "time: {filters: {N_hours_from_zenith: 4}}",
     {("E014", "time.filters.N_hours_from_zenith")}),
    (GOOD.replace("N_days: 1", "N_days: 1, filters: {N_hours_from_zenith: 13}"),
     {("E014", "time.filters.N_hours_from_zenith")}),
    (LES + "time: {filters: {hours: 25}}", {("E015", "time.filters.hour")}),
    (LES + "time: {filters: {month: []}}", {("E015", "time.filters.month")}),
    (LES + "time: {filters: {month: [March]}}", {("E008", "time.filters.month")}),
    (LES + "time: {filters: {week: 3}}", {("E015", "time.filters.week")}),
    (LES + "time: {filters: {hour: 3, hours: 4}}", {("E009", "time.filters.hour")}),
    # domain
    (GOOD.replace("13.3", "91"), {("E020", "domain.central_latitude")}),
    (GOOD.replace("-57.72", "-181"), {("E020", "domain.central_longitude")}),
    (GOES + TIME, {("E021", "domain")}),
    (GOES + TIME + "domain: {kind: as_source}", {("E021", "domain")}),
    (GOES + TIME + "domain: {central_latitude: 3}", {("E021", "domain")}),
    (LES + "domain: {l_zonal: 3}", {("E021", "domain")}),
    (GOOD.replace("l_zonal: 200000", "l_zonal: -1"), {("E021", "domain.l_zonal")}),
    (GOOD.replace("-57.72", "100"), {("E022", "domain")}),
    (GOOD.replace("-57.72", "5.5"), {("E022", "domain")}),
    (GOOD.replace("200000", "30e6"), {("E022", "domain")}),
    (GOOD + "sampling: {resolution: 3000}",
     {("W023", "domain.l_zonal"), ("W023", "domain.l_meridional")}),
    (LES + "domain: {kind: square}", {("E024", "domain.kind")}),
    (LES + DOMAIN.replace("{", "{kind: as_source, "), {("E024", "domain.kind")}),
    (LES + "domain: {padding: 0}", {("E024", "domain.padding")}),
    (LES + "domain: {pad: 1.5}", {("E025", "domain.pad")}),
    # sampling
    (tiles().replace("resolution: 1000, ", ""), {("E030", "sampling.resolution")}),
    (GOOD + "sampling: {rect: {step: 3}}", {("E030", "sampling.resolution")}),
    (GOOD + "sampling: {resolution: 0}", {("E030", "sampling.resolution")}),
    (GOOD + "sampling: {resolution: 1e6}", {("E030", "sampling.resolution")}),
    (GOOD + "sampling: {resolution: 0.001}", {("E030", "sampling.resolution")}),
    (GOOD + "sampling: {method: cubic}", {("E031", "sampling.method")}),
    (tiles().replace("{train: 2, study: 1}", "{study: 1}"), {("E032", f"{T}.N_triplets")}),
    (tiles().replace("{train: 2, study: 1}", "{train: 0}"), {("E032", f"{T}.N_triplets")}),
    (tiles().replace("{train: 2, study: 1}", "{train: -1, a: 2}"), {("E032", f"{T}.N_triplets")}),
    (tiles().replace("{train: 2, study: 1}", "{train: 1, ../a: 1}"), {("E032", f"{T}.N_triplets")}),
    (tiles().replace("{train: 2, study: 1}", "many"), {("E032", f"{T}.N_triplets")}),
    (tiles().replace("N_triplets: {train: 2, study: 1}", ""), {("E032", f"{T}.N_triplets")}),
    (tiles("tile_N: 7"), {("E033", f"{T}.tile_N")}),
    (tiles("tile_N: big"), {("E008", f"{T}.tile_N")}),
    (tiles(side=200_000), {("E033", f"{T}.tile_N")}),
    (tiles("tile_N: 201", side=200_000), {("E033", f"{T}.tile_N")}),
    (tiles("tile_N: 200", side=200_000),
     {("E035", f"{T}.neigh_dist_scaling"), ("W033", f"{T}.edge_margin")}),
    (tiles("tile_N: 108, neigh_dist_scaling: 0.4", side=140_000),
     {("W033", f"{T}.edge_margin"), ("W035", f"{T}.neigh_dist_scaling")}),
    (tiles("scene_collections_splitting: random"), {("E034", f"{T}.scene_collections_splitting")}),
    (tiles(time=TIME.replace("1}", "0.02}")), {("E034b", f"{T}.scene_collections_splitting")}),
    (tiles("scene_collections_splitting: by_time_blocks", time=TIME.replace("1}", "0.4}")),
     {("E034b", f"{T}.scene_collections_splitting")}),
    (tiles("scene_collections_splitting: shared", time=TIME.replace("1}", "0.02}")), set()),
    (tiles("tile_N: 107", side=200_000), {("E035", f"{T}.neigh_dist_scaling")}),
    (tiles("tile_N: 106", side=200_000), {("W035", f"{T}.neigh_dist_scaling")}),
    (tiles("neigh_dist_scaling: 0"), {("E035", f"{T}.neigh_dist_scaling")}),
    (GOOD + "sampling: {resolution: 1e3, rect: {step: 0}}",
     {("E036", "sampling.rect-slidingwindow.step"),
      ("E037", "sampling.rect-slidingwindow.tile_N")}),
    (GOOD + "sampling: {resolution: 1e3, rect: {tile_N: 4}}",
     {("E037", "sampling.rect-slidingwindow.tile_N")}),
    (GOOD + "sampling: {resolution: 1e3, rect: {tile_N: 64}, rect-slidingwindow: {tile_N: 64}}",
     {("E009", "sampling.rect-slidingwindow")}),
    (GOOD + "sampling: {resolution: 1e3, trajectories: {tile_N: 64}}",
     {("E038", "trajectories.filepath")}),
    (GOOD + "sampling: {resolution: 1e3, trajectories: {tile_N: 640}}\n"
     "trajectories: {filepath: none.nc}",
     {("E038", "trajectories.filepath"), ("E033", "sampling.trajectories.tile_N")}),
    (GOOD + 'trajectories: {filepath: "a\\0b"}', {("E038", "trajectories.filepath")}),
    (LES + "domain: {kind: spanning_trajectories}", {("E038", "trajectories.filepath")}),
    (LES + "time: {filters: {using_trajectory_sampling: true}}",
     {("E038", "trajectories.filepath")}),
    (tiles("edge_margin: 0.4"), {("E039", f"{T}.edge_margin")}),
    (tiles("max_nodata_fraction: 2"), {("E039", f"{T}.max_nodata_fraction")}),
    (tiles("seed: -1"), {("E008", f"{T}.seed")}),
    # image
    (GOOD + "image: {limits: [1, 0]}", {("E040", "image.limits")}),
    (GOOD + "image: {limits: [[0, 1], [0, 1]]}", {("E040", "image.limits")}),
    (GOOD + "image: {limits: per_tile}", {("E040", "image.limits")}),
    (GOOD + "image: {limits: [a, b]}", {("E040", "image.limits")}),
    (GOOD + "image: {function: 'os.system'}", {("E040", "image.function")}),
    (GOOD + "image: {rayleigh: full}", {("E040", "image.rayleigh")}),
    (GOOD + "image: {rayleigh: no}", {("E008", "image.rayleigh")}),
    (GOOD + "image: {green: [1, 2]}", {("E040", "image.green")}),
    # auxiliary products
    (GOOD + "aux_products: {a b: {source: goes16, type: ACHA}}", {("E050", "aux_products.'a b'")}),
    (GOOD + "aux_products: {a___b: {source: goes16, type: ACHA}}",
     {("E050", "aux_products.'a___b'")}),
    (GOOD + "aux_products: {1: 2}", {("E050", "aux_products.1"), ("E008", "aux_products.1")}),
    (GOOD + "aux_products: {a: {source: ceres, type: x, dt_aux: 30}}",
     {("E001", "aux_products.a.source"), ("E052", "aux_products.a.dt_aux")}),
    (GOOD + "aux_products: {a: {scene_mapping_strategy: all}}",
     {("E008", "aux_products.a.source"), ("E008", "aux_products.a.type"),
      ("E051", "aux_products.a.scene_mapping_strategy")}),
    (GOOD + "aux_products: {a: {source: goes16, type: ACHA, dt_aux: P1M}}",
     {("E052", "aux_products.a.dt_aux")}),
    (GOOD + "aux_products: {a: {source: goes16, type: ACHA, dt_aux: PT0S}}",
     {("E052", "aux_products.a.dt_aux")}),
    (GOOD + "aux_products: {a: {source: goes16, type: ACHA, tipe: x, files: a}}",
     {("E007", "aux_products.a.tipe"), ("E063", "aux_products.a.files")}),
    (GOOD + "sector: M1\naux_products: {a: {source: goes16, type: RSR}}", {("E006", "sector")}),
    (GOOD.replace("truecolor_rgb", "RSR") + "sector: M2", {("E006", "sector")}),
    (GOOD + "aux_products: {a: {source: goes17, type: bt_13}}", {("E002", "aux_products.a.type")}),
    (GOOD + "aux_products: {a-b: {source: goes16, type: user_function, input: [1]}}",
     {("E002", "aux_products.a-b.type")}),
    (GOOD + "aux_products: [a]", {("E008", "aux_products")}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "problems"), BAD)
def test_what_is_said_of_a_file(text, problems, tmp_path):
    assert said(text, tmp_path) == problems


def test_every_code_of_a_file_has_a_case():
    of_stages = {code for code in CODES if code[1:] >= "053"} | {"E016"}
    of_stages -= {"E063"}
    assert {code for _, problems in BAD for code, _ in problems} == set(CODES) - of_stages
    assert {key.code for key in KEYS} <= set(CODES)


def test_the_published_example_fails_with_both_reasons_in_one_message(tmp_path):
    (tmp_path / "meta.yaml").write_text(SEED)
    with pytest.raises(BadMeta) as caught:
        read_meta(tmp_path)
    message = str(caught.value)
    assert [problem.code for problem in caught.value.problems] == ["E033", "E034b"]
    for word in (
        "2 errors",
        "E033",
        "E034b",
        "256 km",
        "200 x 200 km",
        "106",
        "3 scenes",
        "need 4",
    ):
        assert word in message
    assert str(pickle.loads(pickle.dumps(caught.value))) == message


@pytest.mark.parametrize(
    "corrected",
    [
        SEED.replace("200000", "650000").replace("2020-02-02T14:30", "2020-02-03T14:30"),
        SEED.replace("tile_N: 256", "tile_N: 64").replace("2020-02-02T14:30", "2020-02-03T14:30"),
    ],
)
def test_the_corrected_example_passes(corrected, tmp_path):
    meta, problems = found(corrected, tmp_path)
    assert problems == []
    assert meta.type.inputs == ("refl_1", "refl_2", "refl_3")
    assert meta.sampling.triplets.counts == {"train": 10, "study": 2}
    assert meta.sampling.triplets.edge_margin == pytest.approx(2 / 3)
    assert meta.storage.bucket == "noaa-goes16"
    assert meta.domain.kind == "rect"
    assert meta.intervals[0].start == np.datetime64("2020-02-02T14:00")
    assert meta.intervals[0].start.dtype == "datetime64[ns]"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD + "sorce: 1", "did you mean source?"),
        (tiles("tileN: 64"), "did you mean tile_N?"),
        (GOOD + "tile_N: 64", "it belongs to sampling.triplets"),
        (GOOD + "resolution: 64", "it belongs to sampling"),
        (GOOD.replace("goes16", "gose16"), "did you mean goes16?"),
        (GOOD.replace("truecolor_rgb", "truecolour_rgb"), "did you mean truecolor_rgb?"),
        (GOOD.replace("truecolor_rgb", "bt13"), "did you mean singlechannel__bt_13?"),
        (GOOD.replace("truecolor_rgb", "singlechannel__bt13"), "did you mean bt_13?"),
        (GOOD.replace("truecolor_rgb", "singlechannel__bt_3"), "write refl_3"),
        (GOOD.replace("truecolor_rgb", "singlechannel__1__2"), "write multichannel__1__2"),
        (GOOD + "image: {rayleigh: off}", "quotation marks"),
        (GOOD + "storage: {protocol: s3s}", "did you mean s3?"),
        (tiles("tile_N: '64'"), "without quotation marks"),
        (GOOD + "time_: 3", "did you mean time?"),
        (LES + "time: {filters: {wekday: 3}}", "did you mean weekday?"),
        (LES + "time: {filters: {N_hours: 3}}", "N_hours_from_zenith"),
        (tiles("tile_N: 300", side=200_000), "the largest that fits is 106"),
        (GOOD.replace("-57.72", "5.5"), "longitude -75"),
        (
            LES + "time: {t_start: 2020-02-02, t_end: 2020-01-01}",
            "2020-01-01T00:00:00 is not after",
        ),
        (LES + "time: {t_start: 2020-02-02}", "add t_end or N_days"),
        (tiles("edge_margin: 0.4"), "0.4 is not a number from 0.5 to 1,000,000"),
        (
            tiles("scene_collections_splitting: by_time_blocks", time=TIME.replace("1}", "0.4}")),
            "1 day with scenes, and the collections train, study need a day each",
        ),
        (LES + "time: {t_start: 2019-02-29T12:00, N_days: 1}", "day is out of range"),
        (GOOD + "aux_products: {a: {source: goes16, type: ACHA, dt_aux: 30}}", "PT30M"),
    ],
)
def test_the_way_out_is_said(text, words, tmp_path):
    _, problems = found(text, tmp_path)
    assert words in " ".join(problem.message for problem in problems)


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(BadMeta, match="no such file"):
        read_meta(tmp_path)
    with pytest.raises(BadMeta, match="no such file"):
        read_meta(tmp_path / "none.yaml")


def test_defaults_of_simulations_differ(tmp_path):
    triplets = "sampling: {resolution: 50, triplets: {N_triplets: 5}}\n"
    les, _ = found(LES + triplets, tmp_path)
    assert les.sampling.triplets.most_missing == 1.0
    assert les.sampling.triplets.counts == {"train": 5}
    assert les.storage is None
    assert les.domain.kind == "as_source"
    goes, _ = found(tiles(), tmp_path)
    assert goes.sampling.triplets.most_missing == 0.0


def test_the_margin_is_the_one_in_force(tmp_path):
    text = tiles("tile_N: 108, neigh_dist_scaling: 0.4", side=140_000)
    assert found(text, tmp_path)[0].sampling.triplets.edge_margin == 0.5


@pytest.mark.parametrize(
    ("written", "meant"), [(302.28, -57.72), (180, 180), (360, 0), (-180, -180)]
)
def test_longitudes_may_count_to_360(written, meant, tmp_path):
    text = LES + DOMAIN.replace("-57.72", str(written))
    assert found(text, tmp_path)[0].domain.longitude == pytest.approx(meant)


def test_a_domain_across_the_date_line_is_seen_from_the_west(tmp_path):
    text = GOOD.replace("goes16", "goes17").replace("-57.72", "180")
    assert said(text, tmp_path) == set()
    assert said(text.replace("180", "-179.9"), tmp_path) == set()
    assert said(GOOD.replace("-57.72", "180"), tmp_path) == {("E022", "domain")}


def test_before_december_2017_the_satellite_stood_further_west(tmp_path):
    west = GOOD.replace("-57.72", "-160")
    assert said(west, tmp_path) == {("E022", "domain")}
    assert said(west.replace("2020", "2017"), tmp_path) == set()


@pytest.mark.parametrize(
    "start",
    [
        "2020-02-29T14:00", "'2020-02-29 14:00'", "2020-02-29 14:00:00", "2020-02-29T14:00:00Z",
        "2020-02-29 15:00:00+01:00", "'2020-02-29T09:30-04:30'", "2020-02-29T14:00:00.000",
    ],
)  # fmt: skip
def test_times_are_utc_in_any_spelling(start, tmp_path):
    text = LES + f"time: {{t_start: {start}, N_days: 0.5}}"
    (interval,) = found(text, tmp_path)[0].intervals
    assert interval.start == np.datetime64("2020-02-29T14:00")
    assert interval.end == np.datetime64("2020-03-01T02:00")


def test_mappings_in_memory_may_hold_times_of_python():
    east = timezone(timedelta(hours=2))
    for start in (
        datetime(2020, 2, 29), datetime(2020, 2, 29, tzinfo=UTC), date(2020, 2, 29),
        np.datetime64("2020-02-29"), datetime(2020, 2, 29, 2, tzinfo=east),
    ):  # fmt: skip
        given_ = {"source": "LES", "type": "t", "time": {"t_start": start, "N_days": np.int64(1)}}
        before = copy.deepcopy(given_)
        meta = read_meta(given_)
        assert meta.intervals[0].start == np.datetime64("2020-02-29")
        assert meta.intervals[0].end == np.datetime64("2020-03-01")
        assert given_ == before == meta.raw


def test_an_interval_that_holds_itself_is_refused():
    time = {"t_start": "2020-01-01"}
    time["intervals"] = [time]
    with pytest.raises(BadMeta, match="E000"):
        read_meta({"source": "LES", "type": "t", "time": time})


def test_plug_ins_take_any_type(tmp_path):
    text = "source: ceres\ntype: goes16n__cloud_top_height\n"
    meta, _ = found(text, tmp_path, known_sources=["goes16", "ceres"])
    assert (meta.type.kind, meta.type.inputs) == ("plugin", ("goes16n__cloud_top_height",))


def test_auxiliary_products(tmp_path):
    text = (
        GOOD
        + """
storage: {protocol: file, bucket: tree}
aux_products:
  heights: {source: goes16, type: ACHA, dt_aux: PT10M}
  west:
    {source: goes17, type: singlechannel__bt_13, scene_mapping_strategy: all_scenes_within_dt_aux}
  sea: {source: netcdf, type: sst, files: "sst/*.nc", dt_aux: P1DT12H}
  air: {source: netcdf, type: t2m}
  phase: {source: goes16, type: user_function, input: [bt_11, 13, refl_2]}
  dust: {source: goes16, product: split_window, input: [bt_13, bt_15], image_function: paint}
"""
    )
    meta, problems = found(text, tmp_path)
    assert problems == []
    aux = meta.aux_products
    assert aux["heights"].storage == meta.storage
    assert aux["heights"].storage.bucket == "tree"
    assert aux["heights"].seconds == 600
    assert aux["heights"].files is None
    assert aux["air"].files == "*.nc"
    assert aux["west"].storage.bucket == "noaa-goes17"
    assert aux["west"].storage.protocol == "s3"
    assert aux["west"].seconds is None
    assert aux["sea"].storage is None
    assert aux["sea"].seconds == 36 * 3600
    assert aux["sea"].files == "sst/*.nc"
    assert aux["phase"].type.name == "phase"
    assert aux["phase"].type.inputs == ("bt_11", "rad_13", "refl_2")
    assert aux["dust"].type.kind == "user_function"
    assert aux["dust"].type.name == "split_window"


def test_all_is_filled_in_and_can_be_sent(tmp_path):
    meta, _ = found(STARTER, tmp_path)
    assert pickle.loads(pickle.dumps(meta)) == meta

    def parts(value):
        yield value
        if is_dataclass(value):
            for each in fields(value):
                yield from parts(getattr(value, each.name))

    assert not any(isinstance(part, list) for part in parts(meta))


def test_hundreds_of_thousands_of_problems_are_not_all_told(tmp_path):
    text = (
        LES + f"x: &a [{1000 * '{t_start: 1},'}]\ntime: {{intervals: [{'{intervals: *a},' * 20}]}}"
    )
    (tmp_path / "meta.yaml").write_text(text)
    with pytest.raises(BadMeta, match=r"and 39,801 more problems") as caught:
        read_meta(tmp_path)
    assert len(caught.value.problems) == 201


# -- no text makes anything but a Meta or a BadMeta


def _checked(path):
    meta = bad = None
    try:
        meta = read_meta(path)
    except BadMeta as caught:
        bad = caught
    if bad is None:
        assert isinstance(meta, Meta)
        return
    assert bad.problems
    assert all(problem.is_error and problem.message for problem in bad.problems)
    assert str(bad).encode()  # no lone surrogate that a terminal would choke on
    assert len(str(bad)) < 200 * 400


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("meta") / "meta.yaml"


RICH = yaml.safe_load(
    STARTER
    + """
storage: {protocol: file, bucket: tree, mode: mirror}
image: {limits: [[0, 1], [0, 1], [0, 1]], function: paint, green: [0.4, 0.5, 0.1]}
trajectories: {min_corners: 5}
labels: labels.csv
aux_products:
  a: {source: goes16, type: ACHA, dt_aux: PT10M}
  b: {source: netcdf, type: user_function, input: [x, y], files: "*.nc"}
"""
)
RICH["time"] = {
    "intervals": [{"intervals": [{"t_start": "2020-01-01", "N_days": 1}]}, dict(RICH["time"])],
    "filters": RICH["time"].pop("filters"),
}
del RICH["time"]["intervals"][1]["filters"]


def test_the_file_that_is_changed_is_good():
    assert checked_meta(RICH)[1] == []


HOSTILE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**400, -(10**400), 0, -1, 2**63, 1e308, 1e-308]),
    st.floats(),
    st.text(max_size=30),
    st.sampled_from(
        ["\ud800", "\0", "../../x", "", "a" * 5000, "LES", "goes17", "netcdf", "user_function",
         "PT", "P", "P.D", "PT1.1.1S", "-P1D", "P" + "9" * 90 + "D", "singlechannel__",
         "multichannel__1__", "singlechannel__bt_" + "9" * 5000, "0001-01-01T00:00+14:00",
         "9999-12-31T23:59-14:00", "2020-W05", "by_time_blocks", "as_source", "shared"]
    ),
    st.dates(),
    st.datetimes(),
    st.binary(max_size=5),
    st.recursive(
        st.one_of(st.integers(), st.text(max_size=5), st.none()),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
            st.text(max_size=5) | st.integers() | st.none(), inner, max_size=3),
        max_leaves=6,
    ),
)  # fmt: skip


def _places(value, place=()):
    yield place
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _places(inner, (*place, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _places(inner, (*place, index))


PLACES = [place for place in _places(RICH) if place]


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from(PLACES), HOSTILE), min_size=1, max_size=4))
@example([(("source",), "\ud800")])
@example([(("domain", "l_zonal"), 10**5000)])
@example([(("sampling", "triplets", "tile_N"), 10**400)])
def test_no_value_anywhere_makes_it_crash(changes):
    mutated = copy.deepcopy(RICH)
    for place, value in changes:
        inner = mutated
        try:
            for part in place[:-1]:
                inner = inner[part]
            inner[place[-1]] = value
        except (TypeError, KeyError, IndexError):
            continue  # an earlier change removed the place
    _checked(mutated)


LINES = STARTER.splitlines(keepends=True)
SCRAPS = st.sampled_from(
    [":", "-", "{", "}", "[", "]", "&a ", "*a", "<<: *a", "!!int ", "!!map ", "!!timestamp ", "? ",
     "|", ">", "'", '"', "#", "%", "@", "`", "\t", "\n", "---\n", "null", "yes", "1e400", "0x",
     ".inf", ".nan", "12:30", "0o7", "=", "\x85", "\u2028", "\ufeff", "\\ud800", "é", "𝄞"]
)  # fmt: skip


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(st.integers(0, len(STARTER)), st.integers(0, 12), SCRAPS | st.text(max_size=4)),
        min_size=1,
        max_size=4,
    )
)
def test_no_text_makes_it_crash(path, edits):
    text = STARTER
    for place, length, scrap in edits:
        text = text[:place] + scrap + text[place + length :]
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    _checked(path)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_bytes_make_it_crash(path, content):
    path.write_bytes(content)
    _checked(path)


def test_the_published_sections_together(tmp_path):
    """Intervals, zenith filter, a wide domain and both auxiliary products of the seed's guide."""
    text = """
source: goes16
type: multichannel__10__11__12
time:
  intervals:
    - t_start: 2018-10-01 00:00:00
      t_end: 2019-03-01 00:00:00
    - t_start: 2019-10-01 00:00:00
      t_end: 2020-03-01 00:00:00
  filters:
    N_hours_from_zenith: 4.0
domain:
  central_latitude: 14.0
  central_longitude: -48.0
  l_zonal: 3000.0e+3
  l_meridional: 1000.0e+3
sampling:
  resolution: 1000.0
  triplets:
    scene_collections_splitting: random_by_relative_sample_size
    N_triplets: {train: 10, study: 2}
    tile_N: 256
aux_products:
  cloud_top_height_goes16:
    source: goes16
    type: ACHA
  cloud_top_height_ceres:
    source: ceres
    type: goes16n__cloud_top_height
    scene_mapping_strategy: all_scenes_within_dt_aux
    dt_aux: PT30M
"""
    assert said(text, tmp_path) == {("E001", "aux_products.cloud_top_height_ceres.source")}
    meta, problems = found(text, tmp_path, known_sources=("goes16", "ceres", "netcdf"))
    assert problems == []
    assert [str(each.start)[:10] for each in meta.intervals] == ["2018-10-01", "2019-10-01"]
    assert meta.filters.hours_from_zenith == 4
    assert meta.type.inputs == ("rad_10", "rad_11", "rad_12")
    assert meta.aux_products["cloud_top_height_ceres"].seconds == 1800
    assert meta.aux_products["cloud_top_height_ceres"].storage is None
