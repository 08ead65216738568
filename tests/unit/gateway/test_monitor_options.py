"""The node monitor's options."""

from __future__ import annotations

import pytest

from trainyard_gateway.nodes.monitor import parse


@pytest.mark.parametrize("address", ["http://gateway", "https://gateway:8443/under/a/path"])
def test_an_address_of_the_gateway(address: str) -> None:
    assert parse([f"--gateway-url={address}", "--token-file=t"]).gateway_url == address


@pytest.mark.parametrize("address", ["file:///etc/passwd", "gateway:8080", "http://", "ftp://x"])
def test_no_other_scheme_is_called(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse([f"--gateway-url={address}", "--token-file=t"])

    assert "must be an address such as http://" in capsys.readouterr().err
