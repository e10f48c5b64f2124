"""Graphs from one call, in memory and as files; the command does the same."""

from __future__ import annotations

import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler
from importlib.metadata import EntryPoint

import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner

import workbench.openeo
from workbench import cli
from workbench.errors import BadFile, DiskFull, WorkbenchError
from workbench.openeo import execute, run
from workbench.openeo.catalogues.remote import Remote
from workbench.openeo.cubes import Cube
from workbench.openeo.errors import OpenEOError
from workbench.openeo.production import fetching


def test_what_is_offered_is_documented():
    for name in workbench.openeo.__all__:
        assert getattr(workbench.openeo, name).__doc__


def test_a_graph_gives_its_value_in_every_form(graph, tmp_path):
    process = graph("add", x=1, y=2)
    path = tmp_path / "graph.json"
    path.write_text(json.dumps(process["process_graph"]))
    whole = tmp_path / "request.json"
    whole.write_text(json.dumps({"process": process, "title": "a job"}))
    given = [process, process["process_graph"], path, str(whole)]
    assert [execute(each) for each in given] == [3] * 4


def test_parameters_and_processes_of_users(graph):
    own = {"id": "twice", "parameters": [{"name": "a", "schema": {"type": "number"}}],
           **graph("multiply", x={"from_parameter": "a"}, y=2)}  # fmt: skip
    asked = {
        "parameters": [{"name": "n", "schema": {"type": "number"}}],
        **graph("twice", a={"from_parameter": "n"}),
    }
    assert execute(asked, parameters={"n": 21}, processes=[own]) == 42
    with pytest.raises(OpenEOError, match="n"):
        execute(asked, processes=[own])


def test_processes_published_in_files_and_at_addresses_that_the_catalogue_lists(
    graph, http_server, tmp_path
):
    own = {"parameters": [{"name": "a", "schema": {"type": "number"}}],
           **graph("multiply", x={"from_parameter": "a"}, y=2)}  # fmt: skip
    path = tmp_path / "twice.json"
    path.write_text(json.dumps({"id": "twice", **own}))

    def asked(namespace):
        found = graph("twice", a=21)
        (node,) = found["process_graph"].values()
        return found | {"process_graph": {"n": {**node, "namespace": namespace}}}

    assert execute(asked(str(path))) == 42
    with pytest.raises(OpenEOError, match="cannot be read"):
        execute(asked(str(tmp_path / "none.json")))
    handler = partial(SimpleHTTPRequestHandler, directory=tmp_path)
    with http_server(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}"
        catalog = tmp_path / "catalog.yml"
        (tmp_path / "images.nc").touch()  # looked at when it is asked for
        entry = "{kind: stored, path: images.nc, crs: 4326}"
        catalog.write_text(f"remote: ['{base}']\ncollections: {{A: {entry}}}\n")
        assert execute(asked(f"{base}/twice.json"), catalog=catalog) == 42
        with pytest.raises(OpenEOError, match="may fetch from"):
            execute(asked(f"{base}/twice.json"))
        fetch = fetching(Remote([base]))
        with pytest.raises(WorkbenchError):
            fetch(str(path))  # a server reads no files for those who ask it
        server.shutdown()


def test_a_cube_stays_lazy_and_is_written(slow_processes, graph, tmp_path):
    cube = execute(graph("lazy", side=70))
    assert isinstance(cube, Cube)
    assert cube.array.chunks is not None
    (data, document) = run(graph("lazy", side=70), tmp_path / "out")
    with xr.open_dataset(data) as file:
        np.testing.assert_array_equal(file["var"].values, np.ones((2, 70, 70), np.float32))
    found = json.loads(document.read_text())
    assert list(found["assets"]) == [data.name]
    assert found["properties"]["start_datetime"] == "2024-05-01T00:00:00Z"


def test_what_is_no_image_is_saved_as_json_unless_asked_for(tmp_path):
    shape = {"type": "Polygon", "coordinates": [[[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]]}
    x, y = (xr.DataArray([0.5, 1.5, 2.5, 3.5], dims=name) for name in "xy")
    data = xr.Dataset({"B04": (y + x).expand_dims(t=[np.datetime64("2024-05-01", "ns")])})
    data = data.assign_coords(x=x, y=y)
    data.to_netcdf(tmp_path / "images.nc")
    catalog = tmp_path / "catalog.yml"
    catalog.write_text("collections: {A: {kind: stored, path: images.nc, crs: 4326}}\n")
    mean = {"m": {"process_id": "mean", "result": True,
                  "arguments": {"data": {"from_parameter": "data"}}}}  # fmt: skip
    whole = {"id": "A", "spatial_extent": None, "temporal_extent": None}
    loaded = {"process_id": "load_collection", "arguments": whole}
    of_area = {"geometries": shape}
    for name, arguments in (("aggregate_spatial", of_area), ("reduce_spatial", {})):
        given = {"data": {"from_node": "l"}, "reducer": {"process_graph": mean}, **arguments}
        found = {"process_id": name, "arguments": given, "result": True}
        written, _ = run({"l": loaded, "f": found}, tmp_path / name, catalog=catalog)
        assert written.suffix == ".json"
        assert "4.0" in written.read_text()


def test_a_vector_cube_that_is_not_saved_is_json(graph, tmp_path):
    place = {"type": "Point", "coordinates": [5.0, 50.8]}
    shapes = {"type": "Feature", "geometry": place, "properties": {"n": 3.0}}
    (data, _) = run(graph("load_geojson", data=shapes, properties=["n"]), tmp_path)
    (feature,) = json.loads(data.read_text())["features"]
    assert (data.suffix, feature["geometry"]) == (".json", place)


def test_code_of_users_is_off_unless_asked_for(graph):
    udf = graph("run_udf", data=[1], udf="def apply_udf_data(data): ...", runtime="Python")
    with pytest.raises(OpenEOError):
        execute(udf)


def test_what_cannot_be_read_is_said(tmp_path):
    with pytest.raises(BadFile, match=r"nothing\.json"):
        execute(tmp_path / "nothing.json")
    with pytest.raises(BadFile, match=r"catalog\.yml"):
        execute({"process_graph": {}}, catalog=tmp_path / "catalog.yml")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(OpenEOError) as found:
        execute(tmp_path / "bad.json")
    assert found.value.code == "ProcessInvalid"


def test_a_full_disk_leaves_nothing(slow_processes, graph, tmp_path):
    import resource
    import signal

    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with pytest.raises(DiskFull):
            run(graph("full"), tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        signal.signal(signal.SIGXFSZ, before)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.fixture
def command(monkeypatch):
    """`command(*words)`: the result of `workbench openeo run`."""
    entry = EntryPoint("openeo", "workbench.openeo.cli:openeo", "workbench.commands")
    monkeypatch.setattr(cli, "_entries", lambda group: {"openeo": entry})

    def call(*words):
        return CliRunner().invoke(cli.main, ["openeo", "run", *map(str, words)])

    return call


def test_the_command_writes_what_the_function_writes(command, graph, tmp_path):
    path = tmp_path / "graph.json"
    asked = {**graph("add", x={"from_parameter": "n"}, y=2), "parameters": [{"name": "n"}]}
    path.write_text(json.dumps(asked))
    done = command(path, "-o", tmp_path / "out", "-p", "n=40")
    assert done.exit_code == 0, done.output
    first = done.stdout.splitlines()[0]
    assert json.loads((tmp_path / "out" / first.rpartition("/")[2]).read_text()) == 42


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-p", "n"], 2), (["--jobs", "2"], 2), (["--catalog", "no.yml"], 2),
        (["-p", "n=\"text\""], 1),
    ],
)  # fmt: skip
def test_the_command_refuses_in_one_line(command, graph, tmp_path, words, expected):
    path = tmp_path / "graph.json"
    schema = {"type": "number"}
    asked = {
        **graph("add", x={"from_parameter": "n"}, y=2),
        "parameters": [{"name": "n", "schema": schema}],
    }
    path.write_text(json.dumps(asked))
    done = command(path, "-o", tmp_path / "out", *words)
    assert done.exit_code == expected
    assert "Traceback" not in done.output


@pytest.mark.cluster
def test_the_command_computes_on_a_cluster(command, slow_processes, graph, tmp_path):
    path = tmp_path / "graph.json"
    path.write_text(json.dumps(graph("lazy", side=70)))
    done = command(path, "-o", tmp_path / "out", "--cluster", "local", "--jobs", "1")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out" / "job-results.json").is_file()
