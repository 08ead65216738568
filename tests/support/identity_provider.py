"""A real OpenID provider as a process, with accounts that a test changes; and people without a
browser who log in there."""

from __future__ import annotations

import fcntl
import html
import json
import re
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from cluster import fresh_namespace
from gateway_lab import GatewayLab
from joserfc.jwk import RSAKey
from poll import eventually
from ports import free_port

ROOT = Path(__file__).resolve().parents[2]
_SOURCES = Path(__file__).with_name("identity_provider")
_INSTALLED = ROOT / "build" / "identity-provider"
_INSTALL_SECONDS = 300
CLIENT = "trainyard"


def _new_key() -> dict[str, Any]:
    key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, private=True, auto_kid=True)
    return dict(key.as_dict(private=True))


@dataclass
class IdentityProvider:
    """The provider with one client; it can end and start again with what it knows."""

    folder: Path
    program: Path
    gateway: str
    """URL of the gateway, to which people are sent back."""
    port: int = field(default_factory=free_port)
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    keys: list[dict[str, Any]] = field(default_factory=lambda: [_new_key()])
    more: dict[str, Any] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def issuer(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def secret_file(self) -> Path:
        """The client's secret, for the gateway."""
        return self.folder / "client-secret"

    def account(self, id: str, **claims: Any) -> None:
        """An account with these claims; who has logged in before has them from now on."""
        self._change(lambda accounts: accounts.update({id: claims}))

    def remove(self, id: str) -> None:
        """No such account any more."""
        self._change(lambda accounts: accounts.pop(id))

    def rotate(self) -> None:
        """Start again, with a new key before those that it has."""
        self.stop()
        self.keys = [_new_key(), *self.keys]
        self.start()

    def start(self) -> None:
        """Start and wait until it answers."""
        self.secret_file.write_text(self.secret)
        client = {
            "client_id": CLIENT,
            "client_secret": self.secret,
            "redirect_uris": [f"{self.gateway}/api/v1/login/sso/callback"],
            "post_logout_redirect_uris": [f"{self.gateway}/"],
            "response_types": ["code"],
            "grant_types": [
                "authorization_code",
                "refresh_token",
                "urn:ietf:params:oauth:grant-type:device_code",
            ],
        }
        config = self.folder / "config.json"
        settings = {
            "issuer": self.issuer,
            "port": self.port,
            "folder": str(self.folder),
            "clients": [client],
            "keys": self.keys,
            "cookieKey": self.secret,
            "idTokenClaims": True,
            **self.more,
        }
        config.write_text(json.dumps(settings))
        node = shutil.which("node")
        assert node is not None, "Node is not installed: apt-get install nodejs npm"
        with (self.folder / "provider.log").open("ab") as log:
            self.process = subprocess.Popen(
                [node, str(self.program), str(config)], stdout=log, stderr=log
            )
        eventually(self._answers, within=60, what="the identity provider being ready")

    def stop(self) -> None:
        """End it and wait."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(timeout=30)
            self.process = None

    def _answers(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise RuntimeError((self.folder / "provider.log").read_text()[-2000:])
        try:
            where = f"{self.issuer}/.well-known/openid-configuration"
            return httpx.get(where, timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def _change(self, change: Any) -> None:
        file = self.folder / "accounts.json"
        accounts = json.loads(file.read_text()) if file.exists() else {}
        change(accounts)
        new = file.with_suffix(".new")
        new.write_text(json.dumps(accounts))
        new.replace(file)


@dataclass
class SignedOnYard:
    """A gateway with single sign-on, and its provider."""

    lab: GatewayLab
    provider: IdentityProvider

    def start(self) -> tuple[str, str]:
        """Where the gateway sends a browser, and the cookie that it gives."""
        answer = httpx.get(f"{self.lab.url}/api/v1/login/sso/start", timeout=30)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"], answer.headers["set-cookie"].partition(";")[0]

    def come_back(self, url: str, cookie: str) -> dict[str, str]:
        """The cookies after the provider sent a browser back, by their names' beginnings."""
        answer = httpx.get(url, headers={"Cookie": cookie}, timeout=30)
        assert (answer.status_code, answer.headers["location"]) == (303, "/"), answer.text
        given = [c.partition(";")[0] for c in answer.headers.get_list("set-cookie")]
        return {c.partition("=")[0].rpartition("_")[0]: c for c in given if not c.endswith("=")}

    def log_in(self, account: str) -> dict[str, str]:
        """The header with the cookie of a login by the provider's pages."""
        who = Person(account)
        where, cookie = self.start()
        back = who.walk(where, f"{self.lab.url}/")
        assert isinstance(back, str), back.text
        cookies = self.come_back(back, cookie)
        assert "trainyard_login" in cookies, self.problem(cookies)
        return {"Cookie": cookies["trainyard_login"]}

    def refusal(self, account: str) -> str:
        """Why a login is refused."""
        who = Person(account)
        where, cookie = self.start()
        back = who.walk(where, f"{self.lab.url}/")
        assert isinstance(back, str), back.text
        return self.problem(self.come_back(back, cookie))

    def problem(self, cookies: dict[str, str]) -> str:
        """What the login page is told."""
        assert "trainyard_login" not in cookies
        answer = httpx.get(
            f"{self.lab.url}/api/v1/login/sso/offer",
            headers={"Cookie": cookies["trainyard_sso"]},
            timeout=30,
        )
        return str(answer.json()["problem"])

    def who(self, headers: dict[str, str]) -> httpx.Response:
        """What the gateway says to a caller about the caller."""
        return httpx.get(f"{self.lab.url}/api/v1/login", headers=headers, timeout=30)


@contextmanager
def signed_on_yard(kubeconfig: Path, folder: Path, **sso: Any) -> Iterator[SignedOnYard]:
    """Gateway and provider for the length of the block; `sso` are further settings."""
    with fresh_namespace(kubeconfig, "gw") as namespace:
        for name in ("gateway", "provider"):
            (folder / name).mkdir(exist_ok=True)
        lab = GatewayLab(kubeconfig, namespace, folder / "gateway")
        with identity_provider(folder / "provider", lab.url) as provider:
            lab.settings["sso"] = sso_setting(provider, lab.url, **sso)
            try:
                lab.start()
                yield SignedOnYard(lab, provider)
            finally:
                lab.stop()


def sso_setting(provider: IdentityProvider, url: str, **more: Any) -> str:
    """The gateway's setting `sso` as its variable holds it."""
    known = {
        "issuer": provider.issuer,
        "clientId": CLIENT,
        "clientSecretFile": str(provider.secret_file),
        "publicUrl": url,
        "name": "Lab ID",
        "scopes": ["openid", "profile", "email", "groups", "offline_access"],
    }
    return json.dumps({**known, **more})


@contextmanager
def identity_provider(folder: Path, gateway: str, **more: Any) -> Iterator[IdentityProvider]:
    """A provider for the length of the block; `more` are settings of its program."""
    found = IdentityProvider(folder, _installed(), gateway, more=more)
    try:
        found.start()
        yield found
    finally:
        found.stop()


class Person:
    """Someone with cookies who fills in the provider's forms."""

    def __init__(self, account: str) -> None:
        self._account = account
        self._cookies = httpx.Cookies()

    def walk(self, url: str, until: str = "\0") -> httpx.Response | str:
        """Follow links and fill in forms; the last page, or the address that begins with `until`."""
        with httpx.Client(timeout=30, cookies=self._cookies) as http:
            try:
                return self._walk(http, url, until)
            finally:
                self._cookies = http.cookies

    def _walk(self, http: httpx.Client, url: str, until: str) -> httpx.Response | str:
        answer = http.get(url)
        for _ in range(20):
            if answer.is_redirect:
                where = str(answer.url.join(answer.headers["location"]))
                if where.startswith(until):
                    return where
                answer = http.get(where)
                continue
            found = re.search(r"<form[^>]*>.*?</form>", answer.text, re.DOTALL)
            if found is None:
                return answer
            answer = self._submit(http, answer, found.group())
        raise AssertionError(f"no end of forms at {answer.url}")

    def _submit(self, http: httpx.Client, page: httpx.Response, form: str) -> httpx.Response:
        action = re.search(r'action="([^"]*)"', form)
        fields = {
            html.unescape(name[1]): html.unescape(value[1]) if value else ""
            for tag in re.findall(r"<(?:input|button)[^>]*>", form)
            if (name := re.search(r'name="([^"]*)"', tag)) and "abort" not in tag
            for value in [re.search(r'value="([^"]*)"', tag)]
        }
        if "login" in fields:
            fields |= {"login": self._account, "password": "x"}
        where = page.url.join(html.unescape(action[1])) if action else page.url
        return http.post(where, data=fields)


def _installed() -> Path:
    """The program with its packages, which npm brings at the first time."""
    _INSTALLED.mkdir(parents=True, exist_ok=True)
    # Several lanes of tests may come here at once.
    with (_INSTALLED / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = (_SOURCES / "package-lock.json").read_bytes()
        done = _INSTALLED / "installed.json"
        if not done.is_file() or done.read_bytes() != wanted:
            for name in ("package.json", "package-lock.json", ".npmrc"):
                shutil.copyfile(_SOURCES / name, _INSTALLED / name)
            made = subprocess.run(
                ["npm", "ci", "--silent", "--ignore-scripts"], cwd=_INSTALLED, text=True,
                capture_output=True, timeout=_INSTALL_SECONDS, check=False,
            )  # fmt: skip
            if made.returncode != 0:
                pytest.fail(
                    f"npm ci of the identity provider: {made.stderr[-2000:]}", pytrace=False
                )
            done.write_bytes(wanted)
        shutil.copyfile(_SOURCES / "provider.mjs", _INSTALLED / "provider.mjs")
    return _INSTALLED / "provider.mjs"
