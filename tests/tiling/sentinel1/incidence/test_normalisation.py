"""NORMLIM and the choice of the acquisition."""

from __future__ import annotations

import logging
import shutil

import numpy as np
import pytest
from radarground import rough_window

from tiling.sentinel1.errors import NoS1ImageError
from tiling.sentinel1.incidence.acquisitions import (
    best_acquisition,
    spans_three_times,
    tile_coverage,
)
from tiling.sentinel1.incidence.angles import level_incidence, local_incidence
from tiling.sentinel1.incidence.normalisation import gamma_naught, normlim
from tiling.sentinel1.products.safefolders import Image
from workbench.errors import BadInput
from workbench.rasters.windows import Window


def test_normlim_of_level_ground_is_beta_times_the_sine(looks):
    window = Window((40, 60), (70, 90))
    beta = np.linspace(0.01, 2, 400, dtype=np.float32).reshape(20, 20)
    heights = np.full((22, 22), 250.0)
    sine, _ = local_incidence(looks, heights, window)
    level, _ = level_incidence(looks, heights, window)
    np.testing.assert_allclose(normlim(beta, sine), beta * level, rtol=1e-5)


def test_nothing_stays_nothing():
    beta = np.array([[0.0, 1.0, 1e-9, 0.5]], np.float32)
    sine = np.array([[0.5, np.nan, 0.5, 0.0]], np.float32)
    np.testing.assert_array_equal(
        normlim(beta, sine, lower=1e-7), np.array([[0, 0, 1e-7, 1e-7]], np.float32)
    )
    areas = np.array([[1.0, np.nan, 1.0, 2.0]], np.float32)
    np.testing.assert_array_equal(
        gamma_naught(beta, areas, lower=1e-7), np.array([[0, 0, 1e-7, 0.25]], np.float32)
    )


@pytest.mark.parametrize("function", [normlim, gamma_naught])
def test_bad_input(function):
    with pytest.raises(BadInput, match="lower is 0"):
        function(np.ones((2, 2)), np.ones((2, 2)), lower=0)
    with pytest.raises(BadInput, match=r"\(2, 2\), what goes with it \(2, 3\)"):
        function(np.ones((2, 2)), np.ones((2, 3)))


def test_normlim_leaves_less_of_the_relief(looks):
    """Where power goes with the reciprocal of the sine, as of level ground, nothing is left."""
    window = Window((100, 160), (100, 160))
    sine, _ = local_incidence(looks, rough_window(window), window)
    beta = 0.1 / np.maximum(sine, 0.01)
    found = normlim(beta, sine)[sine > 0.01]
    assert np.ptp(np.log(beta)) > 1
    np.testing.assert_allclose(found, 0.1, rtol=1e-5)


def test_the_best_covered_image_with_vectors_enough(full_product, relief_product, older_products):
    assert tile_coverage(Image(full_product, "vv"), "33TUG") == pytest.approx(1)
    assert tile_coverage(Image(full_product, "vv"), "32TPS") == 0
    images = [Image(full_product, "vv"), Image(relief_product, "vv")]
    for order in (images, images[::-1]):
        assert best_acquisition(order, "33TUG") == images[0]
        assert best_acquisition(order, "32TPS") == images[1]
    assert [
        spans_three_times(Image(older_products[name], "vv")) for name in ("6D00", "CEAB", "3768")
    ] == [True, False, False]


def test_vectors_that_do_not_reach_far_are_said(older_products, caplog):
    """Both images of 2015 have vectors of their own 25 seconds only."""
    images = [Image(older_products[name], "vv") for name in ("CEAB", "3768")]
    shares = [tile_coverage(image, "32UPB") for image in images]
    with caplog.at_level(logging.WARNING):
        found = best_acquisition(images, "32UPB")
    assert found == images[int(np.argmax(shares))]
    assert "32UPB" in caplog.text
    assert found.folder.name in caplog.text


def test_of_two_that_cover_the_same_the_older_one(full_product, tmp_path):
    """A copy of a product that says to be a year older."""
    older = tmp_path / "older.SAFE"
    shutil.copytree(
        full_product, older, ignore=shutil.ignore_patterns("measurement", "preview", "support")
    )
    manifest = older / "manifest.safe"
    manifest.chmod(0o644)
    manifest.write_text(manifest.read_text().replace("2021-12-23T", "2020-12-23T"))
    images = [Image(full_product, "vv"), Image(older, "vv")]
    assert best_acquisition(images, "33TUG").folder == older
    assert best_acquisition(images[::-1], "33TUG").folder == older


def test_no_image_of_the_tile(full_product):
    for images in ([], [Image(full_product, "vv")]):
        with pytest.raises(NoS1ImageError):
            best_acquisition(images, "55HBA")
