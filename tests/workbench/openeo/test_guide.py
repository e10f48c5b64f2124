"""The guide names the processes, formats, kinds of collections and options that there are."""

import re
from pathlib import Path

import pytest

from workbench.openeo.catalogues.catalogue import KINDS
from workbench.openeo.catalogues.sources import kinds_of_systems
from workbench.openeo.cli import openeo
from workbench.openeo.definitions import process_names
from workbench.openeo.formats import file_formats
from workbench.openeo.registry import predefined

TEXT = (Path(__file__).parents[3] / "docs" / "openeo.md").read_text()


def rows(heading):
    """Return the rows of the first table of a section, as lists of their cells."""
    section = TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_the_table_names_each_official_process_once():
    named = [name for _, names in rows("Processes") for name in re.findall(r"`(\w+)`", names)]
    assert sorted(named) == sorted(set(predefined()) & set(process_names()))


def test_the_table_has_all_formats_with_their_options():
    found = {row[0].strip("`"): set(re.findall(r"`(\w+)`", row[2])) for row in rows("Results")}
    offered = file_formats()["output"].items()
    assert found == {name: set(known["parameters"]) for name, known in offered}


def test_the_table_has_all_kinds_of_collections():
    found = {row[0].strip("`") for row in rows("Your own collections")}
    assert found == {*KINDS, *kinds_of_systems()}


@pytest.mark.parametrize("command", ["serve", "run"])
def test_commands_have_the_options_of_the_guide(command):
    known = {name for each in openeo.commands[command].params for name in each.opts}
    lines = re.findall(rf"^workbench openeo {command} .*$", TEXT, re.M)
    assert lines
    assert {option for line in lines for option in re.findall(r"--[\w-]+", line)} <= known
