"""The command `workbench efast openeo`, against a back-end that only answers."""

from __future__ import annotations

import io
import json

import openeo
import pytest
import requests
import urllib3
from click.testing import CliRunner
from requests.adapters import BaseAdapter

from efast.openeo.offline import COLLECTIONS
from efast.openeo.parameters import PARAMETERS, defaults
from efast.openeo.processgraph import STEPS
from efast.openeo.recognition import recognise
from workbench.cli import main

URL = "https://backend.invalid"
NEEDED = (
    "--t-start",
    "2022-09-07",
    "--t-end-excl",
    "2022-09-27",
    "--bbox",
    "-15.5,15.6,-15.4,15.7",
)

EVERY = """
    --t-target-start 2022-09-10 --t-target-end-excl 2022-09-20 --interval-days 3
    --s2-data-bands B04,B8A --s3-data-bands Oa08,CLOUD_flags,SDR_Oa17 --fused-band-names red,nir
    --output-ndvi --max-distance-to-cloud-m 900 --s3-max-distance-to-cloud-m 800
    --cloud-tolerance 0.1 --temporal-score-stddev 5 --max-days 40 --s3-composite-interval 4D
    --mosaic-days 30 --s3-temporal-stddev 6 --extrapolate linear --cell 600 --resampling nearest
    --supersampling 3
"""

FOUND = {
    "spatial_extent": {"west": -15.5, "south": 15.6, "east": -15.4, "north": 15.7},
    "temporal_extent": ["2022-09-07", "2022-09-27"],
    "temporal_extent_target": ["2022-09-10", "2022-09-20"],
    "target_time_series": [],
    "interval_days": 3,
    "s2_data_bands": ["B04", "B8A"],
    "s3_data_bands": ["Syn_Oa08_reflectance", "Syn_Oa17_reflectance", "CLOUD_flags"],
    "fused_band_names": ["red", "nir"],
    "output_ndvi": True,
    "max_distance_to_cloud_m": 900,
    "s3_max_distance_to_cloud_m": 800,
    "cloud_tolerance": 0.1,
    "temporal_score_stddev": 5,
    "max_days": 40,
    "composite_interval_days": 4,
    "mosaic_days": 30,
    "s3_temporal_score_stddev": 6,
    "extrapolate": "linear",
    "coarse_cell_m": 600,
    "resampling": "nearest",
    "supersampling": 3,
}


class Backend(BaseAdapter):
    """Keeps what it is sent, and answers as a back-end whose jobs are done at once."""

    def __init__(self):
        super().__init__()
        self.graphs, self.jobs, self.fails = [], {}, False

    def send(self, request, **_):
        path = request.path_url.split("?")[0]
        body = json.loads(request.body) if request.body else None
        status, answer, headers = self.answer(request.method, path, body)
        response = requests.Response()
        response.status_code, response.request, response.url = status, request, request.url
        response.headers.update(headers)
        if isinstance(answer, bytes):
            response.headers["Content-Length"] = str(len(answer))
        else:
            response.headers["Content-Type"] = "application/json"
            answer = json.dumps(answer).encode()
        response.raw = urllib3.HTTPResponse(io.BytesIO(answer), preload_content=False)
        return response

    def answer(self, method, path, body):
        collections = {f"/collections/{each['id']}": each for each in COLLECTIONS}
        plain = {
            "/": {"api_version": "1.2.0", "endpoints": []},
            "/file_formats": {"input": {}, "output": {"netCDF": {}, "GTiff": {}, "Zarr": {}}},
            **collections,
        }
        if self.fails and method == "POST":
            return 500, {"code": "Internal", "message": "out of order", "id": "1"}, {}
        if method == "GET" and path in plain:
            return 200, plain[path], {}
        if (method, path) == ("POST", "/result"):
            self.graphs.append(body["process"]["process_graph"])
            return 200, b"pixels", {}
        if (method, path) == ("POST", "/jobs"):
            name = f"j{len(self.jobs)}"
            self.jobs[name] = body
            self.graphs.append(body["process"]["process_graph"])
            return 201, {}, {"OpenEO-Identifier": name, "Location": f"{URL}/jobs/{name}"}
        if path.startswith("/asset/"):
            return 200, b"" if method == "HEAD" else b"pixels", {}
        return self.of_job(method, path.split("/"))

    def of_job(self, method, parts):
        if method == "POST":
            return 202, {}, {}
        if parts[-1] == "results":
            href = f"{URL}/asset/{parts[2]}.tif"
            return 200, {"assets": {"openEO_2022-09-07Z.tif": {"href": href}}}, {}
        return 200, {"id": parts[2], "status": "finished", "progress": 100}, {}


@pytest.fixture
def backend(monkeypatch):
    found = Backend()
    session = requests.Session()
    session.mount(URL, found)

    def connect(url, **_):
        assert url == URL
        return openeo.Connection(url, session=session, auto_validate=False)

    def authenticated(self, *given):
        found.login = given
        return self

    monkeypatch.setattr(openeo, "connect", connect)
    monkeypatch.setattr(openeo.Connection, "authenticate_oidc", authenticated)
    monkeypatch.setattr(openeo.Connection, "authenticate_basic", authenticated)
    return found


@pytest.fixture
def call(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def invoke(*words, **options):
        return CliRunner().invoke(main, ["efast", "openeo", *map(str, words)], **options)

    return invoke


def arguments(graph):
    (last,) = (node for node in graph.values() if node.get("result"))
    if last["process_id"] == "save_result":
        return recognise(graph, last["arguments"]["data"]["from_node"])
    return recognise(graph)


def test_every_option_arrives_in_the_graph(call):
    done = call(*NEEDED, *EVERY.split(), "--dry-run")
    assert done.exit_code == 0, done.output
    found = arguments(json.loads(done.stdout))
    assert {each["name"] for each in PARAMETERS} == set(FOUND)
    assert {name: found[name] for name in FOUND} == FOUND


def test_defaults_are_those_of_the_process(call):
    found = arguments(json.loads(call(*NEEDED, "--dry-run").stdout))
    same = {name: value for name, value in defaults().items() if name != "interval_days"}
    assert {name: found[name] for name in same} == same
    assert found["interval_days"] == 5


def test_listed_targets_arrive(call):
    words = ("--target", "2022-09-09", "--target", "2022-09-11", "--dry-run")
    found = arguments(json.loads(call(*NEEDED, *words).stdout))
    assert found["target_time_series"] == ["2022-09-09", "2022-09-11"]


def test_synchronous_results_are_files(call, backend, tmp_path):
    done = call(
        *NEEDED, "--backend", URL, "--synchronous", "--save-intermediates",
        "--skip-intermediates", "s2_bands,fusion_input", "-o", "out",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    names = {f"{name}.nc" for name in STEPS} - {"s2_bands.nc", "fusion_input.nc"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names
    assert (tmp_path / "out" / "fused.nc").read_bytes() == b"pixels"
    assert backend.login == ()
    assert len(backend.graphs) == len(names)
    assert arguments(backend.graphs[0])["temporal_extent"] == ["2022-09-07", "2022-09-27"]
    formats = {n["arguments"]["format"] for g in backend.graphs for n in g.values()
               if n["process_id"] == "save_result"}  # fmt: skip
    assert formats == {"netCDF"}


def test_batch_results_are_folders(call, backend, tmp_path):
    words = ("--backend", URL, "--file-format", "gtiff", "--username", "ann", "-o", "out")
    done = call(*NEEDED, *words, input="secret\n")
    assert done.exit_code == 0, done.output
    assert backend.login == ("ann", "secret")
    assert "secret" not in done.output
    files = sorted(path.name for path in (tmp_path / "out" / "fused").iterdir())
    assert files == ["job-results.json", "openEO_2022-09-07Z.tif"]
    assert len(backend.jobs) == 1
    again = call(*NEEDED, *words, input="secret\n")
    assert again.exit_code == 1
    assert "exists" in again.output
    assert len(backend.jobs) == 1
    assert call(*NEEDED, *words, "--overwrite", input="secret\n").exit_code == 0


@pytest.mark.parametrize("words", [("--synchronous",), ()], ids=["result", "job"])
def test_a_backend_that_fails_leaves_nothing(call, backend, tmp_path, words):
    backend.fails = True
    done = call(*NEEDED, "--backend", URL, *words, "-o", "out")
    assert done.exit_code == 1
    assert "out of order" in done.output
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--t-target-start", "2022-09-08"), "both or neither"),
        (
            ("--target", "2022-09-08", "--t-target-start", "1", "--t-target-end-excl", "2"),
            "one of them",
        ),
        (("--skip-intermediates", "s2_bands"), "--save-intermediates"),
        (("--save-intermediates", "--skip-intermediates", "s9"), "s9 is no step"),
        (("--s2-data-bands", "B04"), "as many of"),
        (("--s2-data-bands", "B04", "--s3-data-bands", "red"), "no band such as"),
        (("--bbox", "1,2,3"), "W,S,E,N"),
        (("--fused-band-names", "a,b"), "one for each of B02,B03,B04,B8A"),
        (("--cloud-tolerance", "0"), "0"),
    ],
)
def test_words_that_cannot_be_used(call, words, said):
    done = call(*NEEDED, *words, "--dry-run")
    assert done.exit_code == 2
    assert said in done.output


def test_zarr_comes_from_jobs_alone(call, backend):
    done = call(*NEEDED, "--backend", URL, "--file-format", "zarr", "--synchronous")
    assert done.exit_code != 0
    assert "many files" in done.output
    assert not backend.graphs
