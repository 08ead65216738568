"""Files that look like passwords and keys are named before a folder is sent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from trainyard.secret_files import MOST_FILES, is_named_like_a_secret, suspicious

NAMES = [
    pytest.param(".env", True, id="env"),
    pytest.param("deep/.env.production", True, id="env-of-a-stage"),
    pytest.param(".env.example", False, id="example"),
    pytest.param("env.py", False, id="a-module"),
    pytest.param("keys/id_rsa", True, id="ssh"),
    pytest.param("keys/id_rsa.pub", False, id="public-key"),
    pytest.param("Server.PEM", True, id="capitals"),
    pytest.param("credentials.json", True, id="credentials"),
    pytest.param("credentials.py", False, id="a-module-of-credentials"),
    pytest.param(".aws/credentials", True, id="aws"),
    pytest.param("home/.docker/config.json", True, id="docker"),
    pytest.param("config.json", False, id="any-configuration"),
    pytest.param("tokenizer.json", False, id="tokenizer"),
    pytest.param("train.py", False, id="a-program"),
]


@pytest.mark.parametrize(("path", "expected"), NAMES)
def test_names(path: str, expected: bool) -> None:
    assert is_named_like_a_secret(path) == expected


# Put together here: no file may hold what looks like a token.
CONTENTS = [
    pytest.param("hf_" + "Ab1" * 12, "Hugging Face", id="hugging-face"),
    pytest.param("ghp_" + "Ab1" * 12, "GitHub", id="github"),
    pytest.param("github_pat_" + "Ab1" * 20, "GitHub", id="github-fine-grained"),
    pytest.param("glpat-" + "Ab1" * 7, "GitLab", id="gitlab"),
    pytest.param("sk-" + "proj-Ab1" * 6, "sk-", id="sk"),
    pytest.param("AKIA" + "ABCD2345" * 2, "AWS", id="aws"),
    pytest.param("AIza" + "Ab1-_" * 7, "Google", id="google"),
    pytest.param("xoxb-" + "12345-abcde", "Slack", id="slack"),
    pytest.param("npm_" + "Ab1" * 12, "npm", id="npm"),
    pytest.param("-----BEGIN " + "OPENSSH PRIVATE KEY-----", "private key", id="private-key"),
    pytest.param("ty_" + "Abcd1234_" + "Ab1cdef" * 7, "Trainyard", id="trainyard"),
]


@pytest.mark.parametrize(("token", "kind"), CONTENTS)
def test_tokens_in_files_are_named_and_not_shown(tmp_path: Path, token: str, kind: str) -> None:
    (tmp_path / "hub.py").write_text(f'import os\n\nTOKEN = "{token}"\n')
    [sentence] = suspicious(tmp_path, ["hub.py"])

    assert sentence.startswith("hub.py:3 holds what looks like")
    assert kind in sentence
    assert token not in sentence


HARMLESS = [
    pytest.param("task-forward-and-backward-of-the-model", id="a-word-with-sk"),
    pytest.param("sk-learn-like-names-without-numbers", id="sk-without-a-number"),
    pytest.param("hf_hub_download(repo)", id="a-function"),
    pytest.param("-----BEGIN PUBLIC KEY-----", id="public-key"),
    pytest.param("AKIA", id="a-prefix-alone"),
]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_token(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.py").write_text(text)
    assert suspicious(tmp_path, ["a.py"]) == []


def test_large_files_files_that_are_gone_and_pipes_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * (2 << 20) + b" hf_" + b"Ab1" * 12)
    os.mkfifo(tmp_path / "pipe")
    assert suspicious(tmp_path, ["large", "gone", "pipe"]) == []


def test_many_are_counted(tmp_path: Path) -> None:
    found = suspicious(tmp_path, [f"{n}.pem" for n in range(MOST_FILES + 3)])
    assert (len(found), found[-1]) == (MOST_FILES + 1, "and 3 more")
