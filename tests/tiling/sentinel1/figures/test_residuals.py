"""The figure of a residual report shows its numbers."""

from __future__ import annotations

import json

import matplotlib as mpl
import numpy as np
import pytest

from tiling.sentinel1.figures.residuals import residual_figure
from tiling.sentinel1.geometry.imagemodels import image_model
from tiling.sentinel1.geometry.reports import residual_report
from tiling.sentinel1.products.safefolders import Image

mpl.use("Agg")


@pytest.fixture(scope="module")
def report(older_products):
    annotation = Image(older_products["CEAB"], "vv").annotation
    return json.loads(json.dumps(residual_report(annotation, image_model(annotation))))


@pytest.mark.parametrize("corrected", [False, True])
def test_arrows_and_curves(report, corrected, tmp_path):
    figure = residual_figure(report, corrected=corrected, note="real")
    over, along = figure.axes[:2]
    arrows = over.collections[0]
    kind = "left" if corrected else "of"
    np.testing.assert_allclose(arrows.V, report["points"][f"{kind}_lines"])
    np.testing.assert_allclose(arrows.U, report["points"][f"{kind}_pixels"])
    drawn = {line.get_label(): line.get_ydata() for line in along.lines}
    np.testing.assert_allclose(drawn["nearest polynomial"], report["points"]["of_pixels"])
    np.testing.assert_allclose(drawn["between two"], report["points"]["of_pixels_linear"])
    assert len(drawn["polynomials"]) == 27
    assert "(real)" in figure.get_suptitle()
    figure.savefig(tmp_path / "residuals.png")
    mpl.pyplot.close(figure)
