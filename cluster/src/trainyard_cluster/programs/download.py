"""Downloads of official releases: one attempt, verified by the published checksum."""

from __future__ import annotations

import hashlib
import io
import ssl
import tarfile
from dataclasses import dataclass
from pathlib import Path

import httpx

from trainyard_cluster.programs import versions

CONNECT_SECONDS = 3.0
_KUBERNETES = f"https://dl.k8s.io/{versions.KUBERNETES}/bin/linux/amd64"
_GITHUB = "https://github.com"


class UnavailableError(Exception):
    """The release cannot be downloaded, or its checksum is wrong."""


@dataclass(frozen=True, slots=True)
class Release:
    """A file to download; for an archive, `member` names the program inside."""

    program: str
    url: str
    checksum_url: str
    member: str | None = None


def releases() -> list[Release]:
    """All downloads. Pure."""
    etcd, coredns, kwok = versions.ETCD, versions.COREDNS.removeprefix("v"), versions.KWOK
    kind = f"{_GITHUB}/kubernetes-sigs/kind/releases/download/{versions.KIND}/kind-linux-amd64"
    etcd_base = f"{_GITHUB}/etcd-io/etcd/releases/download/{etcd}"
    dns_base = f"{_GITHUB}/coredns/coredns/releases/download/v{coredns}"
    return [
        *(
            Release(name, f"{_KUBERNETES}/{name}", f"{_KUBERNETES}/{name}.sha256")
            for name in versions.NODE_PARTS
            if name.startswith("kube")
        ),
        Release(
            "etcd",
            f"{etcd_base}/etcd-{etcd}-linux-amd64.tar.gz",
            f"{etcd_base}/SHA256SUMS",
            f"etcd-{etcd}-linux-amd64/etcd",
        ),
        Release(
            "coredns",
            f"{dns_base}/coredns_{coredns}_linux_amd64.tgz",
            f"{dns_base}/coredns_{coredns}_linux_amd64.tgz.sha256",
            "coredns",
        ),
        *(
            Release(
                name,
                f"https://get.helm.sh/helm-{version}-linux-amd64.tar.gz",
                f"https://get.helm.sh/helm-{version}-linux-amd64.tar.gz.sha256sum",
                "linux-amd64/helm",
            )
            for name, version in (("helm", versions.HELM), ("helm3", versions.HELM_3))
        ),
        Release(
            "kwok",
            f"{_GITHUB}/kubernetes-sigs/kwok/releases/download/{kwok}/kwok-linux-amd64",
            f"{_GITHUB}/kubernetes-sigs/kwok/releases/download/{kwok}/kwok-linux-amd64.sha256",
        ),
        Release("kind", kind, f"{kind}.sha256sum"),
    ]


def fetch(release: Release, into: Path) -> None:
    """Download and verify the program `into/<program>`. Raises UnavailableError."""
    expected = _checksum(_read(release.checksum_url).decode(), release.url.rsplit("/", 1)[1])
    body = _read(release.url)
    if hashlib.sha256(body).hexdigest() != expected:
        raise UnavailableError(f"{release.url} does not have the published checksum")
    if release.member:
        body = _member(body, release.member)
    target = into / release.program
    target.write_bytes(body)
    target.chmod(0o755)


def _read(url: str) -> bytes:
    # The certificates that this machine trusts, perhaps with that of a proxy.
    trusted = ssl.create_default_context()
    try:
        answer = httpx.get(url, timeout=CONNECT_SECONDS, verify=trusted, follow_redirects=True)
        return answer.raise_for_status().content
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UnavailableError(f"{url}: {error}") from error


def _checksum(text: str, file: str) -> str:
    """The SHA-256 of `file` in a checksum file: a bare hash, or lines of `<hash>  <file>`."""
    for line in text.splitlines():
        words = line.split()
        if len(words) == 1 or (len(words) > 1 and words[1].lstrip("*").endswith(file)):
            return words[0].lower()
    raise UnavailableError(f"no checksum published for {file}")


def _member(archive: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        handle = tar.extractfile(name)
        if handle is None:
            raise UnavailableError(f"the archive holds no {name}")
        return handle.read()
