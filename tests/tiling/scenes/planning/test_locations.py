"""Places of tiles: inside the domain, at the distance asked for, the same on any worker."""

from __future__ import annotations

import logging
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiling.scenes.errors import SceneError
from tiling.scenes.meta.model import Triplets
from tiling.scenes.planning import locations
from tiling.scenes.planning.locations import redrawn, settled, triplet_locations
from tiling.scenes.planning.overlaps import overlap, overlap_statistic
from tiling.scenes.planning.placing import _direction, placing
from tiling.scenes.planning.plans import plan_path, write_tiles
from tiling.scenes.planning.tiles import by_scene

SPLITS = {"train": [f"s{n}" for n in range(9)], "study": ["s9", "s10"]}
COUNTS = {"train": 40, "study": 7}
PAIR = ("anchor", "neighbor")


def square(side):
    return (-side / 2, -side / 2, side / 2, side / 2)


@given(
    pixels=st.integers(8, 300),
    resolution=st.sampled_from([10.0, 1000.0, 4 / 3, 0.1]),
    wide=st.floats(1, 6),
    high=st.floats(1, 6),
    distance=st.floats(0.05, 4),
    margin=st.sampled_from([0.5, 2 / 3, 0.9]),
    left=st.sampled_from([0.0, -1e5]),
    periodic=st.booleans(),
    seed=st.integers(0, 2**40),
)
def test_tiles_lie_in_the_domain_and_neighbours_at_their_distance(
    pixels, resolution, wide, high, distance, margin, left, periodic, seed
):
    side = pixels * resolution
    extent = (left, 0.0, left + wide * side, high * side)
    triplets = Triplets(COUNTS, pixels, "shared", distance, margin, seed)
    in_force = margin if 2 * margin <= min(wide, high) * (1 + 1e-9) else 0.5
    terms = [max(length - (in_force + 0.5), 0.0) for length in (wide, high)]
    if not periodic and math.hypot(*terms) < distance * (1 - 1e-6):
        with pytest.raises(SceneError, match="E035"):
            placing(triplets, extent, resolution, periodic=periodic)
        return
    if not periodic and math.hypot(*terms) < distance * (1 + 1e-3):
        return  # so unlikely that either answer is right
    tiles = triplet_locations(
        SPLITS, COUNTS, placing(triplets, extent, resolution, periodic=periodic)
    )
    assert len(tiles) == 3 * sum(COUNTS.values())
    slack = 1e-6 * side
    for anchor, neighbour, distant in zip(tiles[::3], tiles[1::3], tiles[2::3], strict=True):
        assert [t.tile_type for t in (anchor, neighbour, distant)] == [
            "anchor",
            "neighbor",
            "distant",
        ]
        assert anchor.scene_id == neighbour.scene_id != distant.scene_id
        assert {anchor.scene_id, distant.scene_id} <= set(SPLITS[anchor.collection])
        offset = np.array([neighbour.x - anchor.x, neighbour.y - anchor.y])
        if periodic:
            sides = np.array([wide, high]) * side
            copies = [offset + sides * (i, j) for i in range(-5, 6) for j in range(-5, 6)]
            assert min(abs(np.hypot(*copy) - distance * side) for copy in copies) < slack
        else:
            assert np.hypot(*offset) == pytest.approx(distance * side, abs=min(slack, 1))
        for tile, edge in ((anchor, in_force), (neighbour, 0.5), (distant, in_force)):
            reach = 0 if periodic else edge * side - slack
            assert extent[0] + reach <= tile.x <= extent[2] - reach
            assert extent[1] + reach <= tile.y <= extent[3] - reach


PLACE = placing(Triplets(COUNTS, 256), square(900e3), 1000.0)


def test_any_worker_and_any_order_draw_the_same_tiles():
    whole = triplet_locations(SPLITS, COUNTS, PLACE)
    with ThreadPoolExecutor(8) as pool:
        parts = pool.map(
            lambda n: locations._triplet("train", n, SPLITS["train"], PLACE), range(39, -1, -1)
        )
    assert sorted((t for part in parts for t in part), key=lambda t: t.name) == sorted(
        (t for t in whole if t.collection == "train"), key=lambda t: t.name
    )
    more = triplet_locations(
        {**SPLITS, "test": ["a", "b"]}, {"test": 2, **COUNTS, "train": 50}, PLACE
    )
    assert {tile.name: tile for tile in whole}.items() <= {tile.name: tile for tile in more}.items()
    assert triplet_locations(SPLITS, COUNTS, replace(PLACE, seed=1)) != whole
    assert triplet_locations(SPLITS, {"train": 0, "study": 0}, PLACE) == []
    with pytest.raises(SceneError, match="E034b"):
        triplet_locations({"train": ["s0"]}, {"train": 1}, PLACE)


def test_random_numbers_are_those_of_the_specification():
    """Seeded with seed, CRC of the collection and number: no change may move published tiles."""
    rng = np.random.default_rng([0, crc32(b"train"), 3])
    first, second = rng.choice(9, 2, replace=False)
    anchor, _, distant = locations._triplet("train", 3, SPLITS["train"], PLACE)
    assert (anchor.scene_id, distant.scene_id) == (f"s{first}", f"s{second}")


def test_directions_are_those_that_tries_would_find():
    """Against drawing angles until one fits, for anchors near a corner and near an edge."""
    rng = np.random.default_rng(4)
    for anchor in ([190e3, 190e3], [-279e3, 10e3], [0.0, 0.0]):
        anchor = np.array(anchor)
        tried = rng.uniform(0, 2 * np.pi, 40_000)
        offsets = PLACE.distance * np.stack([np.cos(tried), np.sin(tried)])
        fits = (np.abs(anchor[:, None] + offsets) <= np.array(PLACE.neighbours)[:, None]).all(
            axis=0
        )
        drawn = [_direction(rng, anchor, PLACE) % (2 * np.pi) for _ in range(8000)]
        bins = np.linspace(0, 2 * np.pi, 25)
        expected = np.histogram(tried[fits], bins)[0] / fits.sum()
        assert np.histogram(drawn, bins)[0] / 8000 == pytest.approx(expected, abs=0.02)


def test_a_domain_as_wide_as_a_tile():
    """Neighbours can lie straight above and below alone, which no try would ever find."""
    place = placing(Triplets({"train": 5}, 64, edge_margin=0.5), (0, 0, 64e3, 640e3), 1000.0)
    tiles = triplet_locations({"train": ["a", "b"]}, {"train": 20}, place)
    assert {tile.x for tile in tiles} == {32e3}
    for anchor, neighbour in zip(tiles[::3], tiles[1::3], strict=True):
        assert abs(anchor.y - neighbour.y) == pytest.approx(64e3)
    with pytest.raises(SceneError, match=r"E035: .* 64 km from .* 64 by 64 km"):
        placing(Triplets({"train": 5}, 64), square(64e3), 1000.0)


@pytest.mark.parametrize(
    ("reach", "anchor", "angle"),
    [
        ((0.0, 0.5), (0.0, -0.5), math.pi / 2),
        ((0.5, 0.0), (0.5, 0.0), math.pi),
        ((0.3, 0.4), (-0.3, -0.4), math.atan2(4, 3)),
        ((0.4, 0.3), (0.4, -0.3), math.atan2(3, -4)),
    ],
)
@pytest.mark.parametrize("longer", [0, 1e-15, -1e-15, 1e-9])
def test_a_single_direction_is_found_in_spite_of_rounding(reach, anchor, angle, longer):
    place = replace(PLACE, neighbours=reach, side=1.0, distance=1.0 + longer)
    found = _direction(np.random.default_rng(0), np.array(anchor), place)
    assert found == pytest.approx(angle, abs=1e-3)


def test_the_example_of_the_predecessor_is_infeasible():
    with pytest.raises(SceneError, match=r"E033: .*256 km wide.*200 by 200 km.* 200 at most"):
        placing(Triplets({"train": 10}, 256), square(200e3), 1000.0)
    placing(Triplets({"train": 10}, 64), square(200e3), 1000.0)
    placing(Triplets({"train": 10}, 256), square(650e3), 1000.0)


@pytest.mark.parametrize(("side", "feasible"), [(479e3, False), (481e3, True)])
def test_a_square_needs_1_87_tile_sides(side, feasible):
    triplets = Triplets({"train": 3}, 256)
    if feasible:
        assert placing(triplets, square(side), 1000.0).anchors[0] == pytest.approx(
            side / 2 - 512e3 / 3
        )
    else:
        with pytest.raises(SceneError, match="E035"):
            placing(triplets, square(side), 1000.0)


def test_a_narrow_domain_has_a_smaller_margin(caplog):
    with caplog.at_level(logging.WARNING):
        place = placing(Triplets({"train": 3}, 64), (0, 0, 80e3, 300e3), 1000.0)
    assert place.anchors == (8e3, 118e3)
    assert "W033" in caplog.text


def test_tiles_that_lack_pixels_move_within_their_scene():
    """The left half of each scene is missing: tiles end where less than a tenth of them is."""
    place = replace(PLACE, most_missing=0.1)

    def missing(tile):
        return float(np.clip((place.side / 2 - tile.x) / place.side, 0, 1))

    tiles = triplet_locations(SPLITS, COUNTS, place)
    found = {}
    for scene in reversed(by_scene(tiles)):  # any order
        moved, hopeless = settled(reversed(by_scene(tiles)[scene]), missing, place)
        assert not hopeless
        assert {tile.name: tile for tile in moved} == {
            tile.name: tile for tile in settled(by_scene(tiles)[scene], missing, place)[0]
        }
        found |= {tile.name: tile for tile in moved}
    assert found.keys() == {tile.name for tile in tiles}
    for tile in tiles:
        assert missing(found[tile.name]) <= 0.1
        assert replace(found[tile.name], x=0, y=0) == replace(tile, x=0, y=0)
        apart = tile.tile_type == "distant"
        names = [tile.name] if apart else [f"{tile.name[: -len(tile.tile_type)]}{k}" for k in PAIR]
        if all(missing(other) <= 0.1 for other in tiles if other.name in names):
            assert found[tile.name] == tile  # it had no reason to move
    for name, tile in found.items():
        if tile.tile_type == "anchor":
            other = found[name.replace("anchor", "neighbor")]
            assert math.dist((tile.x, tile.y), (other.x, other.y)) == pytest.approx(place.side)


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_one_and_eight_workers_write_the_same_plans(tmp_path, form):
    place = replace(PLACE, most_missing=0.3)

    def write(folder, scene, tiles):
        share = (sum(map(ord, scene)) % 7) / 7  # of the domain that is missing in this scene
        moved, _ = settled(tiles, lambda tile: float(tile.x < (share - 0.5) * 700e3), place)
        write_tiles(plan_path(folder, f"tile_locations.{scene}", form), moved)

    for workers in (1, 8):
        tiles = by_scene(triplet_locations(SPLITS, COUNTS, place))
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(lambda scene: write(tmp_path / str(workers), scene, tiles[scene]), tiles))  # noqa: B023
    one, eight = (sorted((tmp_path / name).iterdir()) for name in "18")
    assert [path.name for path in one] == [path.name for path in eight]
    assert len(one) == 11
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(one, eight, strict=True))


def test_a_scene_without_pixels_is_given_up():
    tiles = triplet_locations(SPLITS, {"train": 1}, PLACE)
    calls = []
    found, hopeless = settled(tiles[:2], lambda tile: calls.append(tile) or 1.0, PLACE, most=7)
    assert found == []
    assert list(hopeless) == ["train/00000_anchor", "train/00000_neighbor"]
    assert "7 places" in hopeless["train/00000_anchor"]
    assert len({(tile.x, tile.y) for tile in calls}) == len(calls) == 7
    distant = [redrawn(tiles[2:], attempt, PLACE)[0] for attempt in (1, 2)]
    places = {(tile.x, tile.y) for tile in [*tiles, *distant, *redrawn(tiles[:2], 1, PLACE)]}
    assert len(places) == 7


@pytest.mark.parametrize(("scaling", "mean", "largest"), [(1.0, 0.045, 0.086), (0.1, 0.88, 0.91)])
def test_overlap_of_neighbours(scaling, mean, largest):
    """The means of the specification, and (1 - |s cos|)(1 - |s sin|) counted on pixels."""
    place = placing(Triplets({"train": 1}, 100, "shared", scaling), square(900e3), 1000.0)
    tiles = triplet_locations(SPLITS, {"train": 2000}, place)
    found = overlap_statistic(tiles, place.side)
    assert found["neighbour_mean"] == pytest.approx(mean, abs=0.005)
    assert found["neighbour_max"] <= largest
    mask = np.zeros((300, 300))
    mask[100:200, 100:200] = 1
    assert overlap(30.0, -20.0, 100.0) == pytest.approx(mask[80:180, 130:230].mean())


def test_overlap_of_different_triplets_against_all_pairs():
    place = placing(Triplets({"train": 1}, 100), square(900e3), 1000.0)
    tiles = triplet_locations(SPLITS, {"train": 60, "study": 5}, place)
    best = []
    for one in tiles:
        shares = [0.0]
        for other in tiles:
            triplets = (one.collection, one.number) != (other.collection, other.number)
            if one.scene_id == other.scene_id and triplets:
                w, h = (place.side - abs(d) for d in (one.x - other.x, one.y - other.y))
                shares.append(max(w, 0) * max(h, 0) / place.side**2)
        best.append(max(shares))
    found = overlap_statistic(tiles, place.side)
    assert found["tiles"] == len(tiles)
    assert found["others"] == pytest.approx(np.mean(np.array(best) > 0))
    assert found["others_mean"] == pytest.approx(np.mean(best))
    assert found["others_max"] == pytest.approx(max(best))
    assert overlap_statistic([], 1.0)["others_max"] == 0
