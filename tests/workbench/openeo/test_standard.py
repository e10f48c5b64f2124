"""The files of the standard, the errors made of them, dates, and the registry of processes."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, time
from importlib import metadata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.openeo import definitions, registry
from workbench.openeo.declarations import Process, process
from workbench.openeo.errors import OpenEOError, error
from workbench.openeo.instants import read_instant, read_time
from workbench.openeo.registry import Offer, UserProcess, predefined


def test_definitions_are_read_by_name_only():
    assert len(definitions.process_names()) == 133
    for name in definitions.process_names():
        assert definitions.process_definition(name)["id"] == name
    for name in ("../errors", "apply.json", "", "proposals/nan", "ABSOLUTE"):
        with pytest.raises(KeyError):
            definitions.process_definition(name)


def test_the_files_are_those_of_the_standard(shared_data):
    for path in definitions.FOLDER.rglob("*.json"):
        original = shared_data / "openeo" / path.relative_to(definitions.FOLDER)
        assert path.read_bytes() == original.read_bytes()


def test_files_are_small_and_their_source_is_named():
    assert max(path.stat().st_size for path in definitions.FOLDER.rglob("*")) < 500_000
    text = (definitions.FOLDER / "README.md").read_text()
    assert "Apache License, Version 2.0" in text
    assert "2.0.0-rc.2" in text


def test_errors_have_code_message_status_and_a_number_of_their_own():
    found = error(
        "ProcessParameterRequired", process="add", parameter="y", path="a/b", detail="So."
    )
    assert found.code == "ProcessParameterRequired"
    assert found.message == "Process 'add' parameter 'y' is required. So."
    assert str(found) == f"{found.message} [a/b]"
    assert found.status == 400
    assert error("JobNotFound", identifier="1").status == 404
    assert found.id != error("NotFound").id
    again = pickle.loads(pickle.dumps(found))
    assert (again.code, again.message, again.id, again.path) == (
        found.code, found.message, found.id, found.path)  # fmt: skip
    assert found.at("elsewhere").path == "a/b"


def test_errors_of_processes():
    found = error("MinMaxSwapped", process="clip")
    assert found.message == "The minimum value should be lower than or equal to the maximum value."
    with pytest.raises(KeyError):
        error("MinMaxSwapped", process="add")
    with pytest.raises(KeyError):
        error("NoSuchCode")
    with pytest.raises(KeyError):
        error("JobNotFound")


def test_every_error_of_the_api_and_of_every_definition_can_be_made():
    class Any(dict):
        def __missing__(self, key):
            return key

    for code, entry in definitions.error_codes().items():
        assert entry["message"].format_map(Any())
        assert 400 <= entry["http"] < 600, code
    for name in definitions.process_names():
        own = set(definitions.process_definition(name).get("exceptions", {}))
        for code in own - set(definitions.error_codes()):
            assert isinstance(error(code, process=name), OpenEOError)


@pytest.mark.parametrize(
    ("text", "moment", "again"),
    [
        ("2020-01-31", datetime(2020, 1, 31), None),
        ("2020-01-31T12:30:01Z", datetime(2020, 1, 31, 12, 30, 1), None),
        ("2020-01-31t12:30:01z", datetime(2020, 1, 31, 12, 30, 1), "2020-01-31T12:30:01Z"),
        ("2020-01-31 12:30:01.5-02:30", datetime(2020, 1, 31, 15, 0, 1, 500_000),
         "2020-01-31T12:30:01.500-02:30"),
        ("2020-01-31T12:30:01.1234567Z", datetime(2020, 1, 31, 12, 30, 1, 123_456),
         "2020-01-31T12:30:01.123456Z"),
        ("2016-12-31T23:59:60Z", datetime(2016, 12, 31, 23, 59, 59), "2016-12-31T23:59:59Z"),
        ("2017-01-01T05:29:60+05:30", datetime(2016, 12, 31, 23, 59, 59),
         "2017-01-01T05:29:59+05:30"),
        ("0001-01-01", datetime(1, 1, 1), None),
    ],
)  # fmt: skip
def test_dates_are_read_and_written(text, moment, again):
    found = read_instant(text)
    assert found.utc == moment.replace(tzinfo=UTC)
    assert str(found) == (again or text)


@pytest.mark.parametrize(
    "text",
    ["", "2020", "2020-1-31", "2020-02-30", "0000-01-01", "2020-01-31T12:30:01", "20200131",
     "2020-01-31T24:00:00Z", "2020-01-31T12:60:00Z", "2020-01-31T12:30:60Z", "2020-01-31T12:30Z",
     "2020-01-31T12:30:01+24:00", "2020-01-31T12:30:01+02", "2020-01-31T12:30:01.Z", "٢٠٢٠-01-31",
     " 2020-01-31", "2020-01-31\n", "12020-01-31"],
)  # fmt: skip
def test_what_is_no_date(text):
    assert read_instant(text) is None


def test_times_of_day():
    assert read_time("12:30:01") == time(12, 30, 1)
    assert read_time("24:00:00") is read_time("12:30") is read_time("2020-01-31") is None


@given(
    st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)),
    st.integers(-1439, 1439),
)
def test_dates_come_back_as_they_were(moment, minutes):
    offset = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    text = moment.isoformat(timespec="microseconds") + offset
    found = read_instant(text)
    assert found.utc == datetime.fromisoformat(text)
    assert read_instant(str(found)) == found


def test_every_process_of_the_package_is_there_with_its_official_definition():
    assert len(definitions.process_names()) == 133
    for name in definitions.process_names():
        assert predefined()[name].definition == definitions.process_definition(name)


def test_systems_add_processes_by_an_entry_point(monkeypatch, caplog):
    mine = Process({"id": "mine", "parameters": []}, lambda: 1)
    other = Process({"id": "add", "parameters": []}, lambda: 2)

    class Entry:
        value = "mine.openeo:processes"

        def load(self):
            return lambda: [mine, other]

    monkeypatch.setattr(
        metadata, "entry_points", lambda group: [Entry()] * (group == registry.GROUP)
    )
    predefined.cache_clear()
    try:
        assert predefined()["mine"] is mine
        assert predefined()["add"] is not other
        assert "the process add is there already" in caplog.text
    finally:
        monkeypatch.undo()
        predefined.cache_clear()


def test_an_offer_prefers_the_processes_of_the_user():
    mine = UserProcess({"id": "add", "process_graph": {}})
    offer = Offer(user={"add": mine})
    assert offer.find("add", None) is offer.find("add", "user") is mine
    assert offer.find("add", "backend") is predefined()["add"]
    assert offer.find("sum", None) is predefined()["sum"]
    assert (
        offer.find("sum", "user") is offer.find("sum", "mars") is offer.find("sums", None) is None
    )


def test_a_name_that_the_standard_does_not_know_is_a_mistake_at_once():
    with pytest.raises(KeyError):
        process("absolut")
