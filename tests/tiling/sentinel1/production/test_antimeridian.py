"""A run across the antimeridian: the sample, with the Earth below it turned by 169 degrees."""

from __future__ import annotations

import json
import math
import re
import shutil

import numpy as np
import pytest
import rasterio
from affine import Affine

from tiling.sentinel1.figures import target_offsets
from tiling.sentinel1.production.running import process
from workbench.rasters.grids import transformer
from workbench.rasters.tilegrid import parse_tile

TURN = 169  # its middle comes to 179.985 degrees east
TILES = ("60TYL", "01TBF")


def turned(longitude):
    return (longitude + TURN + 180) % 360 - 180


def turn_vectors(text):
    """Turn positions and velocities about the axis of the Earth."""
    cosine, sine = math.cos(math.radians(TURN)), math.sin(math.radians(TURN))

    def turn(found):
        x, y = float(found[1]), float(found[3])
        return f"<x>{cosine * x - sine * y!r}</x>{found[2]}<y>{sine * x + cosine * y!r}</y>"

    text, count = re.subn(r"<x>([^<]*)</x>(\s*)<y>([^<]*)</y>", turn, text)
    assert count > 20
    return text


def turn_longitudes(text):
    return re.sub(
        r"<longitude>([^<]*)<", lambda found: f"<longitude>{turned(float(found[1]))!r}<", text
    )


def turn_footprint(text):
    def turn(found):
        pairs = (pair.split(",") for pair in found[2].split())
        moved = " ".join(f"{latitude},{turned(float(lon)):.6f}" for latitude, lon in pairs)
        return found[1] + moved

    text, count = re.subn(r"(<gml:coordinates>)([^<]*)", turn, text)
    assert count == 1
    return text


@pytest.fixture(scope="module")
def other_side(simulated, tmp_path_factory):
    """Products, heights and geoid of the sample, at the other side of the Earth."""
    folder = tmp_path_factory.mktemp("turned")
    for path in (simulated / "S1").glob("*_20230612T*"):
        shutil.copytree(path, folder / "S1" / path.name)
    for path in (folder / "S1").glob("*/annotation/*.xml"):
        path.write_text(turn_longitudes(turn_vectors(path.read_text())))
    for path in (folder / "S1").glob("*/manifest.safe"):
        path.write_text(turn_footprint(path.read_text()))
    (folder / "DEM").mkdir()
    for path in (simulated / "DEM").glob("*.tif"):
        west = turned(int(re.search(r"_E(\d+)_", path.name)[1]))
        name = f"{'E' if west >= 0 else 'W'}{abs(west):03d}"
        target = folder / "DEM" / re.sub(r"E\d{3}", name, path.name)
        shutil.copyfile(path, target)
        with rasterio.open(target, "r+") as file:
            turns = turned(file.transform.c + 0.5) - 0.5 - file.transform.c
            file.transform = Affine.translation(turns, 0) @ file.transform
    geoid = next((simulated / "Geoid").glob("*.gtx"))
    content = geoid.read_bytes()
    values = np.frombuffer(content[40:], ">f4").reshape(181, 360)
    (folder / geoid.name).write_bytes(content[:40] + np.roll(values, TURN, axis=1).tobytes())
    return folder


def test_targets_lie_where_they_should_on_both_sides(other_side, configured, simulated, tmp_path):
    cfg = configured(
        raw_directory=other_side / "S1", dem=other_side / "DEM", dem_database=None,
        dem_filename_format="Copernicus_DSM_COG_10_{id}_DEM.tif", absent_dem_cells="sea",
        GeoidFile=next(other_side.glob("*.gtx")), tile_list=list(TILES), mask_cond=False,
        out_spatial_res=20.0,
    )  # fmt: skip
    assert process(cfg, debug_otb=True).code == 0
    truth = json.loads((simulated / "truth.json").read_text())["targets"]
    sides = set()
    for tile in TILES:
        (path,) = (tmp_path / "out" / tile).glob("*txxxxxx.tif")
        project = transformer("EPSG:4326", f"EPSG:{parse_tile(tile).epsg}")
        targets = []
        for each in truth:
            x, y = project.transform(turned(each["longitude"]), each["latitude"])
            targets.append({"name": each["name"], "x": x, "y": y})
        found = target_offsets(path, targets)
        assert len(found) == 25
        assert np.abs(found[["east", "north"]].to_numpy()).max() < 0.2
        named = {each["name"]: turned(each["longitude"]) > 0 for each in truth}
        sides |= {named[name] for name in found["name"]}
    assert sides == {True, False}
