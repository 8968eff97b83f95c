"""Who may ask: key, time window, signature, in the dialect's order (API section 2)."""

import base64
import hmac
from collections.abc import Callable
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from ingress.auth import HmacSeal, KeyRow, UnusableKey, key_of
from tests.reference_market import START_NS
from tests.rest_house import EVERY_PERMISSION, SECRET, Client, House

NOW_MS = START_NS // 1_000_000
BAD_KEY = (-2015, "Invalid API-key, IP, or permissions for action.")
OUTSIDE = (-1021, "Timestamp for this request is outside of the recvWindow.")
AHEAD = (-1021, "Timestamp for this request was 1000ms ahead of the server's time.")


@pytest.fixture
def client():
    with House().open() as client:
        yield client


def row(key_type: str = "HMAC", secret: str = SECRET, **fields) -> KeyRow:
    return KeyRow(
        **{
            "api_key": "carol",
            "account": 1,
            "secret": secret,
            "key_type": key_type,
            "permissions": EVERY_PERMISSION,
            "ip_list": (),
            **fields,
        }
    )


def test_a_request_without_a_key_is_refused_first(client):
    answer = client.ask("GET", "/api/v3/account")
    assert (answer.status, answer.error) == (401, (-2014, "API-key format invalid."))


@pytest.mark.parametrize("key", ["", "x" * 300, "\u00e9", "a\tb"])
def test_a_key_that_cannot_be_one_is_refused(client, key):
    scope_key = key.encode("latin-1").decode("latin-1")
    answer = client.ask("GET", "/api/v3/account", headers={"X-MBX-APIKEY": scope_key})
    assert (answer.status, answer.error[0]) == (401, -2014)


def test_an_unknown_key_is_refused_before_anything_is_looked_at(client):
    answer = client.ask("GET", "/api/v3/account", headers={"X-MBX-APIKEY": "nobody"})
    assert (answer.status, answer.error) == (401, BAD_KEY)


def test_an_unknown_key_while_the_database_is_away_is_not_called_wrong(client):
    client.house.books.away = True
    answer = client.ask("GET", "/api/v3/account", headers={"X-MBX-APIKEY": "nobody"})
    assert (answer.status, answer.error[0]) == (503, -1001)
    assert answer.headers["retry-after"] == "1"


def test_a_revoked_key_is_refused_at_once(client):
    assert client.signed("GET", "account").status == 200
    client.house.keys.put("alice", None)
    assert client.signed("GET", "account").error == BAD_KEY


@pytest.mark.parametrize(
    ("verb", "path", "permissions", "status"),
    [
        ("GET", "account", ("USER_DATA",), 200),
        ("GET", "account", ("TRADE",), 401),
        ("POST", "order/test", ("TRADE",), 400),
        ("POST", "order/test", ("USER_DATA",), 401),
    ],
)
def test_a_key_may_do_what_it_was_given_for(client, verb, path, permissions, status):
    client.house.keys.put("carol", key_of(row(permissions=permissions)))
    assert client.signed(verb, path, "carol").status == status


@pytest.mark.parametrize(
    ("ip_list", "status"),
    [
        (("127.0.0.1",), 200),
        (("127.0.0.0/8",), 200),
        (("::1", "127.0.0.1"), 200),
        (("10.0.0.1",), 401),
    ],
)
def test_a_key_bound_to_addresses_works_from_there_alone(client, ip_list, status):
    client.house.keys.put("carol", key_of(row(ip_list=ip_list)))
    assert client.signed("GET", "account", "carol").status == status


def test_a_missing_timestamp_is_told_before_a_missing_signature(client):
    answer = client.ask("GET", "/api/v3/account", headers={"X-MBX-APIKEY": "alice"})
    assert answer.error == (
        -1102,
        "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed.",
    )


def test_a_missing_signature_is_told_once_the_time_is_right(client):
    answer = client.ask(
        "GET", "/api/v3/account", f"timestamp={NOW_MS}", headers={"X-MBX-APIKEY": "alice"}
    )
    assert answer.error == (
        -1102,
        "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.",
    )


@pytest.mark.parametrize(
    ("sent", "window", "error"),
    [
        (NOW_MS, None, None),
        (NOW_MS - 5000, None, None),
        (NOW_MS - 5001, None, OUTSIDE),
        (NOW_MS - 5001, "5001", None),
        (NOW_MS - 60_000, "60000", None),
        (NOW_MS - 1, "0.5", OUTSIDE),
        (NOW_MS + 999, None, None),
        (NOW_MS + 1000, None, AHEAD),
        (NOW_MS * 1000, None, None),
        (NOW_MS * 1000 + 999_999, None, None),
        (NOW_MS * 1000 + 1_000_000, None, AHEAD),
        (1_400_000_000_000, None, OUTSIDE),
        ("abc", None, (-1100, None)),
        ("1" * 21, None, (-1100, None)),
        ("9" * 20, None, AHEAD),
        ("-5", None, (-1100, None)),
        (NOW_MS, "60001", (-1131, "recvWindow must be less than 60000")),
        (NOW_MS, "9" * 20, (-1100, None)),
        (NOW_MS, "x", (-1100, None)),
        (NOW_MS, "1.0001", (-1111, "Parameter 'recvWindow' has too much precision.")),
        (NOW_MS, "", (-1105, "Parameter 'recvWindow' was empty.")),
    ],
)
def test_the_time_of_a_request_lies_in_its_window(client, sent, window, error):
    query = f"timestamp={sent}" + ("" if window is None else f"&recvWindow={window}")
    answer = client.ask("GET", "/api/v3/account", query, headers={"X-MBX-APIKEY": "alice"})
    if error is None:
        assert "'signature' was not sent" in answer.error[1]
    else:
        code, text = answer.error
        assert (code, text if error[1] else None) == error


def test_a_wrong_signature_is_refused(client):
    verb, path, query, body, headers = client.signed_request("GET", "account")
    for wrong in (query[:-1] + ("0" if query[-1] != "0" else "1"), query + "é", query[:-10]):
        answer = client.ask(verb, path, wrong, body, headers)
        assert (answer.status, answer.error) == (
            400,
            (-1022, "Signature for this request is not valid."),
        )


def test_a_signature_in_capitals_is_as_good(client):
    verb, path, query, body, headers = client.signed_request("GET", "account")
    head, _, seal = query.rpartition("=")
    assert client.ask(verb, path, f"{head}={seal.upper()}", body, headers).status == 200


def test_a_wrong_signature_is_told_before_wrong_parameters(client):
    verb, path, query, body, headers = client.signed_request("POST", "order", side="NEITHER")
    assert client.ask(verb, path, query + "0", body, headers).error[0] == -1022
    assert client.ask(verb, path, query, body, headers).error[0] == -1102


def public_pem(key: rsa.RSAPublicKey | ed25519.Ed25519PublicKey) -> str:
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


def ask_signed_by(client: Client, sign: Callable[[bytes], bytes]) -> tuple[int, int]:
    """Ask with a base64 signature as made, and with one of its characters changed."""
    query = f"timestamp={NOW_MS}"
    seal = base64.b64encode(sign(query.encode())).decode()
    other = ("A" if seal[0] != "A" else "B") + seal[1:]
    headers = {"X-MBX-APIKEY": "carol"}
    good, bad = (
        client.ask("GET", "/api/v3/account", f"{query}&signature={quote(text)}", headers=headers)
        for text in (seal, other)
    )
    return good.status, bad.status


def test_an_rsa_key_signs(client):
    private = rsa.generate_private_key(65537, 2048)
    client.house.keys.put("carol", key_of(row("RSA", public_pem(private.public_key()))))
    sign = lambda data: private.sign(data, padding.PKCS1v15(), hashes.SHA256())  # noqa: E731
    assert ask_signed_by(client, sign) == (200, 400)


def test_an_ed25519_key_signs(client):
    private = ed25519.Ed25519PrivateKey.generate()
    client.house.keys.put("carol", key_of(row("ED25519", public_pem(private.public_key()))))
    assert ask_signed_by(client, private.sign) == (200, 400)


@pytest.mark.parametrize("signature", ["", "%%%", "not base64!", "QUJD", "=" * 100])
def test_what_is_no_signature_at_all_is_refused_for_every_kind_of_key(client, signature):
    ed = ed25519.Ed25519PrivateKey.generate().public_key()
    client.house.keys.put("ed", key_of(row("ED25519", public_pem(ed))))
    for who in ("alice", "ed"):
        answer = client.ask(
            "GET",
            "/api/v3/account",
            f"timestamp={NOW_MS}&signature={quote(signature)}",
            headers={"X-MBX-APIKEY": who},
        )
        assert answer.error[0] == (-1022 if signature else -1102)


def test_a_public_key_that_does_not_fit_its_type_cannot_be_used():
    ed = public_pem(ed25519.Ed25519PrivateKey.generate().public_key())
    for kind, secret in (("RSA", ed), ("ED25519", "no pem"), ("DSA", ed)):
        with pytest.raises(UnusableKey):
            key_of(row(kind, secret))
    with pytest.raises(UnusableKey):
        key_of(row(ip_list=("nowhere",)))


@pytest.mark.parametrize("length", [0, 1, 63, 64, 65, 127, 200])
@pytest.mark.parametrize("payload", [b"", b"symbol=BTCUSDT", b"x" * 1000])
def test_hmac_signatures_are_those_of_the_standard_library(length, payload):
    secret = "k" * length
    seal = HmacSeal(secret)
    made = hmac.digest(secret.encode(), payload, "sha256")
    assert seal.fits(made.hex(), payload)
    assert seal.fits(made.hex().upper(), payload), "the seal can be used again"
    assert not seal.fits(made.hex(), payload + b"x")
    assert not HmacSeal(secret + "k").fits(made.hex(), payload)
