from __future__ import annotations

import nbformat
import pytest


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
