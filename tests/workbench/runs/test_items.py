from __future__ import annotations

import nbformat
import pytest

from workbench.errors import BadFile, BadInput
from workbench.runs.items import Item, read_items

DECLARED = """\
rate: float = 1.0
days: int = 6
code: str | None = None
bands: list[str] = []
output: str = "out"
"""


@pytest.fixture
def notebook(tmp_path):
    cell = nbformat.v4.new_code_cell(DECLARED, metadata={"tags": ["parameters"]})
    path = tmp_path / "n.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    return path


@pytest.fixture
def read(tmp_path, notebook):
    """`read(text, common)`: the items of a table of this content."""

    def call(text, common=()):
        table = tmp_path / "t.csv"
        table.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_items(table, notebook, dict(common))

    return call


def test_cells_are_read_as_values_of_the_command_line(read):
    text = '\ufeffname,rate,code,bands\n\nnorth,1e-1,007,"[a, b]"\n"süd-2",3,,[]\n'
    assert read(text) == [
        Item("north", {"rate": 0.1, "code": "007", "bands": ["a", "b"]}),
        Item("süd-2", {"rate": 3, "bands": []}),
    ]


def test_without_names_items_have_the_numbers_of_their_rows(read):
    items = read("days\n" + "\n".join(map(str, range(10))))
    assert [item.name for item in items] == [f"{number:02d}" for number in range(1, 11)]
    assert [item.values["days"] for item in items] == list(range(10))


def test_all_that_is_wrong_is_told_at_once_with_line_and_column(read):
    text = (
        'name,rate,days,speed\n../up,fast,6,\na,1,x,\nA,2,,\n"b\n",2,6.5,\n.hidden,,,1\n'
        "run.json,,,\n"
    )
    with pytest.raises(BadInput) as caught:
        read(text)
    told = str(caught.value).splitlines()
    assert told[0].endswith("n.ipynb:")
    for words in (
        "column 'speed' is no parameter of the notebook, which has: rate: float = 1.0",
        "line 2, column name: '../up' cannot name a folder",
        "line 2, column rate: 'fast' is not float",
        "line 3, column days: 'x' is not int",
        "line 4, column name: 'A' is the name of line 3 too",
        "line 5, column days: '6.5' is not int",
        "line 7, column name: '.hidden' cannot name",
        "line 8, column name: 'run.json' cannot name",
    ):
        assert any(line.strip().startswith(words) for line in told), words
    assert len(told) == 9


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("days,days\n1,2\n", "column days is there 2 times"),
        ("output\na\na\n", "line 3: output is 'a', as for line 2"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(read, text, said):
    with pytest.raises(BadInput, match=said):
        read(text)


def test_items_that_share_an_output_are_refused(read):
    with pytest.raises(BadInput, match="line 3: output is 'x', as for line 2"):
        read("days\n1\n2\n", {"output": "x"})
    assert len(read("days\n1\n", {"output": "x"})) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no items"),
        ("rate\n\n", "has no items"),
        ("rate;days\n1;2\n", "separated by semicolons"),
        ("rate,days\n1\n", "line 2 has 1 cells, not 2"),
        ("rate,days\n1,2\n1,2,3\n", "line 3 has 3 cells, not 2"),
        ('rate\n"1\n', "is not comma-separated"),
        (b"rate\n\xff\n", "is not text in UTF-8"),
        ("rate\n1\n".encode("utf-16"), "is not text in UTF-8"),
    ],
)
def test_what_is_no_table_is_refused(read, text, said):
    with pytest.raises(BadFile, match=said):
        read(text)


def test_a_long_list_of_faults_is_cut(read):
    with pytest.raises(BadInput, match="and 5 more") as caught:
        read("days\n" + "x\n" * 25)
    assert len(str(caught.value).splitlines()) == 22
