from __future__ import annotations

import pytest

from tiling.scenes.abi.objectnames import parse_input
from tiling.scenes.meta.producttypes import LEVEL2, read_type


def read(text, source="goes16", inputs=None, function=""):
    said = []
    found = read_type(text, inputs, source, lambda code, message: said.append(code), function)
    assert (found is None) == bool(said)
    return found or said


@pytest.mark.parametrize("kind", ["", "bt_", "refl_", "rad_"])
@pytest.mark.parametrize("number", range(20))
def test_all_channels(kind, number):
    found = read(f"singlechannel__{kind}{number}")
    if not 1 <= number <= 16:
        assert found == ["E003"]
    elif (kind == "bt_" and number < 7) or (kind == "refl_" and number > 6):
        assert found == ["E004"]
    else:
        assert found.kind == "channels"
        assert found.inputs == (f"{kind or 'rad_'}{number}",)


def test_the_order_of_channels_is_kept():
    found = read("multichannel__bt_13__1__refl_2")
    assert found.inputs == ("bt_13", "rad_1", "refl_2")
    assert found.name == "multichannel__bt_13__1__refl_2"
    assert read("multichannel__10").inputs == ("rad_10",)


@pytest.mark.parametrize("product", LEVEL2)
def test_products_of_level_2(product):
    assert read(product).kind == "level2"
    assert read(product.lower()) == ["E002"]


def test_a_band_or_a_variable_of_level_2():
    """They are inputs that the source understands."""
    for text in ("CMIP__13", "CMIP__C02", "ACM__BCM"):
        found = read(text)
        assert (found.kind, found.inputs) == ("level2", (text,))
        assert parse_input(text).level == "L2"
    assert read("CMIP__17") == ["E003"]
    assert read("CMIP__BCM") == ["E002"]


def test_a_type_that_is_nearly_right_is_named():
    said = []
    read_type("singlechanel__bt_3", None, "goes16", lambda _, message: said.append(message))
    assert "did you mean singlechannel__bt_3?" in said[0]


@pytest.mark.parametrize(
    "text",
    [
        "", "truecolor", "singlechannel", "singlechannel__", "multichannel__", "singlechannel_13",
        "singlechannel__bt13", "singlechannel__bt_", "singlechannel__-1", "multichannel__1____2",
        "singlechannel__1.5", "singlechannel__１", "bt_13", "13", "ACHA__1", "rlut",
    ],
)  # fmt: skip
def test_what_is_not_a_type_of_goes(text):
    assert set(read(text)) == {"E002"}


def test_all_channels_that_are_wrong_are_said():
    assert read("multichannel__0__bt_1__refl_9__x") == ["E003", "E004", "E004", "E002"]


@pytest.mark.parametrize(
    ("text", "inputs"),
    [
        ("rlut", ("rlut",)),
        ("singlechannel__rlut", ("rlut",)),
        ("multichannel__cldtop__lwp", ("cldtop", "lwp")),
        ("singlechannel__t_2m", ("t_2m",)),
    ],
)
def test_variables_of_files(text, inputs):
    for source in ("LES", "netcdf"):
        found = read(text, source)
        assert (found.kind, found.inputs, found.name) == ("fields", inputs, text)


def test_user_functions():
    assert read("user_function") == ["E002"]
    assert read("user_function", inputs=("bt_11", "14")).inputs == ("bt_11", "rad_14")
    assert read("user_function", inputs=("bt_11",), function="mask").name == "mask"
    assert read("mask", inputs=("bt_11",), function="other").name == "mask"
    assert read("mask", "LES", inputs=("t", "q")).inputs == ("t", "q")
    assert read("mask", inputs=("bt_1", "99")) == ["E004", "E003"]
    assert read("truecolor_rgb", inputs=("1",)) == ["E002"]
    assert read("user_function", inputs=("1",), function="a-b") == ["E002"]
