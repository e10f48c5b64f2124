"""STAC items on disk and at addresses: what is found, what is read of it, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from workbench.openeo.catalogues import stac, stacitems
from workbench.openeo.catalogues.remote import Remote
from workbench.openeo.catalogues.requests import read_request
from workbench.openeo.catalogues.stac import StacSource
from workbench.openeo.catalogues.stacbands import band_assets, stated_header
from workbench.openeo.errors import OpenEOError

DAYS = (1, 11, 21)


def item(day, *, base="", bbox=(3.0, 50.5, 3.01, 50.6), **assets):
    name = f"I{day:02d}"
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "geometry": None,
        "bbox": list(bbox),
        "properties": {"datetime": f"2022-06-{day:02d}T10:52:11Z", "eo:cloud_cover": day},
        "links": [],
        "assets": assets
        or {
            key: {
                "href": f"{base}{name}_{key}.tif",
                "type": "image/tiff; application=geotiff",
                "eo:bands": [{"name": band, "common_name": common}],
                "raster:bands": [{"scale": 0.0001, "data_type": "uint16", "nodata": 0}],
            }
            for key, band, common in (("red", "B04", "red"), ("nir", "B08", "nir"))
        },
    }


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def images(tmp_path, small):
    """Write the images of three items into a folder and return it."""
    x, y = small.centres()
    for at, day in enumerate(DAYS):
        for number, key in enumerate(("red", "nir")):
            path = tmp_path / "stac" / f"I{day:02d}_{key}.tif"
            small.write(path, small.values(x, y, at, number))
    return tmp_path / "stac"


COLLECTION = {
    "type": "Collection",
    "stac_version": "1.0.0",
    "id": "theirs",
    "title": "Their title",
    "description": "Their words.",
    "license": "CC0-1.0",
    "extent": {"spatial": {"bbox": [[-1, -1, 1, 1]]}, "temporal": {"interval": [[None, None]]}},
    "cube:dimensions": {"bands": {"type": "bands", "values": ["B08", "B04", "B99"]}},
}


@pytest.fixture(params=["collection", "catalog", "list"])
def start(images, request):
    """Items in each of the forms in which they come; return the first document."""
    if request.param == "list":
        features = [item(day) for day in DAYS]
        return write(images / "items.json", {"type": "FeatureCollection", "features": features})
    for day in DAYS:
        write(images / f"I{day:02d}.json", item(day))
    links = [{"rel": "item", "href": f"./I{day:02d}.json"} for day in DAYS]
    links += [{"rel": "root", "href": "https://example.org/not/asked"}]
    write(images / "collection.json", {**COLLECTION, "links": links})
    if request.param == "collection":
        return images / "collection.json"
    links = [{"rel": "child", "href": "stac/collection.json"}, {"rel": "self", "href": "x"}]
    return write(images.parent / "catalog.json", {"type": "Catalog", "id": "all", "links": links})


def test_items_on_disk(start, catalogue_of, small, tmp_path):
    catalogue = catalogue_of(kind="stac", path=str(start))
    cube = catalogue.load("C", bands=["nir", "B04"])
    x, y = small.centres()
    assert cube.labels("bands") == ["B08", "B04"]
    assert cube.labels("t") == [f"2022-06-{day:02d}T10:52:11Z" for day in DAYS]
    for at in range(3):
        assert np.array_equal(cube.array.values[at, 0], small.values(x, y, at, 1))
        assert np.array_equal(cube.array.values[at, 1], small.values(x, y, at, 0))
    document = catalogue.document("C")
    assert document["summaries"]["eo:cloud_cover"] == list(DAYS)
    assert document["summaries"]["raster:bands"][0]["scale"] == 0.0001
    assert document["extent"]["spatial"]["bbox"][0] == pytest.approx(
        [3.0, 50.5492, 3.0042, 50.5519], abs=1e-3
    )
    assert str(tmp_path) not in json.dumps(document)
    if start.name == "collection.json":
        assert document["title"] == "Their title"
        assert document["cube:dimensions"]["bands"]["values"] == ["B08", "B04"]
        assert document["id"] == "C"


def test_items_are_filtered_by_time_place_and_properties(start, catalogue_of):
    catalogue = catalogue_of(kind="stac", path=str(start))
    cube = catalogue.load("C", None, ["2022-06-11", "2022-06-21T10:52:11Z"])
    assert cube.labels("t") == ["2022-06-11T10:52:11Z"]
    cube = catalogue.load("C", properties={"eo:cloud_cover": lambda value: value < 15})
    assert len(cube.labels("t")) == 2
    for extents in (
        {"temporal_extent": [None, "2022-06-01"]},
        {"spatial_extent": {"west": 8, "south": 50, "east": 9, "north": 51}},
        {"properties": {"eo:cloud_cover": lambda value: value > 99}},
    ):
        with pytest.raises(OpenEOError) as caught:
            catalogue.load("C", **extents)
        assert caught.value.code == "NoDataAvailable"
        if "spatial_extent" in extents:
            assert "No item lies in the area; those that there are lie in" in caught.value.message


def test_bands_of_assets():
    tiff = {"type": "image/tiff"}
    found = band_assets({
        "assets": {
            "thumb": {**tiff, "roles": ["thumbnail"], "eo:bands": [{"name": "B01"}]},
            "visual": {**tiff, "eo:bands": [{"name": "B04"}, {"name": "B03"}, {"name": "B02"}]},
            "red": {**tiff, "eo:bands": [{"name": "B04", "common_name": "red"}]},
            "again": {**tiff, "eo:bands": [{"name": "B04"}]},
            "SCL": {"href": "a/b.JP2?x=y"},
            "new": {**tiff, "bands": [{"name": "B05", "eo:common_name": "rededge"}]},
            "info": {"href": "a.xml", "type": "application/xml"},
        }
    })  # fmt: skip
    assert list(found) == ["B04", "again", "SCL", "B05", "B03", "B02"]
    assert (found["B04"].index, found["B03"].index) == (0, 1)
    assert found["B04"].said["common_name"] == "red"


def test_headers_that_are_stated():
    asset = {
        "type": "image/tiff", "href": "x", "proj:shape": [2, 3],
        "proj:transform": [10, 0, 5e5, 0, -10, 5e6, 0, 0, 1],
        "bands": [{"name": "a", "data_type": "float32", "nodata": "nan"}],
    }  # fmt: skip
    held = band_assets({"assets": {"a": asset}})["a"]
    found = stated_header({"properties": {"proj:code": "EPSG:32631"}}, held, "x")
    assert (found.shape, found.dtype, found.grid.crs.epsg) == ((2, 3), "float32", 32631)
    assert np.isnan(found.nodata)
    assert stated_header({"properties": {}}, held, "x") is None
    for change in ({"proj:shape": [0, 3]}, {"proj:transform": ["a"] * 6}, {"bands": [{}]}):
        held = band_assets({"assets": {"a": {**asset, **change}}}).popitem()[1]
        assert stated_header({"properties": {"proj:epsg": 32631}}, held, "x") is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("no JSON", "items.json: not JSON"),
        ("[" * 100_000, "not JSON"),
        ([1], "it is no STAC, but a list"),
        ({"type": "Cat"}, "it is no STAC .type 'Cat'"),
        ({"type": "FeatureCollection", "features": [3]}, "holds something that is none"),
        ({"type": "FeatureCollection", "features": [{"id": "a"}]}, "'a' is no item of STAC"),
        ({"type": "FeatureCollection", "features": []}, "no item that can be read"),
        ({"type": "Catalog", "links": [{"rel": "item", "href": "gone.json"}]}, "gone.json: cannot"),
        (
            {"type": "Catalog", "links": [{"rel": "item", "href": "ftp://x/y"}]},
            "neither a file nor",
        ),
        ({**item(1), "properties": {}}, "it has no datetime"),
        ({**item(1), "properties": {"datetime": "noon"}}, "'noon' is not a time"),
        (item(1, a={"href": "gone.tif"}), "item I01: gone.tif: no such file"),
        (item(1, a={"href": "/vsicurl/x.tif"}), "is no address of a file"),
        (item(1, a={"href": "http://127.0.0.1/x.tif"}), "not among those"),
        (item(1, a={"href": "items.json", "type": "image/tiff"}), "items.json"),
    ],
)
def test_broken_documents_are_named_without_their_folder(images, catalogue_of, content, words):
    path = images / "items.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(OpenEOError, match=words) as caught:
        catalogue_of(kind="stac", path=str(path)).document("C")
    assert str(images.parent) not in caught.value.message


def test_files_elsewhere_are_named_without_their_folder(images, catalogue_of, tmp_path):
    (tmp_path / "else").mkdir()
    broken = tmp_path / "else" / "broken.tif"
    broken.write_text("no TIFF")
    write(images / "items.json", item(1, a={"href": str(broken)}))
    with pytest.raises(OpenEOError, match=r"broken.tif") as caught:
        catalogue_of(kind="stac", path=str(images / "items.json")).load("C")
    assert str(tmp_path) not in caught.value.message


def test_broken_items_can_be_left_out(images, catalogue_of, caplog):
    features = [item(day) for day in DAYS]
    (images / "I11_nir.tif").write_bytes(b"")
    write(images / "items.json", {"type": "FeatureCollection", "features": features})
    path = str(images / "items.json")
    with pytest.raises(OpenEOError, match=r"item I11: I11_nir.tif: the file is empty"):
        catalogue_of(kind="stac", path=path).load("C")
    cube = catalogue_of("on_error: skip", kind="stac", path=path).load("C")
    assert len(cube.labels("t")) == 2
    assert "I11_nir.tif" in caplog.text


def test_circles_and_crowds_end(images, catalogue_of, monkeypatch):
    write(images / "a.json", {"type": "Catalog", "links": [{"rel": "child", "href": "b.json"}]})
    write(images / "b.json", {"type": "Catalog", "links": [
        {"rel": "child", "href": "a.json"}, {"rel": "item", "href": "I01.json"}]})  # fmt: skip
    write(images / "I01.json", item(1))
    catalogue = catalogue_of(kind="stac", path=str(images / "a.json"))
    assert len(catalogue.load("C").labels("t")) == 1
    monkeypatch.setattr(stacitems, "MOST_DOCUMENTS", 2)
    with pytest.raises(OpenEOError, match="more than 2 documents"):
        catalogue.document("C")
    monkeypatch.undo()
    monkeypatch.setattr(stacitems, "MOST_ITEMS", 0)
    with pytest.raises(OpenEOError, match="more than 0 items"):
        catalogue.document("C")


@pytest.fixture
def site(server, images):
    """The items at an address, as files and as an API with pages."""
    for path in images.glob("*.tif"):
        server.files[f"/data/{path.name}"] = path.read_bytes()
    links = [{"rel": "item", "href": f"items/I{day:02d}.json"} for day in DAYS]
    server.files["/data/collection.json"] = json.dumps({**COLLECTION, "links": links}).encode()
    for day in DAYS:
        server.files[f"/data/items/I{day:02d}.json"] = json.dumps(item(day, base="../")).encode()
    api = {**COLLECTION, "links": [{"rel": "items", "href": "/api/c/items"}]}
    server.files["/api/c"] = json.dumps(api).encode()
    for page, days in (("items", DAYS[:2]), ("more", DAYS[2:])):
        features = [item(day, base="/data/") for day in days]
        more = [{"rel": "next", "href": "/api/c/more"}] if page == "items" else []
        found = {"type": "FeatureCollection", "features": features, "links": more}
        server.files[f"/api/c/{page}"] = json.dumps(found).encode()
    return server


@pytest.mark.parametrize("place", ["/data/collection.json", "/api/c"])
def test_items_at_an_address(site, small, place):
    source = StacSource({"url": site.url + place}, Path(), Remote([site.url]))
    left, top = small.corner
    box = {"west": left + 50, "south": top - 100, "east": left + 150, "north": top, "crs": 32631}
    asked = read_request(box, ["2022-06-11", None], None, known={})
    assert source.bands(asked) == {"B08": "nir", "B04": "red"}
    cube = source.load(asked)
    assert cube.labels("t") == ["2022-06-11T10:52:11Z", "2022-06-21T10:52:11Z"]
    x, y = cube.array["x"].values, cube.array["y"].values
    assert np.array_equal(cube.array.values[1, 1], small.values(x, y, 2, 0))
    if place == "/api/c":
        query = next(path for path, _, _ in site.asked if path.startswith("/api/c/items?"))
        assert "datetime=2022-06-11T00%3A00%3A00Z%2F.." in query
        assert "bbox=3.0007" in query
        assert source.document()["extent"] == COLLECTION["extent"]
    assert not any(
        "I01_" in path for path, _, _ in site.asked if place != "/api/c" and "tif" in path
    )


def test_an_api_is_asked_across_the_antimeridian():
    box = {"west": 179, "south": -1, "east": -178, "north": 1}
    query = stacitems.query_of(read_request(box, [None, "2022-01-01"], known={}))
    assert query["bbox"] == "179.0000000,-1.0000000,-178.0000000,1.0000000"
    assert query["datetime"] == "../2022-01-01T00:00:00Z"


def test_what_was_fetched_is_kept_for_a_while(site, monkeypatch):
    source = StacSource({"url": f"{site.url}/data/collection.json"}, Path(), Remote([site.url]))
    source.bands(read_request(known={}))
    before = len(site.asked)
    source.bands(read_request(known={}))
    assert len(site.asked) == before
    monkeypatch.setattr(stac, "KEPT", 0.0)
    source.bands(read_request(known={}))
    assert len(site.asked) > before


def test_what_was_fetched_names_no_files(site, images):
    site.files["/evil"] = json.dumps(item(1, a={"href": f"file://{images}/I01_red.tif"})).encode()
    site.files["/worse"] = json.dumps(
        item(1, a={"href": "http://169.254.169.254/x.tif", "type": "image/tiff"})
    ).encode()
    for place, words in (("/evil", "no address of the web"), ("/worse", "not among those")):
        source = StacSource({"url": site.url + place}, Path(), Remote([site.url]))
        with pytest.raises(Exception, match=words):
            source.load(read_request(known={}))


def test_what_an_asset_says_for_all_of_its_bands(images, catalogue_of):
    """STAC 1.1 has nodata, scale and offset at the asset where they are those of all bands."""
    asset = {
        "href": "I01_red.tif", "type": "image/tiff", "nodata": 45, "data_type": "uint16",
        "raster:scale": 0.0001, "raster:offset": -0.1,
        "bands": [{"name": "B04", "eo:common_name": "red"}],
    }  # fmt: skip
    bare = {k: v for k, v in asset.items() if k != "bands"} | {"eo:common_name": "nir"}
    write(images / "items.json", item(1, red=asset, B08=bare | {"href": "I01_nir.tif"}))
    catalogue = catalogue_of(kind="stac", path=str(images / "items.json"))
    said = catalogue.document("C")["summaries"]
    assert [band["common_name"] for band in said["eo:bands"]] == ["red", "nir"]
    for band in said["raster:bands"]:
        assert (band["nodata"], band["scale"], band["offset"]) == (45, 0.0001, -0.1)
    found = catalogue.load("C", bands=["red"]).array.values
    assert np.isnan(found).sum() == 1, "the pixel that is 45"


def test_each_item_has_its_own_nodata_and_offset(images, catalogue_of):
    """The first of them says nothing of the others, as of before and after a change of baseline."""
    features = []
    for day, raster in ((1, {"nodata": 1}), (11, {"nodata": 2002, "offset": -0.1}), (21, {})):
        asset = {"href": f"I{day:02d}_red.tif", "type": "image/tiff", "eo:bands": [{"name": "B04"}]}
        features.append(item(day, red=asset | {"raster:bands": [{"scale": 0.0001, **raster}]}))
    write(images / "items.json", {"type": "FeatureCollection", "features": features})
    catalogue = catalogue_of(kind="stac", path=str(images / "items.json"))
    found = catalogue.load("C").array.values[:, 0]
    missing = [np.argwhere(np.isnan(image)).tolist() for image in found]
    assert missing == [[[0, 0]], [[0, 1]], []]
    (band,) = catalogue.document("C")["summaries"]["raster:bands"]
    assert not {"nodata", "scale", "offset"} & set(band)


@pytest.mark.parametrize("href", ["./gr%C3%BCn%20rot/a%20b.tif", "./grün rot/a b.tif"])
def test_names_with_spaces_and_umlauts(images, catalogue_of, href):
    (images / "grün rot").mkdir()
    (images / "I01_red.tif").rename(images / "grün rot" / "a b.tif")
    write(images / "items.json", item(1, B04={"href": href, "type": "image/tiff"}))
    cube = catalogue_of(kind="stac", path=str(images / "items.json")).load("C")
    assert cube.labels("bands") == ["B04"]
    (images / "a%20b.tif").write_bytes((images / "I11_red.tif").read_bytes())
    write(images / "items.json", item(1, B04={"href": "a%20b.tif", "type": "image/tiff"}))
    assert catalogue_of(kind="stac", path=str(images / "items.json")).load("C").array.size


def test_items_without_a_time_can_be_left_out(images, catalogue_of, caplog):
    features = [item(day) for day in DAYS]
    features[1]["properties"] = {"datetime": None}
    write(images / "items.json", {"type": "FeatureCollection", "features": features})
    path = str(images / "items.json")
    with pytest.raises(OpenEOError, match="item I11: it has no datetime"):
        catalogue_of(kind="stac", path=path).load("C")
    cube = catalogue_of("on_error: skip", kind="stac", path=path).load("C")
    assert len(cube.labels("t")) == 2
    assert "item I11: it has no datetime" in caplog.text


def test_words_of_a_collection_that_are_no_texts_are_left_out(images, catalogue_of):
    links = [{"rel": "item", "href": "item.json"}]
    words = {"title": None, "description": "", "license": 5}
    write(images / "item.json", item(1))
    write(images / "collection.json", {**COLLECTION, **words, "links": links})
    found = catalogue_of(kind="stac", path=str(images)).document("C")
    assert found["title"] == "C"
    assert found["description"] == "The collection C."
    assert found["license"] == "proprietary"
