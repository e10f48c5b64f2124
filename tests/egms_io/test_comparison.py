"""Comparing products: counts by hand on small frames, figures that draw."""

import numpy as np
import pytest

import egms_io
from egms_io import figures
from egms_io.errors import BadArgument, BadProduct


@pytest.fixture(scope="module")
def product(egms_sample):
    return egms_io.ortho(egms_sample, aoi=(4_541_000, 2_051_000, 4_542_000, 2_052_000))


@pytest.fixture
def printed(product):
    return egms_io.format_dataframe(product.up)


def test_a_product_equals_itself(product):
    found = egms_io.compare(product, product, "U")
    assert found.cells == {"common": product.cells, "missing": 0, "extra": 0}
    assert found.series["max"] == 0
    assert found.series["same"] == found.series["values"]
    assert all(row["same"] == row["values"] for row in found.fields.values())


def test_printed_values_round_the_unrounded(product, printed):
    found = egms_io.compare(product, printed, "U")
    assert found.series["same"] == found.series["values"]
    assert 0 < found.series["max"] <= 0.05 + 1e-9


def test_what_differs_is_counted(printed):
    other = printed.copy()
    date = str(other.columns[20])
    other.loc[other.index[:3], date] += 0.1
    other.loc[other.index[0], "mean_velocity"] += 2
    other = other.iloc[:-2]
    found = egms_io.compare(printed, other)
    assert found.cells == {"common": len(printed) - 2, "missing": 0, "extra": 2}
    assert found.series["values"] - found.series["same"] == 3
    assert found.series["max"] == pytest.approx(0.1)
    velocity = found.fields["mean_velocity"]
    assert (velocity["values"] - velocity["same"], velocity["max"]) == (1, pytest.approx(2))
    text = str(found)
    assert f"{len(printed) - 2} common, 0 missing, 2 extra" in text
    assert "one side is empty" in text or "gnss_velocity_n" in text


def test_products_without_a_common_cell_or_date_are_refused(printed):
    far = printed.assign(easting=printed["easting"] + 500_000)
    with pytest.raises(BadProduct, match="share no cell"):
        egms_io.compare(printed, far)
    dates = [name for name in printed.columns if str(name).isdigit()]
    with pytest.raises(BadProduct, match="share no date"):
        egms_io.compare(printed, printed.drop(columns=dates))


def ink(figure):
    """Give the share of pixels that are not background."""
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3]
    return np.mean((pixels != 255).any(axis=-1))


def test_figures_draw_and_label(product):
    import matplotlib

    matplotlib.use("Agg")
    places = [(4_541_450, 2_051_550)]
    drawn = [
        figures.velocity_maps(product, note="simulated"),
        figures.point_count_maps(product),
        figures.series_plot(product, places),
        figures.residual_histogram(product),
        figures.comparison_plot(egms_io.compare(product, product)),
    ]
    for figure in drawn:
        assert ink(figure) > 0.02
        labels = [axis.get_xlabel() + axis.get_ylabel() for axis in figure.axes]
        assert any("[" in label or "mm" in label or "points" in label for label in labels)
    assert "simulated" in drawn[0].get_suptitle()


@pytest.fixture
def files(product, tmp_path):
    return {c: p for p in product.write(tmp_path, formats=("zip",)) if p.suffix == ".zip"
            for c in "EU" if f"_{c}_" in p.name}  # fmt: skip


def test_east_is_not_compared_with_up(product, files, tmp_path):
    refused = [
        ((files["E"], files["U"]), {}),
        ((product, files["U"]), {"component": "E"}),
        ((product.east, product.up), {}),
        ((product.east, files["U"]), {}),
    ]
    for sides, options in refused:
        with pytest.raises(BadProduct, match=r"up") as caught:
            egms_io.compare(*sides, **options)
        assert "east" in str(caught.value)
    renamed = files["U"].rename(tmp_path / "up.zip")  # the name inside still tells
    with pytest.raises(BadProduct, match="two components cannot"):
        egms_io.compare(files["E"], renamed)


def test_the_component_is_that_of_the_file(product, files):
    for component in "EU":
        found = egms_io.compare(product, files[component])
        assert found.series["same"] == found.series["values"]


def test_a_place_far_from_every_cell_is_refused(product):
    with pytest.raises(BadArgument, match=r"4,\d{3}\.\d km away"):
        figures.series_plot(product, [(50_000.0, 3_000_000.0)])
    figures.series_plot(product, [(4_541_450.0 + 600, 2_051_550.0)])


def test_an_empty_product_has_no_series_to_plot(product):
    sources = [p for b in product.report["bursts"] for p in b["files"]]
    nothing = egms_io.ortho(sources, aoi="E30N30")
    with pytest.raises(BadArgument, match="nearest cell"):
        figures.series_plot(nothing, [(3_050_000.0, 3_050_000.0)])
