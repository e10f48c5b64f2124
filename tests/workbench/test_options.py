from __future__ import annotations

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from workbench.clusters.connections import make_cluster
from workbench.clusters.queues import QUEUES
from workbench.errors import NoCluster, OutputExists
from workbench.options import (
    QUEUE_KINDS,
    Bounds,
    ClusterKind,
    MemorySize,
    NumberOr,
    Walltime,
    WorkerNumbers,
    cluster_options,
    overwrite_option,
    skip_bad_option,
)


@click.command()
@click.option("--aoi", type=Bounds())
@click.option("--alpha", type=NumberOr("auto"), default="auto", show_default=True)
@skip_bad_option
@overwrite_option
@cluster_options
def command(**options):
    click.echo(repr(options))


def run(*words):
    return CliRunner().invoke(command, words)


def test_without_options_nothing_is_skipped_replaced_or_sent_out():
    found = eval(run().output)
    assert found == {
        "aoi": None,
        "alpha": "auto",
        "skip_bad": False,
        "overwrite": False,
        "cluster": {"kind": "none"},
    }


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("a.nc exists: pass overwrite=True to replace it", "pass --overwrite to replace it"),
        ("a exists: pass overwrite=True / --overwrite or choose", "pass --overwrite or choose"),
        ("a exists; set overwrite in the section Workbench", "a exists; set overwrite in the"),
    ],
)
def test_what_is_in_the_way_is_told_in_words_of_options(said, shown):
    @click.command()
    @overwrite_option
    def refuse(overwrite):
        raise OutputExists(said)

    error = CliRunner().invoke(refuse).exception
    assert type(error) is OutputExists
    assert shown in str(error)
    assert "overwrite=" not in str(error)


def test_values_have_their_types():
    words = "--aoi=-5.5,40,1e1,50 --alpha 2 --skip-bad --overwrite --cluster slurm --jobs 3"
    assert eval(run(*words.split()).output) == {
        "aoi": (-5.5, 40.0, 10.0, 50.0),
        "alpha": 2.0,
        "skip_bad": True,
        "overwrite": True,
        "cluster": {"kind": "slurm", "jobs": 3},
    }


def test_workers_have_their_options():
    words = "--cluster slurm --adapt 0,8 --memory 1.5GiB --walltime 1-02:30:00"
    assert eval(run(*words.split()).output)["cluster"] == {
        "kind": "slurm",
        "adapt": (0, 8),
        "memory": "1.5GiB",
        "walltime": "26:30:00",
    }


@pytest.mark.parametrize("kind", ["none", "local", "existing", "tcp://h:8786"])
@pytest.mark.parametrize(
    ("option", "value", "on_local"),
    [
        ("--jobs", "2", True),
        ("--adapt", "0,8", True),
        ("--memory", "8GB", True),
        ("--walltime", "2:00:00", False),
    ],
)
def test_an_option_without_effect_is_refused(kind, option, value, on_local):
    result = run("--cluster", kind, option, value)
    said = " ".join(result.output.split())
    if kind == "local" and on_local:
        assert result.exit_code == 0
    else:
        assert result.exit_code == 2
        assert f"{option} has no effect with --cluster {kind}" in said
        assert "by --cluster local or slurm or pbs" in said or not on_local


def test_a_fixed_and_an_adapting_number_exclude_each_other():
    result = run("--cluster", "pbs", "--jobs", "2", "--adapt", "0,8")
    assert result.exit_code == 2
    assert "give one of them" in " ".join(result.output.split())


@pytest.mark.parametrize("kind", ["none", "local", "slurm", "pbs", "existing", "tcp://h:8786"])
def test_clusters_are_kinds_or_addresses(kind):
    assert eval(run("--cluster", kind).output)["cluster"] == {"kind": kind}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--cluster", "slrum"), "'slrum' is not none, local, slurm, pbs, existing or an address"),
        (("--jobs", "0"), "0 is not in the range x>=1"),
        (("--jobs", "two"), "'two' is not a valid integer"),
        (("--adapt", "5,2"), "'5,2': the least, 5, is above the most, 2"),
        (("--adapt", "0,0"), "'0,0': without a worker nothing would be done"),
        (("--adapt", "8"), "'8' is not MIN,MAX"),
        (("--adapt", "-1,8"), "'-1,8' is not MIN,MAX"),
        (("--adapt", "1,2,3"), "'1,2,3' is not MIN,MAX"),
        (("--memory", "8 GB?"), "'8 GB?' is not a size such as 8GB"),
        (("--memory", "GB"), "'GB' is not a size"),
        (("--memory", "-8GB"), "'-8GB' is not a size"),
        (("--memory", "1e999GB"), "'1e999GB' is not a size"),
        (("--memory", "8"), "'8' is 8 bytes; give a unit"),
        (("--walltime", "30"), "'30' is not H:MM:SS or D-H:MM:SS"),
        (("--walltime", "10:00"), "'10:00' is not H:MM:SS"),
        (("--walltime", "1:60:00"), "'1:60:00' is not H:MM:SS"),
        (("--walltime", "0:00:00"), "'0:00:00' is not H:MM:SS"),
        (("--walltime", "2h"), "'2h' is not H:MM:SS"),
        (("--aoi", "1,2,3"), "'1,2,3' is not W,S,E,N: four numbers"),
        (("--aoi", "1,2,3,"), "'1,2,3,' is not W,S,E,N"),
        (("--aoi", "1,2,3,4,five"), "is not W,S,E,N"),
        (("--aoi", "1,2,3,nan"), "is not W,S,E,N"),
        (("--aoi", ""), "'' is not W,S,E,N"),
        (("--alpha", "much"), "'much' is not a number or auto"),
        (("--alpha", "inf"), "'inf' is not a number or auto"),
    ],
)
def test_what_cannot_be_used_is_a_plain_message(words, said):
    result = run(*words)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())
    assert f"Invalid value for '{words[0]}'" in result.output


def test_help_shows_what_to_type():
    text = " ".join(run("--help").output.split())
    for shown in ("--aoi W,S,E,N", "--alpha NUMBER|auto", "--cluster KIND", "--jobs N"):
        assert shown in text
    for shown in ("--adapt MIN,MAX", "--memory SIZE", "--walltime H:MM:SS"):
        assert shown in text
    assert "[default: none]" in text


def test_the_kinds_are_those_of_the_clusters():
    assert tuple(QUEUES) == QUEUE_KINDS
    with pytest.raises(NoCluster, match="the kinds are: local, slurm, pbs, existing"):
        make_cluster("unheard of")


@given(st.integers(0, 9), st.integers(0, 99), st.integers(0, 59), st.integers(0, 59))
def test_a_walltime_is_read_alike_by_both_batch_systems(days, hours, minutes, seconds):
    text = f"{days}-{hours}:{minutes:02d}:{seconds:02d}"
    expected = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    if expected:
        read = Walltime().convert(text, None, None)
        assert {queue.walltime_s(read) for queue in QUEUES.values()} == {expected}


box = st.tuples(*4 * [st.floats(allow_nan=False, allow_infinity=False)])


@given(box)
def test_bounds_survive_their_text(bounds):
    assert Bounds().convert(",".join(map(repr, bounds)), None, None) == bounds


@given(st.text())
def test_any_text_gives_a_value_or_a_plain_error(text):
    kinds = (Bounds(), NumberOr("auto"), ClusterKind(), WorkerNumbers(), MemorySize(), Walltime())
    for kind in kinds:
        try:
            kind.convert(text, None, None)
        except click.BadParameter:
            continue
