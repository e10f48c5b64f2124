"""OpenID Connect of the server itself, with a user who agrees and without accounts."""

import base64
import dataclasses
import hashlib
import re

import pytest

from workbench.openeo.errors import OpenEOError
from workbench.openeo.server import grants as grants_module
from workbench.openeo.server import provider
from workbench.openeo.server.app import create_app
from workbench.openeo.server.grants import GRANT_S, Grants

PASSWORD = "correct horse"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
VERIFIER = "v" * 50
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=")


def ask(client, **more):
    form = {
        "client_id": "openeo",
        "scope": "openid offline_access",
        "code_challenge": CHALLENGE.decode(),
        "code_challenge_method": "S256",
    }
    return client.post("/oidc/device", data={**form, **more})


def poll(client, asked, **more):
    form = {
        "grant_type": DEVICE,
        "client_id": "openeo",
        "device_code": asked.json()["device_code"],
        "code_verifier": VERIFIER,
    }
    return client.post("/oidc/token", data={**form, **more})


def agree(client, asked, name="ada", password=PASSWORD):
    form = {"user_code": asked.json()["user_code"], "name": name, "password": password}
    return client.post("/oidc/verify", data=form)


def test_a_client_finds_all_by_the_provider_that_is_listed(client):
    (listed,) = client.get("/credentials/oidc").json()["providers"]
    found = client.get(listed["issuer"] + "/.well-known/openid-configuration").json()
    assert found["issuer"] == listed["issuer"]
    assert client.post(found["device_authorization_endpoint"]).status_code == 400
    assert client.post(found["token_endpoint"]).json()["error"] == "invalid_client"
    assert client.get(found["userinfo_endpoint"]).status_code == 401


def test_a_program_gets_tokens_once_its_user_has_agreed(client, ada):
    asked = ask(client)
    assert poll(client, asked).json()["error"] == "authorization_pending"
    page = client.get(asked.json()["verification_uri_complete"])
    assert f'value="{asked.json()["user_code"]}"' in page.text
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    refused = agree(client, asked, password="wrong horse")
    assert refused.status_code == 403
    assert "no such name with this password" in refused.text
    assert PASSWORD not in refused.text
    assert poll(client, asked).json()["error"] == "authorization_pending"
    assert agree(client, asked).status_code == 200
    assert poll(client, asked, code_verifier="guess").json()["error"] == "invalid_grant"
    tokens = poll(client, asked).json()
    assert poll(client, asked).json()["error"] == "expired_token"
    headers = {"Authorization": f"Bearer oidc/workbench/{tokens['access_token']}"}
    me = client.get("/me", headers=headers).json()
    assert me == client.get("/me", headers=ada).json()
    raw = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert client.get("/oidc/userinfo", headers=raw).json()["sub"] == me["user_id"]
    form = {"grant_type": "refresh_token", "client_id": "openeo"}
    again = client.post("/oidc/token", data={**form, "refresh_token": tokens["refresh_token"]})
    assert again.json()["access_token"] != tokens["access_token"]
    for wrong in (tokens["access_token"], "", "guess"):
        answer = client.post("/oidc/token", data={**form, "refresh_token": wrong})
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    as_bearer = {"Authorization": f"Bearer oidc/workbench/{tokens['refresh_token']}"}
    assert client.get("/me", headers=as_bearer).json()["code"] == "TokenInvalid"


def test_no_token_that_gives_new_ones_unless_it_is_asked_for(client, ada):
    asked = ask(client, scope="openid")
    agree(client, asked)
    assert "refresh_token" not in poll(client, asked).json()


def test_nobody_agrees_twice_or_for_another(client, ada, signed_in):
    signed_in("bob")
    asked, other = ask(client), ask(client)
    assert agree(client, asked).status_code == 200
    late = agree(client, asked, name="bob")
    assert (late.status_code, "No program waits" in late.text) == (404, True)
    assert poll(client, other).json()["error"] == "authorization_pending"
    tokens = poll(client, asked).json()
    headers = {"Authorization": f"Bearer oidc/workbench/{tokens['access_token']}"}
    assert client.get("/me", headers=headers).json()["name"] == "ada"


def test_a_code_may_be_typed_in_any_case(client, ada):
    asked = ask(client)
    code = asked.json()["user_code"]
    assert re.fullmatch("[B-Z]{4}-[B-Z]{4}", code)
    form = {"user_code": f" {code.lower().replace('-', ' ')}", "name": "ada", "password": PASSWORD}
    assert client.post("/oidc/verify", data=form).status_code == 200


def test_what_is_typed_does_not_become_part_of_the_page(client):
    hostile = '"><script>alert(1)</script>'
    page = client.get("/oidc/verify", params={"user_code": hostile}).text
    page += client.post("/oidc/verify", data={"user_code": hostile, "name": hostile}).text
    assert "<script>" not in page


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"client_id": "other"}, "invalid_client"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
    ],
)
def test_a_request_that_is_none(client, more, code):
    assert ask(client, **more).json()["error"] == code
    assert client.post("/oidc/token", data={"client_id": "openeo"}).json()["error"] == (
        "unsupported_grant_type"
    )


def test_requests_end_and_are_limited(client, monkeypatch):
    asked = [ask(client) for _ in range(50)]
    assert {answer.status_code for answer in asked} == {200}
    more = ask(client)
    assert (more.status_code, more.json()["error"]) == (429, "temporarily_unavailable")
    now = [0.0]
    grants = Grants(lambda: now[0])
    grant = grants.ask("here", "", offline=False)
    now[0] = GRANT_S - 1
    assert grants.by_user_code(grant.user_code) is grants.by_device_code(grant.device_code) is grant
    now[0] = GRANT_S
    assert grants.by_user_code(grant.user_code) is grants.by_device_code(grant.device_code) is None
    monkeypatch.setattr(grants_module, "MOST", 1)
    grants.ask("there", "", offline=False)
    with pytest.raises(OpenEOError, match="Too many programs"):
        grants.ask("elsewhere", "", offline=False)


# Without accounts


@pytest.fixture
def local(settings, checked):
    settings = dataclasses.replace(settings, accounts=False, origins=frozenset({"https://e"}))
    with checked(create_app(settings)) as client:
        client.base_url = "http://localhost:8080"
        yield client


def test_a_program_of_the_same_user_is_let_in(local, monkeypatch):
    monkeypatch.setattr(provider, "is_same_user", lambda client, server: True)
    asked = ask(local)
    assert asked.json()["interval"] == 0
    assert "nothing to agree to" in local.get(asked.json()["verification_uri_complete"]).text
    tokens = poll(local, asked).json()
    headers = {"Authorization": f"Bearer oidc/workbench/{tokens['access_token']}"}
    assert local.get("/me", headers=headers).json()["user_id"] == "local"


def test_nobody_else_is(local, monkeypatch):
    refused = ask(local)  # the client of the tests has no connection
    assert (refused.status_code, refused.json()["error"]) == (403, "access_denied")
    assert "--accounts" in refused.json()["error_description"]
    monkeypatch.setattr(provider, "is_same_user", lambda client, server: True)
    for origin, status in [("https://evil.example", 403), ("null", 403), ("https://e", 200)]:
        local.headers["Origin"] = origin
        assert ask(local).status_code == status


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8080", ""])
def test_a_name_that_somebody_else_has_lead_here(local, host):
    answer = local.get("/", headers={"Host": host})
    assert (answer.status_code, answer.json()["code"]) == (403, "HostUnknown")
    for own in ("127.0.0.1:8080", "LOCALHOST", "[::1]:8080"):
        assert local.get("/conformance", headers={"Host": own}).status_code == 200


def test_there_are_no_passwords(local):
    assert "/credentials/basic" not in [e["path"] for e in local.get("/").json()["endpoints"]]
    answer = local.get("/credentials/basic", auth=("ada", PASSWORD))
    assert answer.status_code == 403
    assert "authenticate_oidc" in answer.json()["message"]
