"""Imports point down: between the packages, between their rooms, and never in a circle."""

import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
SYSTEMS = ("efast", "egms_io", "spaceeye", "tiling.scenes", "tiling.sentinel1")
PACKAGES = ("workbench", *sorted({system.split(".")[0] for system in SYSTEMS}))
MOST_FLOORS = 8  # of a system: modules above one another


@cache
def imports():
    """Map each module to those it imports, also inside functions; what a face names counts too."""
    run, typed = (
        grimp.build_graph(*PACKAGES, exclude_type_checking_imports=excluded, cache_dir=None)
        for excluded in (True, False)
    )
    faces = run.find_modules_that_directly_import("workbench.faces")
    return {
        module: (typed if module in faces else run).find_modules_directly_imported_by(module)
        for module in run.modules
    }


def below(module):
    """Return all modules that `module` rests on."""
    found, waiting = set(), [module]
    while waiting:
        new = imports()[waiting.pop()] - found
        found |= new
        waiting += new
    return found


def test_no_module_rests_on_itself():
    circles = {module for module in imports() if module in below(module)}
    links = [f"{a} -> {b}" for a in circles for b in imports()[a] if a in below(b)]
    assert not sorted(links)


def room(module, system):
    """Return the module's place inside its system: itself, or the room that it lies in."""
    return ".".join(module.split(".")[: system.count(".") + 2])


def of_system(module, system):
    return module.startswith(f"{system}.")


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_system_has_few_floors(system):
    """A room counts as one floor; inside it the same limit holds."""
    inside = {
        module: {other for other in others if of_system(other, system)}
        for module, others in imports().items()
        if of_system(module, system)
    }
    rooms = {room(module, system) for module in inside}
    between = {place: set() for place in rooms}
    for module, others in inside.items():
        place = room(module, system)
        between[place] |= {room(other, system) for other in others} - {place}
    within = [
        {
            module: {other for other in others if room(other, system) == place and other != place}
            for module, others in inside.items()
            if room(module, system) == place and module != place
        }
        for place in rooms
    ]
    for graph in (between, *within):
        longest = longest_chain(graph)
        assert len(longest) <= MOST_FLOORS, " -> ".join(longest)


def longest_chain(graph):
    chains = {}
    for module in TopologicalSorter(graph).static_order():
        chains[module] = [module, *max((chains[b] for b in graph[module]), key=len, default=[])]
    return max(chains.values(), key=len, default=[])


def test_packages_and_rooms_keep_their_order():
    """The order stands in pyproject.toml below ``[tool.importlinter]``.

    Checked in a process of its own, since import-linter disables the loggers of this one.
    """
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
