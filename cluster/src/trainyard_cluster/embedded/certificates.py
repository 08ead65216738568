"""The cluster's certificate authority and its certificates, valid for ten years."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from trainyard_cluster.errors import StepFailed
from trainyard_cluster.plan import API_SERVICE_IP, Layout, Place

RECIPE = "2"
"""A new value makes an older cluster create new certificates."""
POLICY_USER = "trainyard:network-policies"
"""The engine that enforces NetworkPolicies, as a user of the API."""
_YEARS = dt.timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate to create: file name, subject, and the host names of a server."""

    file: str
    common_name: str
    organization: str | None = None
    hosts: tuple[str, ...] = ()


def identities(layout: Layout, place: Place) -> list[Identity]:
    """Every client and server of the cluster's first node that has a certificate. Pure."""
    api_names = (
        place.node,
        API_SERVICE_IP,
        "127.0.0.1",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    )
    return [
        Identity("apiserver", "kube-apiserver", hosts=api_names),
        Identity("apiserver-kubelet-client", "kube-apiserver-kubelet-client", "system:masters"),
        *node_identities(layout, place),
        Identity("admin", "trainyard-admin", "system:masters"),
        Identity("controller-manager", "system:kube-controller-manager"),
        Identity("scheduler", "system:kube-scheduler"),
        Identity("kube-proxy", "system:kube-proxy"),
        Identity("coredns", "system:coredns"),
        Identity("network-policies", POLICY_USER),
    ]


def node_identities(layout: Layout, place: Place) -> list[Identity]:
    """The certificates that every node has for itself. Pure."""
    user = f"system:node:{layout.name}"
    return [
        Identity("kubelet-serving", user, hosts=(place.node, layout.name)),
        Identity("kubelet", user, "system:nodes"),
    ]


def current(layout: Layout) -> bool:
    """Whether this cluster's authority is complete and current."""
    done = layout.pki / "done"
    return done.exists() and done.read_text() == RECIPE


def create(layout: Layout, place: Place) -> None:
    """Create the authority, the service-account key and all certificates in `layout.pki`."""
    layout.pki.mkdir(parents=True, exist_ok=True, mode=0o700)
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"trainyard-{layout.name}")])
    ca = (
        _builder(ca_name, ca_name, ca_key.public_key(), ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs=True), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    _write(layout.pki / "ca", ca_key, ca)
    _sign_all(identities(layout, place), layout.pki, ca, ca_key)
    _service_account_key(layout.pki)
    # Written last, so that an interrupted call starts again.
    (layout.pki / "done").write_text(RECIPE)


def add_missing(layout: Layout, place: Place) -> None:
    """Create certificates of identities that the cluster did not have when it was made."""
    missing = [i for i in identities(layout, place) if not _there(layout.pki, i)]
    if missing:
        _sign_all(missing, layout.pki, *_authority(layout))


def node_current(cluster: Layout, node: Layout, place: Place) -> bool:
    """Whether a further node has certificates of the cluster's present authority."""
    ours, theirs = node.pki / "ca.crt", cluster.pki / "ca.crt"
    return (
        all(_there(node.pki, i) for i in node_identities(node, place))
        and ours.exists()
        and ours.read_bytes() == theirs.read_bytes()
    )


def create_for_node(cluster: Layout, node: Layout, place: Place) -> None:
    """Create a further node's certificates, signed by the cluster's authority."""
    node.pki.mkdir(parents=True, exist_ok=True, mode=0o700)
    _sign_all(node_identities(node, place), node.pki, *_authority(cluster))
    # Written last, so that an interrupted call starts again.
    (node.pki / "ca.crt").write_bytes((cluster.pki / "ca.crt").read_bytes())


def _there(pki: Path, identity: Identity) -> bool:
    # The certificate is written after its key.
    return (pki / f"{identity.file}.crt").exists()


def _authority(layout: Layout) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = serialization.load_pem_private_key((layout.pki / "ca.key").read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise StepFailed(f"{layout.pki}/ca.key is not the key that this program wrote")
    return x509.load_pem_x509_certificate((layout.pki / "ca.crt").read_bytes()), key


def _sign_all(
    wanted: list[Identity], pki: Path, ca: x509.Certificate, ca_key: ec.EllipticCurvePrivateKey
) -> None:
    for identity in wanted:
        key = ec.generate_private_key(ec.SECP256R1())
        _write(pki / identity.file, key, _sign(identity, key.public_key(), ca, ca_key))


def _sign(
    identity: Identity,
    key: ec.EllipticCurvePublicKey,
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, identity.common_name)]
    if identity.organization:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, identity.organization))
    usage = [ExtendedKeyUsageOID.CLIENT_AUTH]
    builder = _builder(x509.Name(parts), ca.subject, key, ca_key.public_key()).add_extension(
        x509.BasicConstraints(ca=False, path_length=None), critical=True
    )
    if identity.hosts:
        usage.append(ExtendedKeyUsageOID.SERVER_AUTH)
        names = x509.SubjectAlternativeName([_host(h) for h in identity.hosts])
        builder = builder.add_extension(names, critical=False)
    return builder.add_extension(x509.ExtendedKeyUsage(usage), critical=False).sign(
        ca_key, hashes.SHA256()
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    issuer_key: ec.EllipticCurvePublicKey,
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    # Python from 3.13 on refuses chains without key identifiers (RFC 5280, 4.2.1.1).
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key)
    return (
        x509.CertificateBuilder()
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(authority, critical=False)
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        # A clock that is slightly behind must accept a new certificate.
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + _YEARS)
    )


def _key_usage(signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _host(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _service_account_key(pki: Path) -> None:
    # Every verifier of service-account tokens supports RS256.
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    _private(pki / "service-account.key", key)
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (pki / "service-account.pub").write_bytes(public)


def _write(base: Path, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
    _private(base.with_suffix(".key"), key)
    base.with_suffix(".crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _private(path: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    path.touch(mode=0o600, exist_ok=True)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
