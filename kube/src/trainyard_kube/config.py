"""Address and credentials of an API server, from inside a pod or from a kubeconfig file."""

from __future__ import annotations

import base64
import os
import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from trainyard_kube.errors import ConfigError

_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True)
class KubeConfig:
    """Address and credentials: a token, a token file, or a client certificate."""

    server: str
    namespace: str = "default"
    ca: str | None = field(default=None, repr=False)
    """CA bundle as PEM text; None means the system's."""
    client_certificate: str | None = field(default=None, repr=False)
    client_key: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    token_file: Path | None = None
    """Read before every request, because the kubelet renews it."""
    verify: bool = True

    @classmethod
    def in_cluster(cls) -> KubeConfig:
        """From the mounted service account. Raises ConfigError outside a pod."""
        host, port = (
            os.environ.get("KUBERNETES_SERVICE_HOST"),
            os.environ.get("KUBERNETES_SERVICE_PORT"),
        )
        if not host or not port or not (_SERVICE_ACCOUNT / "token").exists():
            raise ConfigError(
                "not inside a pod with a service account; give a kubeconfig file instead"
            )
        host = f"[{host}]" if ":" in host else host
        return cls(
            server=f"https://{host}:{port}",
            namespace=(_SERVICE_ACCOUNT / "namespace").read_text().strip(),
            ca=(_SERVICE_ACCOUNT / "ca.crt").read_text(),
            token_file=_SERVICE_ACCOUNT / "token",
        )

    @classmethod
    def from_file(cls, path: Path | str | None = None, context: str | None = None) -> KubeConfig:
        """From a kubeconfig. Default: $KUBECONFIG, else ~/.kube/config. Raises ConfigError."""
        file = Path(path or os.environ.get("KUBECONFIG") or Path.home() / ".kube" / "config")
        try:
            data = yaml.safe_load(file.read_text())
        except OSError as error:
            raise ConfigError(f"cannot read the kubeconfig {file}: {error.strerror}") from error
        except yaml.YAMLError as error:
            raise ConfigError(f"the kubeconfig {file} is not valid YAML") from error
        return _parse(data or {}, file, context)

    @classmethod
    def find(cls) -> KubeConfig:
        """From $KUBECONFIG, else the pod's service account, else ~/.kube/config.

        Raises ConfigError.
        """
        if os.environ.get("KUBECONFIG"):
            return cls.from_file()
        try:
            return cls.in_cluster()
        except ConfigError:
            return cls.from_file()

    def ssl_context(self) -> ssl.SSLContext:
        """A new TLS context for this server."""
        context = ssl.create_default_context(cadata=self.ca)
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.client_certificate and self.client_key:
            _load_client_certificate(context, self.client_certificate, self.client_key)
        return context

    def bearer(self) -> str | None:
        """The current token; None with a client certificate."""
        return self.token_file.read_text().strip() if self.token_file else self.token


def _load_client_certificate(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Load them through a private temporary file: the ssl module reads files only."""
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as pem:
        pem.write(f"{certificate}\n{key}\n")
        pem.flush()
        context.load_cert_chain(pem.name)


def _parse(data: dict[str, Any], file: Path, context: str | None) -> KubeConfig:
    chosen = context or data.get("current-context")
    entry = _named(data, "contexts", chosen, "context", file)
    cluster = _named(data, "clusters", entry.get("cluster"), "cluster", file)
    user = _named(data, "users", entry.get("user"), "user", file) if entry.get("user") else {}
    if "exec" in user or "auth-provider" in user:
        raise ConfigError(
            f"the kubeconfig {file} uses a credential plugin, which is not supported here; "
            "make a service account token or a client certificate for this user"
        )
    token_file = user.get("tokenFile")
    return KubeConfig(
        server=str(cluster.get("server", "")).rstrip("/"),
        namespace=str(entry.get("namespace") or "default"),
        ca=_material(cluster, "certificate-authority", file),
        client_certificate=_material(user, "client-certificate", file),
        client_key=_material(user, "client-key", file),
        token=user.get("token"),
        token_file=file.parent / token_file if token_file else None,
        verify=not cluster.get("insecure-skip-tls-verify", False),
    )


def _named(
    data: dict[str, Any], section: str, name: object, kind: str, file: Path
) -> dict[str, Any]:
    for item in data.get(section) or ():
        if item.get("name") == name:
            return dict(item.get(kind) or {})
    raise ConfigError(f"the kubeconfig {file} has no {kind} called {name!r}")


def _material(entry: dict[str, Any], key: str, file: Path) -> str | None:
    inline = entry.get(f"{key}-data")
    if inline:
        return base64.b64decode(inline).decode()
    return (file.parent / entry[key]).read_text() if entry.get(key) else None
