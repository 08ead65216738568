"""Single sign-on as people use it, against a real provider: in a browser, and by `trainyard login`."""

from __future__ import annotations

import re
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from browser import PATIENCE, Visit, violations, visit
from cluster import unique
from command_line import CommandLine, rest_of
from identity_provider import Person, SignedOnYard, signed_on_yard
from playwright.sync_api import Browser, expect
from poll import eventually

pytestmark = pytest.mark.integration

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def yard(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SignedOnYard]:
    folder = tmp_path_factory.mktemp("sso")
    groups = {"vision": {"teams": ["vision"]}}
    with signed_on_yard(kubeconfig, folder, groups=groups, checkSeconds=2) as found:
        yield found


@pytest.fixture
def window(browser: Browser, yard: SignedOnYard) -> Iterator[Visit]:
    with visit(browser, yard.lab.url) as found:
        yield found


def member(yard: SignedOnYard) -> str:
    name = unique("u")
    yard.provider.account(name, preferred_username=name, groups=["vision"])
    return name


def sign_in(window: Visit, account: str) -> None:
    page = window.page
    page.goto(window.url)
    page.get_by_role("link", name="Sign in with Lab ID").click()
    page.locator("input[name=login]").fill(account)
    page.locator("input[name=password]").fill("x")
    page.get_by_role("button", name="Sign-in").click()


def test_a_person_signs_in_and_out_in_a_browser(window: Visit, yard: SignedOnYard) -> None:
    page, account = window.page, member(yard)
    page.goto(window.url)
    expect(page.get_by_role("link", name="Sign in with Lab ID")).to_be_visible()
    assert violations(page) == []

    sign_in(window, account)
    page.get_by_role("button", name="Log out").wait_for()
    expect(page.locator(".who")).to_have_text(account)
    kept = page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]")
    cookies = [c for c in window.context.cookies(window.url) if c["name"].startswith("trainyard")]

    assert page.url.rstrip("/") == window.url
    assert kept == [0, 0, ""]
    assert [(c["httpOnly"], c["sameSite"]) for c in cookies] == [(True, "Strict")]

    # The provider asks whether its own login ends too.
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("button", name="Yes, sign me out").click()
    expect(page.get_by_role("link", name="Sign in with Lab ID")).to_be_visible()
    assert page.url.rstrip("/") == window.url
    page.get_by_role("link", name="Sign in with Lab ID").click()
    expect(page.locator("input[name=login]")).to_be_visible()
    assert [line for line in window.said if "Content Security Policy" in line] == []


def test_a_refusal_and_a_group_that_is_taken_away_are_said_on_the_page(
    window: Visit, yard: SignedOnYard
) -> None:
    page, account = window.page, member(yard)
    yard.provider.account(account, preferred_username=account, groups=["<img src=x>"])
    sign_in(window, account)
    expect(page.get_by_role("alert")).to_contain_text("none of your groups at the provider")
    expect(page.get_by_label("API key")).to_be_visible()

    yard.provider.account(account, preferred_username=account, groups=["vision"])
    # The provider knows the person still.
    page.get_by_role("link", name="Sign in with Lab ID").click()
    page.get_by_role("button", name="Log out").wait_for()
    yard.provider.account(account, preferred_username=account, groups=[])
    expect(page.get_by_role("alert")).to_contain_text("the login is over: none of your groups")


def begin(cli: CommandLine, url: str) -> tuple[subprocess.Popen[str], str]:
    """A login that was begun, and the address that it shows."""
    process = subprocess.Popen(
        cli.command("login", url, "--sso"), env=cli.env, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"open (\S+) in a browser, and check that it shows (\S+)", line)
    assert found is not None, line + rest_of(process)[1]
    assert found[2].replace("-", "") in found[1].replace("-", "")
    return process, found[1]


def test_the_command_line_logs_in_without_a_browser_and_out(
    yard: SignedOnYard, tmp_path: Path
) -> None:
    account, cli = member(yard), CommandLine(tmp_path / "home")
    file = tmp_path / "home" / ".config" / "trainyard" / "config"
    process, where = begin(cli, yard.lab.url)
    who = Person(account)
    who.walk(where)
    out, error = rest_of(process)
    kept = yaml.safe_load(file.read_text())
    headers = {"Authorization": f"Bearer {kept['key']}"}

    assert process.returncode == 0, error
    assert f"you are {account}, until 20" in out
    assert (kept["kind"], stat.S_IMODE(file.stat().st_mode)) == ("sso", 0o600)
    assert kept["key"] not in out + error + yard.lab.log.read_text()
    assert yard.who(headers).json()["teams"] == ["vision"]
    assert cli.run("ls").code == 0
    assert cli.run("logout").code == 0
    assert (file.exists(), yard.who(headers).status_code) == (False, 401)


def test_the_command_line_says_why_there_is_no_login(yard: SignedOnYard, tmp_path: Path) -> None:
    account, cli = unique("u"), CommandLine(tmp_path / "home")
    yard.provider.account(account, preferred_username=account, groups=["other"])
    process, where = begin(cli, yard.lab.url)
    Person(account).walk(where)
    _, error = rest_of(process)

    assert process.returncode == 4
    assert "none of your groups at the provider opens this installation" in error
    assert not (tmp_path / "home" / ".config" / "trainyard" / "config").exists()


def test_a_login_of_the_command_line_ends_with_the_account(
    yard: SignedOnYard, tmp_path: Path
) -> None:
    account, cli = member(yard), CommandLine(tmp_path / "home")
    process, where = begin(cli, yard.lab.url)
    Person(account).walk(where)
    rest_of(process)
    yard.provider.remove(account)

    said = eventually(lambda: (s := cli.run("ls")).code == 4 and s, what="the login's end")
    assert "the identity provider has ended your login; run `trainyard login --sso`" in said.err
