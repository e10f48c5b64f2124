from __future__ import annotations


def test_a_folder_that_is_no_run_is_named(workbench_command, tmp_path):
    for command in ("status", "submit"):
        done = workbench_command(command, str(tmp_path))
        assert done.exit_code == 1
        assert f"{tmp_path} is not the folder of a submitted run" in done.output


def test_a_run_that_is_submitted_again_keeps_its_parameters(workbench_command, tmp_path):
    done = workbench_command("submit", str(tmp_path), "-p", "a", "1")
    assert done.exit_code == 2
    assert "keeps its notebook's parameters" in done.output


def test_the_batch_systems_are_slurm_and_pbs(workbench_command, tmp_path):
    done = workbench_command("submit", str(tmp_path), "--to", "pds")
    assert done.exit_code == 2
    assert "'pds' is not one of 'slurm', 'pbs'" in done.output
