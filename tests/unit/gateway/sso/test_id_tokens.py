"""Which ID tokens are believed, by tokens that are really signed."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from trainyard_gateway.auth.sso.id_tokens import (
    Expected,
    InvalidIdToken,
    UnknownKey,
    keys_of,
    verify,
)

NOW = 1_800_000_000
OWN = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
CURVE = ECKey.generate_key("P-256", {"kid": "two"})
OTHER = RSAKey.generate_key(2048, {"kid": "one"})
NEWER = RSAKey.generate_key(2048, {"kid": "three"})
PUBLISHED: dict[str, Any] = {"keys": [OWN.as_dict(private=False), CURVE.as_dict(private=False)]}
KEYS = keys_of(PUBLISHED)
EXPECTED = Expected("https://id.example", "trainyard", "n-1")


def claims(**more: Any) -> dict[str, Any]:
    found = {
        "iss": "https://id.example", "aud": "trainyard", "sub": "u-1", "nonce": "n-1",
        "iat": NOW, "exp": NOW + 60, **more,
    }  # fmt: skip
    return {name: value for name, value in found.items() if value is not None}


def signed(found: dict[str, Any], key: Any = OWN, **header: Any) -> str:
    alg = "ES256" if key is CURVE else "RS256"
    return jwt.encode({"alg": alg, "kid": key.kid, **header}, found, key)


@pytest.mark.parametrize(
    "token",
    [
        signed(claims()),
        signed(claims(), CURVE),
        signed(claims(aud=["trainyard"])),
        signed(claims(aud=["other", "trainyard"], azp="trainyard")),
        signed(claims(azp="trainyard")),
        signed(claims(exp=NOW - 59)),
        signed(claims(iat=NOW + 59, nbf=NOW + 59)),
    ],
    ids=["RSA", "a curve", "audiences", "two audiences", "azp", "within the skew", "a fast clock"],
)
def test_good_tokens_are_believed(token: str) -> None:
    assert verify(token, KEYS, EXPECTED, NOW)["sub"] == "u-1"


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"iss": "https://evil.example"}, "another issuer"),
        ({"iss": "https://id.example/"}, "another issuer"),
        ({"iss": None}, "another issuer"),
        ({"aud": "another"}, "another client"),
        ({"aud": ["another", "trainyard"]}, "another client"),
        ({"aud": ["trainyard"], "azp": "another"}, "another client"),
        ({"azp": "another"}, "another client"),
        ({"aud": []}, "another client"),
        ({"aud": None}, "another client"),
        ({"aud": {"trainyard": 1}}, "another client"),
        ({"exp": NOW - 60}, "expired"),
        ({"exp": None}, "no valid times"),
        ({"exp": "1900000000"}, "no valid times"),
        ({"exp": True}, "no valid times"),
        ({"exp": 1e300}, "no valid times"),
        ({"iat": None}, "no valid times"),
        ({"iat": NOW + 61}, "from the future"),
        ({"nbf": NOW + 61}, "from the future"),
        ({"nbf": "soon"}, "no valid times"),
        ({"nonce": "n-2"}, "another login"),
        ({"nonce": None}, "another login"),
        ({"nonce": ["n-1"]}, "another login"),
    ],
    ids=[
        "issuer", "issuer with a slash", "no issuer", "audience", "audiences without azp",
        "other azp in a list", "other azp", "no audience", "none", "a mapping", "expired", "no end",
        "a text as end", "a truth as end", "no number", "no begin", "made in the future",
        "valid in the future", "a text as begin", "nonce", "no nonce", "a list as nonce",
    ],
)  # fmt: skip
def test_wrong_claims_are_refused(changed: dict[str, Any], word: str) -> None:
    with pytest.raises(InvalidIdToken, match=word):
        verify(signed(claims(**changed)), KEYS, EXPECTED, NOW)


def test_a_refreshed_token_is_about_the_same_identity() -> None:
    expected = Expected("https://id.example", "trainyard", subject="u-1")

    assert verify(signed(claims(nonce=None)), KEYS, expected, NOW)
    with pytest.raises(InvalidIdToken, match="another identity"):
        verify(signed(claims(sub="u-2")), KEYS, expected, NOW)


def coded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def unsigned(alg: str) -> str:
    parts = ({"alg": alg, "kid": "one"}, claims())
    return ".".join([*(coded(json.dumps(part).encode()) for part in parts), ""])


def with_public_key_as_secret() -> str:
    said = unsigned("HS256").rstrip(".")
    return f"{said}.{coded(hmac.digest(OWN.as_pem(private=False), said.encode(), 'sha256'))}"


@pytest.mark.parametrize(
    "token",
    [
        unsigned("none"),
        unsigned("None"),
        unsigned("RS256"),
        with_public_key_as_secret(),
        jwt.encode({"alg": "RS256", "kid": "one"}, claims(), OTHER),
        jwt.encode({"alg": "RS256", "kid": "one", "jwk": OTHER.as_dict(private=False)}, claims(), OTHER),
        jwt.encode({"alg": "RS256", "kid": "one", "jku": "http://169.254.169.254/"}, claims(), OTHER),
        signed(claims())[:-4] + "AAAA",
        signed(claims()) + "." ,
        "a.b.c",
        "",
        "x" * 70_000,
        None,
        7,
    ],
    ids=[
        "no algorithm", "None", "no signature", "the public key as a secret", "another key",
        "a key of its own", "an address of its own", "changed", "more parts", "no token", "empty",
        "long", "nothing", "a number",
    ],
)  # fmt: skip
def test_other_signatures_are_refused(token: object) -> None:
    with pytest.raises(InvalidIdToken):
        verify(token, KEYS, EXPECTED, NOW)


def test_a_new_key_of_the_provider_is_told_apart_from_a_wrong_one() -> None:
    token = signed(claims(), NEWER)

    with pytest.raises(UnknownKey):
        verify(token, KEYS, EXPECTED, NOW)
    more = keys_of({"keys": [NEWER.as_dict(private=False), *PUBLISHED["keys"]]})
    assert verify(token, more, EXPECTED, NOW)


def test_secrets_encryption_keys_and_nonsense_are_no_keys() -> None:
    secret = OctKey.generate_key(256, {"kid": "s"}).as_dict(private=True)
    listed = [
        secret,
        {"kty": "RSA"},
        {"kty": "PQ", "x": "y"},
        7,
        {**PUBLISHED["keys"][0], "use": "enc"},
    ]

    assert list(keys_of({"keys": listed})) == []
    assert [list(keys_of(document)) for document in (None, [], {}, {"keys": {}})] == [[]] * 4
    with pytest.raises(InvalidIdToken):
        verify(signed(claims()), KeySet([]), EXPECTED, NOW)


@given(st.text(max_size=200))
def test_no_text_is_believed_or_breaks_anything(text: str) -> None:
    with pytest.raises(InvalidIdToken):
        verify(text, KEYS, EXPECTED, NOW)
