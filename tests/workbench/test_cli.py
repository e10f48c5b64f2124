from __future__ import annotations

import click
import pytest

from workbench.errors import OutputExists


class ForeignError(Exception):
    """An error of a system that knows nothing of the workbench's classes."""

    exit_code = 3


@pytest.fixture
def failing():
    """A command that raises what it is given."""

    def make(error: BaseException) -> click.Command:
        def callback():
            raise error

        return click.Command("fail", callback=callback)

    return make


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OutputExists("a.zip exists"), 1),
        (ForeignError("nothing to produce"), 3),
        (click.UsageError("bad use"), 2),
        (click.exceptions.Exit(4), 4),
        (KeyboardInterrupt(), 130),
    ],
)
def test_errors_for_people_are_one_line_and_a_code(
    workbench_command, plugins, failing, error, code
):
    plugins(egms=failing(error))
    result = workbench_command("egms")
    assert result.exit_code == code
    assert "Traceback" not in result.output
    if isinstance(error, OutputExists | ForeignError):
        assert result.stderr == f"error: {error}\n"


def test_debug_shows_the_traceback(workbench_command, plugins, failing):
    plugins(egms=failing(OutputExists("a.zip exists")))
    result = workbench_command("--debug", "egms")
    assert isinstance(result.exception, OutputExists)


def test_a_defect_keeps_its_traceback(workbench_command, plugins, failing):
    plugins(egms=failing(KeyError("x")))
    result = workbench_command("egms")
    assert isinstance(result.exception, KeyError)
    assert result.exit_code == 1


def test_systems_bring_commands_and_a_broken_one_is_named(workbench_command, plugins):
    good = click.Command("egms", callback=lambda: click.echo("hello"), short_help="EGMS.")
    plugins(egms=good, efast=ImportError("no torch"), tiles="not a command")
    listed = workbench_command("--help")
    assert listed.exit_code == 0
    for name in ("run", "lab", "sample", "version", "egms", "efast", "tiles"):
        assert f"  {name} " in listed.output
    assert workbench_command("egms").output == "hello\n"
    for args, reason in [(("efast", "-x", "--help"), "no torch"), (("tiles",), "not a click")]:
        broken = workbench_command(*args)
        assert broken.exit_code == 1
        assert f"command {args[0]} is broken: module:{args[0]}" in broken.stderr
        assert reason in broken.stderr


def test_a_system_cannot_take_the_place_of_an_own_command(workbench_command, plugins):
    plugins(version=click.Command("version", callback=lambda: click.echo("theirs")))
    assert "theirs" not in workbench_command("version").output


def test_commands_are_not_loaded_to_run_another(workbench_command, plugins):
    plugins(egms=AssertionError("loaded"))
    assert workbench_command("version").exit_code == 0


@pytest.mark.parametrize("args", [("nosuch",), ("run",), ("run", "absent.ipynb"), ("sample", "x")])
def test_bad_arguments_are_code_two(workbench_command, args):
    assert workbench_command(*args).exit_code == 2


def test_a_sample_is_written_and_listed(workbench_command, plugins, tmp_path):
    def write(folder, *, overwrite):
        folder.mkdir(exist_ok=True)
        target = folder / "a.csv"
        if target.exists() and not overwrite:
            raise OutputExists(f"{target} exists")
        target.write_text("x")
        (folder / "deep").mkdir(exist_ok=True)
        (folder / "deep" / "b.csv").write_text("y")

    plugins(egms=write)
    folder = tmp_path / "sample"
    first = workbench_command("sample", "egms", folder)
    assert first.exit_code == 0
    assert first.stdout.splitlines() == [str(folder / "a.csv"), str(folder / "deep" / "b.csv")]
    again = workbench_command("sample", "egms", folder)
    assert again.exit_code == 1
    assert again.stderr.endswith("a.csv exists\n")
    assert workbench_command("sample", "egms", folder, "--overwrite").exit_code == 0


def test_an_unknown_sample_lists_the_known(workbench_command, plugins, tmp_path):
    plugins(egms=print)
    result = workbench_command("sample", "efats", tmp_path)
    assert result.exit_code == 2
    assert "'efats' has no sample; systems: egms" in result.stderr


def test_options_after_the_dashes_go_to_jupyter(workbench_command, monkeypatch):
    calls = []
    monkeypatch.setattr("workbench.lab.launch", lambda args, cluster: calls.append((args, cluster)))
    assert workbench_command("lab", "--", "--no-browser", "--port=1").exit_code == 0
    assert workbench_command("lab", "--cluster", "slurm", "--no-browser").exit_code == 0
    assert calls == [(("--no-browser", "--port=1"), None), (("--no-browser",), "slurm")]


def test_the_panel_starts_what_can_be_started(workbench_command):
    done = workbench_command("lab", "--cluster", "none")
    assert done.exit_code == 2
    assert "'none' is not one of 'local', 'slurm', 'pbs'" in done.output


def test_versions_are_shown(workbench_command):
    found = dict(line.split() for line in workbench_command("version").stdout.splitlines())
    assert {"python", "dask", "numpy"} <= set(found)


def test_a_command_that_a_signal_has_leave_without_a_code_was_interrupted(
    workbench_command, plugins
):
    def leave() -> None:
        raise SystemExit

    plugins(leave=click.Command("leave", callback=leave))
    assert workbench_command("leave").exit_code == 130
