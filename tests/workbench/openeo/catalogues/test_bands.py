"""What collections say of bands, and what clients read of it."""

from __future__ import annotations

import math

import numpy as np
from openeo.metadata import CollectionMetadata

from workbench.openeo.catalogues.bands import Band, read_bands, summaries_of
from workbench.openeo.catalogues.descriptions import MOST_LISTED, property_summaries


def test_what_is_not_known_is_left_out():
    found = summaries_of([Band("a"), Band("b", common_name="strange", nodata=math.nan)])
    assert found["eo:bands"] == [{"name": "a"}, {"name": "b"}]
    assert found["raster:bands"] == [{"name": "a"}, {"name": "b", "nodata": "nan"}]


def test_bands_by_list_and_by_name():
    assert list(read_bands(["b", "a"], "bands")) == ["b", "a"]
    bands = read_bands({"b": None, "a": {"scale": 2}}, "bands")
    assert bands["a"].scale == 2
    assert bands["a"].filled(scale=3, offset=1) == Band("a", scale=2, offset=1)
    assert read_bands(None, "bands") == {}


def test_the_client_finds_bands_and_dimensions(folder, catalogue_of):
    words = "bands: {B08: {common_name: nir, center_wavelength: 0.84}, B04: {common_name: red}}"
    found = CollectionMetadata(catalogue_of(words).document("C"))
    assert found.band_names == ["B08", "B04"]
    assert found.get_band_index("red") == 1
    assert found.dimension_names() == ["x", "y", "t", "bands"]
    assert found.temporal_dimension.extent == ["2022-06-01T00:00:00Z", "2022-06-21T00:00:00Z"]


def test_properties_are_listed_unless_there_are_too_many():
    many = [{"n": n, "same": "a", "mixed": "b" if n % 2 else n % 4, "deep": {}} for n in range(500)]
    assert property_summaries(many) == {"same": ["a"], "mixed": [0, 2, "b"]}
    assert len(property_summaries(many[:MOST_LISTED])["n"]) == MOST_LISTED
    assert property_summaries([{"a": np.float64(1.5)}, {"a": float("nan")}]) == {"a": [1.5]}
