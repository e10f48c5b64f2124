"""Who somebody is: passwords, tokens that expire, attempts that are limited."""

import hashlib
import sqlite3
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from workbench.errors import BadFile, BadInput
from workbench.openeo.errors import OpenEOError
from workbench.openeo.server import accounts as accounts_module
from workbench.openeo.server import passwords as passwords_module
from workbench.openeo.server import store as store_module
from workbench.openeo.server.accounts import PER_NAME_HERE, Accounts, add_user
from workbench.openeo.server.attempts import WINDOW_S, Attempts
from workbench.openeo.server.passwords import MOST_WAITING, hashed, is_password
from workbench.openeo.server.store import FILE, LOCAL, SCHEMAS, Store

PASSWORD = "correct horse"


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "state")
    yield store
    store.close()


def test_a_password_is_kept_as_a_hash_of_its_own():
    one, other = hashed(PASSWORD), hashed(PASSWORD)
    assert one != other
    assert PASSWORD not in one
    assert is_password(PASSWORD, one)
    assert not is_password(PASSWORD + " ", one)


@pytest.mark.parametrize("password", ["", "seven77", "x" * 1025])
def test_a_password_too_short_or_too_long(store, password):
    with pytest.raises(BadInput, match=f"{len(password)} characters"):
        add_user(store, "ada", password)
    assert store.users() == []


@pytest.mark.parametrize("name", ["", "a b", "../etc", "ä", "x" * 65, "local", "a/b", "a\n"])
def test_a_name_that_is_none(store, name):
    with pytest.raises(BadInput, match="cannot be a user's name"):
        add_user(store, name, PASSWORD)


def test_a_name_is_taken_once_and_never_the_same_user_again(store):
    first = add_user(store, "ada", PASSWORD)
    with pytest.raises(BadInput, match="ada already"):
        add_user(store, "ada", PASSWORD)
    token = Accounts(store, required=True).new_token(first, "basic")
    store.put_process(first, "evi", {"id": "evi"})
    store.remove_user("ada")
    second = add_user(store, "ada", PASSWORD)
    assert second.id != first.id
    assert store.token_user(token, "basic") is None
    assert store.outlines(second) == store.outlines(first) == []
    with pytest.raises(BadInput, match="no user bob; users: ada"):
        store.remove_user("bob")


def test_the_file_is_its_owners_and_holds_no_token_nor_password(store):
    user = add_user(store, "ada", PASSWORD)
    token = Accounts(store, required=True).new_token(user, "basic")
    for path in store.path.parent.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert token.encode() not in path.read_bytes()
        assert PASSWORD.encode() not in path.read_bytes()


def test_two_open_the_file_at_once(store):
    other = Store(store.path.parent)
    add_user(other, "ada", PASSWORD)
    assert [user.name for user in store.users()] == ["ada"]
    other.close()


def test_who_reads_waits_for_nobody_who_writes(store):
    user = add_user(store, "ada", PASSWORD)
    token = store.new_token(user, "basic", 60)
    with sqlite3.connect(store.path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor() as threads:
            writing = threads.submit(store.new_token, user, "basic", 60)
            assert store.token_user(token, "basic") == user
            assert not writing.done()
            other.execute("COMMIT")
            assert store.token_user(writing.result(), "basic") == user


def test_a_rush_of_sign_ins_is_told_to_wait(store, monkeypatch):
    accounts = Accounts(store, required=True)
    add_user(store, "ada", PASSWORD)
    going_on = threading.Event()
    monkeypatch.setattr(hashlib, "scrypt", lambda *_, **__: going_on.wait(30) and b"")
    with ThreadPoolExecutor(MOST_WAITING) as threads:
        first = [
            threads.submit(accounts.by_password, f"user{n}", PASSWORD, "here")
            for n in range(MOST_WAITING)
        ]
        while passwords_module._waiting._value:
            time.sleep(0.01)
        with pytest.raises(OpenEOError) as busy:
            accounts.by_password("ada", PASSWORD, "there")
        assert (busy.value.code, busy.value.status) == ("InfrastructureBusy", 503)
        assert not accounts._attempts._times["name ada"]  # it was not looked at
        going_on.set()
        assert {f.exception().code for f in first} == {"CredentialsInvalid"}
    monkeypatch.undo()
    assert accounts.by_password("ada", PASSWORD, "there").name == "ada"


def test_a_file_of_a_newer_version_is_refused(store):
    store.close()
    with sqlite3.connect(store.path) as db:
        db.execute(f"PRAGMA user_version = {len(SCHEMAS) + 1}")
    with pytest.raises(BadFile, match="update it"):
        Store(store.path.parent)


@pytest.mark.parametrize("content", [b"not a database, but long enough to be one" * 100, None])
def test_a_file_that_is_no_store(tmp_path, content):
    path = tmp_path / FILE
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(BadFile, match="cannot hold accounts"):
        Store(tmp_path)


@pytest.mark.parametrize(
    ("kind", "seconds"), [("basic", 43_200), ("oidc", 43_200), ("refresh", 2_592_000)]
)
def test_a_token_expires(store, monkeypatch, kind, seconds):
    accounts = Accounts(store, required=True)
    user = add_user(store, "ada", PASSWORD)
    token = accounts.new_token(user, kind)
    now = store_module.time.time()
    for later, found in [(0, user), (seconds - 60, user), (seconds + 60, None)]:
        monkeypatch.setattr(store_module.time, "time", lambda later=later: now + later)
        assert accounts.by_token(token, kind) == found
    monkeypatch.undo()
    for other in {"basic", "oidc", "refresh"} - {kind}:
        assert accounts.by_token(token, other) is None


def test_expired_tokens_do_not_pile_up(store, monkeypatch):
    accounts = Accounts(store, required=True)
    user = add_user(store, "ada", PASSWORD)
    for _ in range(5):
        accounts.new_token(user, "basic")
    now = store_module.time.time()
    monkeypatch.setattr(store_module.time, "time", lambda: now + 50_000)
    accounts.new_token(user, "basic")
    assert store._rows("SELECT count(*) FROM tokens") == [(1,)]


def test_tokens_from_before_there_were_accounts_are_no_good(store):
    token = Accounts(store, required=False).new_token(store.local_user(), "oidc")
    assert Accounts(store, required=False).by_token(token, "oidc") == LOCAL
    assert Accounts(store, required=True).by_token(token, "oidc") is None
    assert store.users() == []
    assert store.password("local") is None


def test_attempts_that_fail_are_limited_and_forgotten():
    now = [0.0]
    attempts = Attempts(lambda: now[0])
    limits = {"ada": 3, "here": 5}
    for _ in range(3):
        attempts.begin(limits)
        now[0] += 1
    with pytest.raises(OpenEOError, match="again in 297 seconds") as caught:
        attempts.begin(limits)
    assert (caught.value.code, caught.value.status) == ("TooManyAttempts", 429)
    attempts.begin({"bob": 3, "here": 5})
    attempts.begin({"eve": 3, "here": 5})
    with pytest.raises(OpenEOError):
        attempts.begin({"tom": 3, "here": 5})
    now[0] = WINDOW_S
    attempts.begin(limits)
    with pytest.raises(OpenEOError):
        attempts.begin(limits)


def test_attempts_that_succeed_do_not_count():
    attempts = Attempts(lambda: 0.0)
    for _ in range(10):
        attempts.begin({"ada": 2})
        attempts.take_back({"ada": 2})


def test_names_that_are_tried_do_not_pile_up():
    attempts = Attempts(lambda: 0.0)
    for number in range(10_050):
        attempts.begin({f"name {number}": 2})
    assert len(attempts._times) == 10_000


def test_after_too_many_guesses_the_right_password_waits_too(store, monkeypatch):
    monkeypatch.setattr(accounts_module, "is_password", lambda password, kept: password == PASSWORD)
    accounts = Accounts(store, required=True)
    add_user(store, "ada", PASSWORD)
    for _ in range(PER_NAME_HERE):
        with pytest.raises(OpenEOError, match="no such name with this password"):
            accounts.by_password("ada", "guess", "10.0.0.1")
    with pytest.raises(OpenEOError, match="Too many attempts"):
        accounts.by_password("ada", PASSWORD, "10.0.0.1")
    assert accounts.by_password("ada", PASSWORD, "10.0.0.2").name == "ada"


def test_sign_in_over_http(client, ada, signed_in):
    token = client.get("/credentials/basic", auth=("ada", PASSWORD)).json()["access_token"]
    me = client.get("/me", headers={"Authorization": f"Bearer basic//{token}"}).json()
    assert me["name"] == "ada"
    assert client.get("/me", headers=ada).json() == me
    assert client.get("/me", headers=signed_in("bob")).json()["user_id"] != me["user_id"]
    for credentials in [("ada", "wrong horse"), ("eve", PASSWORD), ("", ""), ("ada", "x" * 5000)]:
        answer = client.get("/credentials/basic", auth=credentials)
        assert (answer.status_code, answer.json()["code"]) == (403, "CredentialsInvalid")


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [
        (None, 401, "AuthenticationRequired"),
        ("Bearer x", 403, "AuthenticationSchemeInvalid"),
        ("Basic", 403, "CredentialsInvalid"),
        ("Basic ###", 403, "CredentialsInvalid"),
        ("Basic YWRh", 403, "CredentialsInvalid"),
        ("Basic /w==", 403, "CredentialsInvalid"),
    ],
)
def test_credentials_that_are_none(client, header, status, code):
    headers = {"Authorization": header} if header else {}
    answer = client.get("/credentials/basic", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
