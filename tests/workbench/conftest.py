"""The command line in this process, and commands that stand in for those of the systems."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest
from click.testing import CliRunner

from workbench import cli


@pytest.fixture
def plugins(monkeypatch):
    """Put commands and samples in place of the installed ones."""

    def install(**objects: object) -> None:
        class Entry(EntryPoint):
            def load(self):
                found = objects[self.name]
                if isinstance(found, Exception):
                    raise found
                return found

        entries = {name: Entry(name, f"module:{name}", "group") for name in objects}
        monkeypatch.setattr(cli, "_entries", lambda group: entries)

    install()
    return install


@pytest.fixture
def workbench_command(plugins):
    """Call the command line in this process."""
    return lambda *args: CliRunner().invoke(cli.main, [str(arg) for arg in args])
