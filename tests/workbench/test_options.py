from __future__ import annotations

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from workbench.clusters.connections import make_cluster
from workbench.clusters.queues import QUEUES
from workbench.errors import NoCluster
from workbench.options import (
    QUEUE_KINDS,
    Bounds,
    ClusterKind,
    NumberOr,
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
        "cluster": "none",
        "jobs": None,
    }


def test_values_have_their_types():
    words = "--aoi=-5.5,40,1e1,50 --alpha 2 --skip-bad --overwrite --cluster slurm --jobs 3"
    assert eval(run(*words.split()).output) == {
        "aoi": (-5.5, 40.0, 10.0, 50.0),
        "alpha": 2.0,
        "skip_bad": True,
        "overwrite": True,
        "cluster": "slurm",
        "jobs": 3,
    }


@pytest.mark.parametrize("kind", ["none", "local", "slurm", "pbs", "existing", "tcp://h:8786"])
def test_clusters_are_kinds_or_addresses(kind):
    assert eval(run("--cluster", kind).output)["cluster"] == kind


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--cluster", "slrum"), "'slrum' is not none, local, slurm, pbs, existing or an address"),
        (("--jobs", "0"), "0 is not in the range x>=1"),
        (("--jobs", "two"), "'two' is not a valid integer"),
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
    assert "[default: none]" in text


def test_the_kinds_are_those_of_the_clusters():
    assert tuple(QUEUES) == QUEUE_KINDS
    with pytest.raises(NoCluster, match="the kinds are: local, slurm, pbs, existing"):
        make_cluster("unheard of")


box = st.tuples(*4 * [st.floats(allow_nan=False, allow_infinity=False)])


@given(box)
def test_bounds_survive_their_text(bounds):
    assert Bounds().convert(",".join(map(repr, bounds)), None, None) == bounds


@given(st.text())
def test_any_text_gives_a_value_or_a_plain_error(text):
    for kind in (Bounds(), NumberOr("auto"), ClusterKind()):
        try:
            kind.convert(text, None, None)
        except click.BadParameter:
            continue
