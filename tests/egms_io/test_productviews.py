"""What a notebook and a console show of a product."""

from __future__ import annotations

import base64
import io
import re
import tracemalloc
from dataclasses import replace
from html.parser import HTMLParser

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

import egms_io
from egms_io.productviews import html_view, velocity_picture

_VOID = {"img"}


class Page(HTMLParser):
    """The text of a page, and whether each tag that opens is closed."""

    def __init__(self, source):
        super().__init__()
        self.open, self.tags, self.words = [], [], []
        self.feed(source)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def bursts(tmp_path_factory, pair):
    return pair(tmp_path_factory.mktemp("bursts"), dates=40)


@pytest.fixture
def product(bursts, bounds):
    return egms_io.ortho(bursts, aoi=bounds)


def test_text_says_what_it_is_in_a_few_lines(product, tmp_path):
    lines = repr(product).splitlines()
    assert lines[0] == "<OrthoProduct custom>"
    facts = dict(re.split(r"\s{2,}", line.strip(), maxsplit=1) for line in lines[1:])
    assert facts["area"] == "4549900 to 4550300 E, 2049900 to 2050200 N (m, EPSG:3035)"
    dates = product.method.dates
    assert facts["dates"] == f"{len(dates)}, 2020-01-09 to 2020-08-18"
    assert facts["cells"].startswith(f"{product.cells} of 100 m")
    assert facts["bursts"] == "2 of 2 used: 1 ascending, 1 descending"
    speeds = product.up["mean_velocity"]
    assert facts["up velocity"] == (
        f"{speeds.min():.1f} to {speeds.max():.1f}, median {speeds.median():.1f} mm / yr"
    )
    assert facts["files"] == "none yet: write(folder)"
    product.write(tmp_path, formats=("parquet",))
    product.write(tmp_path, formats=("zip", "parquet"))
    assert "6 written" in repr(product)


def test_html_holds_facts_bursts_files_and_two_maps(product, tmp_path):
    paths = product.write(tmp_path, formats=("parquet",))
    page = Page(product._repr_html_())
    text = " ".join(page.words)
    for line in repr(product).splitlines()[1:]:
        assert re.split(r"\s{2,}", line.strip(), maxsplit=1)[1] in text
    for entry in product.report["bursts"]:
        assert entry["name"] in text
    assert all(str(path) in page.words for path in paths)
    assert all(warning in page.words for warning in product.report["warnings"])
    pictures = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(pictures) == 2
    for picture, component in zip(pictures, "EU", strict=True):
        data = base64.b64decode(picture["src"].removeprefix("data:image/png;base64,"))
        assert data == velocity_picture(product, component)


def test_text_is_escaped_and_colours_are_left_to_the_page(product):
    hostile = "<script>alert('x')</script> & \"more\""
    product.report["warnings"] = [hostile]
    product.report["bursts"][0]["reason"] = hostile
    product.report["bursts"][0]["used"] = False
    product.plan = replace(product.plan, area=replace(product.area, name=hostile))
    source = product._repr_html_()
    page = Page(source)
    assert "script" not in {tag for tag, _ in page.tags}
    assert page.words.count(hostile) == 2
    styles = [attributes.get("style", "") for _, attributes in page.tags]
    assert not any(re.search(r"(^|;)\s*color:", style) for style in styles)
    assert [style for style in styles if "background" in style] == [
        attributes["style"] for tag, attributes in page.tags if tag == "img"
    ]


def test_maps_show_the_cells(product):
    for component, frame in (("E", product.east), ("U", product.up)):
        pixels = np.asarray(Image.open(io.BytesIO(velocity_picture(product, component))))
        columns, rows = (
            np.rint((frame[axis] - frame[axis].min()) / 100).astype(int)
            for axis in ("easting", "northing")
        )
        scale = 240 // (max(rows.max(), columns.max()) + 1)
        assert pixels.shape == ((rows.max() + 1) * scale, (columns.max() + 1) * scale, 4)
        assert np.count_nonzero(pixels[::scale, ::scale, 3]) == len(frame)
        limit = product.velocity_limit
        for row, column, speed in zip(rows, columns, frame["mean_velocity"], strict=True):
            ramp = mpl.colormaps["RdBu"]((speed + limit) / (2 * limit), bytes=True)
            shown = pixels[(rows.max() - row) * scale, column * scale]
            np.testing.assert_allclose(shown, ramp, atol=1)


def test_a_wide_product_has_a_small_picture(bursts):
    product = egms_io.ortho(bursts, aoi=["E45N20", "E49N24"])
    assert len(product._repr_html_()) < 40_000
    assert repr(product).splitlines()[0] == "<OrthoMosaic E45N20-E49N24>"
    tracemalloc.start()
    velocity_picture(product, "E")
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


def test_a_product_without_a_cell_has_no_picture(bursts, bounds):
    product = egms_io.ortho(bursts[:1], aoi=bounds)
    page = Page(html_view(product, product.report, []))
    assert "img" not in {tag for tag, _ in page.tags}
    assert "only the descending pass sees the area" in " ".join(page.words)
    assert "0 of 100 m" in repr(product)
