from __future__ import annotations

import os

import dask
import nbformat
import pytest

from workbench.settings import DEFAULTS


@pytest.fixture
def notebook(tmp_path):
    node = nbformat.v4.new_notebook()
    source = "rate: float = 1\nname: str = 'x'\ncluster: str = 'local'"
    node.cells = [nbformat.v4.new_code_cell(source, metadata={"tags": ["parameters"]})]
    path = tmp_path / "some.ipynb"
    nbformat.write(node, path)
    return path


@pytest.fixture
def asked(monkeypatch):
    """What run_notebook is called with, instead of running it."""
    calls = []
    monkeypatch.setattr(
        "workbench.notebooks.run_notebook", lambda *args, **options: calls.append((args, options))
    )
    return calls


def test_values_are_read_as_yaml_unless_declared_as_text(workbench_command, notebook, asked):
    result = workbench_command(
        "run", notebook, "-p", "rate", "1e-3", "-p", "name", "007", "--cluster", "none",
        "-o", "out.ipynb", "--timeout", "5",
    )  # fmt: skip
    assert result.exit_code == 0
    ((args, options),) = asked
    assert [str(args[0]), str(args[1])] == [str(notebook), "out.ipynb"]
    assert args[2] == {"rate": 0.001, "name": "007", "cluster": "none"}
    assert options["timeout"] == 5
    assert options["log_output"] is False


@pytest.mark.parametrize("words", [("--cluster", "slurm"), ("--jobs", "2")])
def test_a_cluster_for_a_notebook_without_one_is_refused(workbench_command, tmp_path, asked, words):
    nbformat.write(nbformat.v4.new_notebook(), tmp_path / "n.ipynb")
    for command in ("run", "submit"):
        result = workbench_command(command, tmp_path / "n.ipynb", "-o", tmp_path / "x", *words)
        assert result.exit_code == 2
        assert f"has no parameter `{words[0].lstrip('-')}`" in " ".join(result.stderr.split())
    assert not asked
    assert not (tmp_path / "x").exists()


def test_a_value_of_another_type_is_code_two(workbench_command, notebook, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = workbench_command("run", notebook, "-p", "rate", "fast")
    assert result.exit_code == 2
    assert "parameter rate is 'fast' (str), not float as declared: rate: float = 1" in result.stderr
    (tmp_path / "p.yaml").write_text("name: 7\n")
    assert workbench_command("run", notebook, "-f", "p.yaml").exit_code == 2
    assert not (tmp_path / "runs").exists()


def test_an_unknown_parameter_is_code_two_and_reserves_nothing(
    workbench_command, notebook, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    result = workbench_command("run", notebook, "-p", "rtae", "3")
    assert result.exit_code == 2
    assert "did you mean rate?" in result.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("content", [None, "- a", "a: ["])
def test_a_bad_parameter_file_is_code_two(workbench_command, notebook, tmp_path, content):
    path = tmp_path / "p.yaml"
    if content is not None:
        path.write_text(content)
    result = workbench_command("run", notebook, "-f", path)
    assert result.exit_code == 2
    assert "p.yaml" in result.stderr


def test_what_workers_are_to_be_like_goes_to_the_kernel_alone(
    workbench_command, notebook, asked, tmp_path
):
    before = dict(os.environ), dask.config.get("workbench.cluster")
    result = workbench_command("run", notebook, "--memory", "600MB", "--adapt", "1,2")
    assert result.exit_code == 0, result.output
    told = asked[0][1]["environment"]
    found = dask.config.merge(DEFAULTS, dask.config.collect_env(told))["workbench"]["cluster"]
    assert found["adapt"] == [1, 2]
    assert found["local"]["memory-limit"] == "600MB"
    assert before == (dict(os.environ), dask.config.get("workbench.cluster"))
    for kind in ("slurm", "pbs"):
        words = ("--cluster", kind, "--memory", "1e9", "--walltime", "1-0:00:00")
        assert workbench_command("run", notebook, *words).exit_code == 0
        found = dask.config.collect_env(asked[-1][1]["environment"])["workbench"]["cluster"]
        assert found == {kind: {"memory": "1e9", "walltime": "24:00:00"}}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--walltime", "1:00:00"), "--walltime has no effect with --cluster local"),
        (("--cluster", "none", "--memory", "1GB"), "--memory has no effect with --cluster none"),
        (("-p", "cluster", "tcp://h:1", "--adapt", "0,2"), "no effect with --cluster tcp://h:1"),
        (("--memory", "8 GB?"), "'8 GB?' is not a size"),
    ],
)
def test_what_has_no_effect_on_the_cluster_is_code_two(
    workbench_command, notebook, asked, words, said
):
    for command in ("run", "submit"):
        result = workbench_command(command, notebook, *words)
        assert result.exit_code == 2
        assert said in " ".join(result.stderr.split())
    assert not asked


def test_workers_of_a_notebook_that_names_no_cluster_are_refused(
    workbench_command, tmp_path, asked
):
    nbformat.write(nbformat.v4.new_notebook(), tmp_path / "n.ipynb")
    result = workbench_command("run", tmp_path / "n.ipynb", "--memory", "1GB")
    assert result.exit_code == 2
    assert "in its parameter `cluster`, and it has none" in " ".join(result.stderr.split())
    assert not asked


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--cluster", "slrum"), "'slrum' is not none, local, slurm, pbs, existing"),
        (("--jobs", "0"), "0 is not in the range"),
    ],
)
def test_a_cluster_that_cannot_be_is_code_two(workbench_command, notebook, asked, words, said):
    result = workbench_command("run", notebook, *words)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())
    assert not asked
