"""What a back-end tells everybody."""

import json

import pytest

PUBLIC = [
    "/", "/.well-known/openeo", "/conformance", "/collections", "/collections/S2", "/processes",
    "/file_formats", "/udf_runtimes", "/service_types",
]  # fmt: skip


@pytest.mark.parametrize("path", PUBLIC)
def test_all_may_ask(client, path):
    answer = client.get(path)
    assert answer.status_code == 200
    head = client.head(path)
    assert head.status_code == 200
    assert head.headers["content-length"] == str(len(answer.content))


@pytest.mark.parametrize("path", PUBLIC)
def test_slashes_more_or_less_make_no_difference(client, path):
    doubled = client.get(f"http://testserver/{path}").json()
    assert doubled == client.get(f"{path}/").json() == client.get(path).json()


def test_the_endpoints_listed_are_those_that_answer(client, ada):
    listed = client.get("/").json()["endpoints"]
    assert {"path": "/process_graphs/{process_graph_id}", "methods": ["DELETE", "GET", "PUT"]} in (
        listed
    )
    for endpoint in listed:
        path = endpoint["path"].replace("{", "").replace("}", "")
        allowed = client.options(path).headers["access-control-allow-methods"].split(", ")
        assert set(endpoint["methods"]) <= set(allowed)
    assert not [e for e in listed if e["path"].startswith(("/oidc", "/.well-known"))]


def test_versions_end_in_a_slash(client):
    (version,) = client.get("/.well-known/openeo").json()["versions"]
    assert version["url"] == "http://testserver/"
    assert version["api_version"] == client.get(version["url"]).json()["api_version"] == "1.2.0"


def test_collections_come_in_pages(client):
    whole = client.get("/collections").json()["collections"]
    assert [c["id"] for c in whole] == ["S2", "S3", "our/DEM"]
    found, path = [], "/collections?limit=2"
    while path:
        page = client.get(path).json()
        found += page["collections"]
        path = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
    assert found == whole
    assert client.get("/collections?limit=").json()["collections"] == whole
    assert {"rel": "prev", "href": "http://testserver/collections?limit=2&offset=0"} in page[
        "links"
    ]


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=two", "limit=1e3", "offset=x"])
def test_a_page_that_is_none(client, query):
    answer = client.get(f"/collections?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "RequestInvalid")
    assert query.split("=")[1] in answer.json()["message"]


def test_a_collection_links_to_itself(client):
    for name in ("S2", "our/DEM"):
        links = client.get(f"/collections/{name}").json()["links"]
        (own,) = [link["href"] for link in links if link["rel"] == "self"]
        assert client.get(own).json()["id"] == name


@pytest.mark.parametrize("name", ["S1", "..%2f..%2fetc", "%00", "s2", "a" * 5000])
def test_a_collection_that_there_is_not(client, name):
    answer = client.get(f"/collections/{name}")
    assert answer.status_code == 404


def test_processes_are_the_official_ones(client, shared_data):
    official = {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in (shared_data / "openeo" / "processes").rglob("*.json")
    }
    served = client.get("/processes").json()["processes"]
    assert len(served) > 60
    for definition in served:
        assert definition == official.get(definition["id"], definition)
    assert {"add", "array_element", "if"} <= {definition["id"] for definition in served}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/services"),
        ("POST", "/services"),
        ("GET", "/services/xyz"),
        ("PATCH", "/services/xyz"),
        ("DELETE", "/services/xyz"),
        ("GET", "/services/xyz/logs"),
        ("GET", "/files"),
        ("GET", "/files/a.tif"),
        ("PUT", "/files/folder/a.tif"),
        ("DELETE", "/files/folder/a.tif"),
        ("GET", "/collections/S2/queryables"),
    ],
)
def test_what_the_api_knows_and_this_back_end_does_not_have(client, method, path):
    answer = client.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (501, "FeatureUnsupported")
    assert "/ lists what there is" in answer.json()["message"]
    listed = [endpoint["path"] for endpoint in client.get("/").json()["endpoints"]]
    assert not [each for each in listed if each.startswith(("/services", "/files"))]


def test_every_address_of_the_api_answers_or_says_that_it_is_not_offered(client, ada, api):
    import yaml

    paths = yaml.load(api.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))["paths"]
    for path, operations in paths.items():
        if path.startswith(("/credentials", "/.well-known")):
            continue
        for method in set(operations) & {"get", "put", "post", "patch", "delete"}:
            answer = client.request(method, path.replace("{", "").replace("}", ""), headers=ada)
            fault = answer.json()["code"] if answer.status_code >= 400 else ""
            assert fault not in ("NotFound", "MethodNotAllowed"), (method, path)


def test_no_answer_about_the_back_end_holds_null(client):
    """As readers of JSON Schema 2020-12 do not know `nullable` of the API document."""

    def nulls(value, path):
        if isinstance(value, dict):
            return [found for key in value for found in nulls(value[key], f"{path}.{key}")]
        return [path] if value is None else []

    for path in ("/", "/conformance", "/file_formats", "/udf_runtimes", "/credentials/oidc"):
        assert nulls(client.get(path).json(), path) == []
