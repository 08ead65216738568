"""The chart: what it installs, what it grants, and which values it refuses."""

from __future__ import annotations

import ipaddress
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart_render import EVERYTHING, Rendered, render
from installation import CHART, tools

from trainyard_api import contract
from trainyard_bot import settings as bot_settings
from trainyard_gateway import settings as gateway_settings
from trainyard_gateway.nodes import monitor
from trainyard_operator import settings as operator_settings

WORKLOADS = ("Deployment", "DaemonSet", "StatefulSet", "Job")


@pytest.fixture(scope="module", params=[{}, EVERYTHING], ids=["defaults", "everything"])
def rendered(request: pytest.FixtureRequest) -> Rendered:
    found = render(request.param)
    assert found.code == 0, found.error
    return found


def pod_specs(found: Rendered) -> list[tuple[str, dict[str, Any]]]:
    return [(o["metadata"]["name"], o["spec"]["template"]["spec"]) for o in found.of(*WORKLOADS)]


def containers(found: Rendered) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{name}/{container['name']}", container)
        for name, spec in pod_specs(found)
        for container in [*spec.get("initContainers", []), *spec["containers"]]
    ]


def test_helm_lint_has_nothing_to_say() -> None:
    done = subprocess.run(
        [tools()["helm"], "lint", "--strict", str(CHART)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert "[WARNING]" not in done.stdout


def test_what_is_installed(rendered: Rendered) -> None:
    kinds = {o["kind"] for o in rendered.objects}

    assert kinds >= {
        "ConfigMap",
        "CustomResourceDefinition",
        "Deployment",
        "NetworkPolicy",
        "PersistentVolumeClaim",
        "Role",
        "Service",
        "ServiceAccount",
        "ValidatingAdmissionPolicy",
    }


def test_the_crds_are_those_that_the_code_renders() -> None:
    crds = {o["metadata"]["name"]: o["spec"] for o in render().of("CustomResourceDefinition")}
    files = [
        yaml.safe_load(p.read_text()) for p in sorted((CHART.parents[1] / "crds").glob("*.yaml"))
    ]

    assert crds == {f["metadata"]["name"]: f["spec"] for f in files}


def test_every_object_is_labelled(rendered: Rendered) -> None:
    for thing in rendered.objects:
        if thing["kind"] != "CustomResourceDefinition":
            labels = thing["metadata"].get("labels", {})
            assert labels.get("app.kubernetes.io/instance") == "ty", thing["metadata"]["name"]


def test_namespaced_objects_say_their_namespace(rendered: Rendered) -> None:
    """Without it `helm template | kubectl apply` puts them where the person happens to be."""
    cluster_wide = {
        "CustomResourceDefinition",
        "ClusterRole",
        "ClusterRoleBinding",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    }
    for thing in rendered.objects:
        if thing["kind"] not in cluster_wide:
            assert thing["metadata"].get("namespace") == "ns", thing["metadata"]["name"]


# ── hardening ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_pods_keep_to_pod_security_restricted_and_more(rendered: Rendered) -> None:
    for name, spec in pod_specs(rendered):
        security = spec["securityContext"]
        assert security["runAsNonRoot"] is True, name
        assert security["runAsUser"] == 10001, name
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert spec["enableServiceLinks"] is False, name
        assert not spec.get("hostNetwork"), name
    for name, container in containers(rendered):
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False, name
        assert security["readOnlyRootFilesystem"] is True, name
        assert security["capabilities"] == {"drop": ["ALL"]}, name


def test_containers_have_limits_and_requests(rendered: Rendered) -> None:
    for name, container in containers(rendered):
        for amount in ("requests", "limits"):
            assert {"cpu", "memory", "ephemeral-storage"} <= container["resources"][
                amount
            ].keys(), name


def test_containers_that_listen_have_probes(rendered: Rendered) -> None:
    for name, container in containers(rendered):
        if "ports" in container:
            assert {"livenessProbe", "readinessProbe"} <= container.keys(), name


def test_no_wildcard_is_granted_and_secrets_are_only_watched_for_their_labels(
    rendered: Rendered,
) -> None:
    """The operator watches the labels of Secrets; whoever may create Jobs can mount any of them.

    It creates the first key.
    """
    for role in rendered.of("Role", "ClusterRole"):
        for rule in role["rules"]:
            words = [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
            assert "*" not in words, role["metadata"]["name"]
            if "secrets" in rule["resources"]:
                assert (role["kind"], role["metadata"]["name"]) == ("Role", "ty-operator")
                assert set(rule["verbs"]) == {"list", "watch", "create"}


def test_writing_is_granted_in_the_namespace_only() -> None:
    """ClusterRoles that are bound may read nodes and pods, and ask who a token belongs to."""
    found = render()
    bound = {b["roleRef"]["name"] for b in found.of("ClusterRoleBinding")}
    for role in found.of("ClusterRole"):
        if role["metadata"]["name"] in bound:
            for rule in role["rules"]:
                allowed = (
                    {"create"}
                    if rule["resources"] == ["tokenreviews"]
                    else {"get", "list", "watch"}
                )
                assert set(rule["verbs"]) <= allowed, rule


@pytest.mark.parametrize("account", ["ty-trainer", "ty-bot", "ty-monitor"])
def test_accounts_that_need_no_rights_have_none(account: str) -> None:
    found = render(EVERYTHING)
    subjects = [
        s["name"] for b in found.of("RoleBinding", "ClusterRoleBinding") for s in b["subjects"]
    ]

    assert account not in subjects
    assert found.named("ServiceAccount", account)["automountServiceAccountToken"] is False


# ── values ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_programs_accept_their_configuration(rendered: Rendered, tmp_path: Path) -> None:
    """A key that the program does not know would stop it at its start."""
    files = {}
    for program in ("gateway", "operator"):
        files[program] = tmp_path / f"{program}.yaml"
        data = rendered.named("ConfigMap", f"ty-{program}")["data"]
        files[program].write_text(data[f"{program}.yaml"])

    assert gateway_settings.load(files["gateway"], {}).namespace == "ns"
    assert operator_settings.load(files["operator"]).namespace == "ns"


def test_the_bot_accepts_its_configuration_and_may_write_what_it_remembers(tmp_path: Path) -> None:
    found = render({**EVERYTHING, "bot.chats": [1, {"id": -2, "users": [7], "notify": "own"}]})
    path = tmp_path / "bot.yaml"
    path.write_text(found.named("ConfigMap", "ty-bot")["data"]["bot.yaml"])
    settings = bot_settings.load(path, {})

    assert [(c.id, c.users) for c in settings.chats] == [(1, None), (-2, (7,))]
    mounts = next(c for name, c in containers(found) if name == "ty-bot/bot")["volumeMounts"]
    writable = [m["mountPath"] for m in mounts if not m.get("readOnly")]
    assert str(settings.state_file.parent) in writable
    assert str(settings.alive_file) == "/tmp/alive"


def test_the_monitor_is_started_as_the_program_and_the_gateway_expect(tmp_path: Path) -> None:
    found = render({"monitor.intervalSeconds": 7})
    pod = found.named("DaemonSet", "ty-monitor")["spec"]["template"]["spec"]
    container = pod["containers"][0]
    options = monitor.parse(container["args"])
    path = tmp_path / "gateway.yaml"
    path.write_text(found.named("ConfigMap", "ty-gateway")["data"]["gateway.yaml"])
    gateway = gateway_settings.load(path, {})

    assert container["command"][-1] == monitor.__name__
    assert options.interval == 7
    assert options.gateway_url == "http://ty-gateway.ns.svc"
    assert pod["serviceAccountName"] == gateway.monitor_service_account
    token = pod["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"]
    assert token["audience"] == gateway.trainer_audience == contract.TOKEN_AUDIENCE
    assert str(options.token_file.parent) == container["volumeMounts"][0]["mountPath"]
    assert options.alive_file is not None
    assert str(options.alive_file.parent) == container["volumeMounts"][1]["mountPath"]
    assert str(options.alive_file) in container["startupProbe"]["exec"]["command"]


def test_postgresql_is_used_by_its_secret(tmp_path: Path) -> None:
    found = render(EVERYTHING)
    path = tmp_path / "gateway.yaml"
    path.write_text(found.named("ConfigMap", "ty-gateway")["data"]["gateway.yaml"])
    settings = gateway_settings.load(path, {})
    spec = found.named("Deployment", "ty-gateway")["spec"]
    mounts = {
        m["name"]: m["mountPath"] for m in spec["template"]["spec"]["containers"][0]["volumeMounts"]
    }

    assert settings.database() == EVERYTHING["database.url"]
    assert str(settings.database_password_file) == f"{mounts['database']}/password"
    assert (spec["replicas"], spec["strategy"]["type"]) == (2, "RollingUpdate")
    assert render().named("Deployment", "ty-gateway")["spec"]["strategy"]["type"] == "Recreate"


def test_sessions_are_removed_when_the_administrator_says_so(tmp_path: Path) -> None:
    def retention(**values: Any) -> int | None:
        path = tmp_path / "operator.yaml"
        found = render({f"retention.{k}": v for k, v in values.items()})
        path.write_text(found.named("ConfigMap", "ty-operator")["data"]["operator.yaml"])
        return operator_settings.load(path).retention_seconds

    assert [retention(), retention(finishedSessionSeconds=0)] == [None, 0]


def test_the_authorities_of_the_index_reach_the_operator(tmp_path: Path) -> None:
    def chosen(**values: str) -> tuple[str, str, str]:
        path = tmp_path / "operator.yaml"
        found = render({f"environments.{k}": v for k, v in values.items()})
        path.write_text(found.named("ConfigMap", "ty-operator")["data"]["operator.yaml"])
        config = operator_settings.load(path).config().environments
        return config.ca_config_map, config.ca_secret, config.ca_key

    assert chosen() == ("", "", "ca.crt")
    assert chosen(caConfigMap="a", caKey="ca-bundle.crt") == ("a", "", "ca-bundle.crt")
    assert chosen(caSecret="b") == ("", "b", "ca.crt")


@pytest.mark.parametrize("port", ["http", "metrics"])
def test_who_may_reach_the_gateway_can_be_narrowed(port: str) -> None:
    def peers(values: dict[str, Any]) -> Any:
        rules = render(values).named("NetworkPolicy", "ty-gateway")["spec"]["ingress"]
        return next(r for r in rules if r["ports"] == [{"port": port}]).get("from")

    narrow = peers(EVERYTHING)
    assert peers({}) is None
    assert {"http": 4, "metrics": 1}[port] == len(narrow)


METADATA = ("169.254.169.254", "fd00:ec2::254")
NETWORKS = {
    "a private network": "10.9.8.7",
    "a shared network": "100.64.0.1",
    "a network of the cluster": "203.0.113.9",
    "a network of the cluster, IPv6": "2001:db8::9",
    "local addresses, IPv6": "fe80::1",
}


def reaches(block: dict[str, Any], address: str) -> bool:
    """Whether a block of a policy holds an address."""
    found = ipaddress.ip_address(address)
    networks = [ipaddress.ip_network(c) for c in (block["cidr"], *block.get("except", []))]
    return found in networks[0] and not any(found in n for n in networks[1:])


@pytest.mark.parametrize("address", NETWORKS.values(), ids=NETWORKS)
def test_the_internet_holds_no_network_of_the_cluster(address: str) -> None:
    policy = render(EVERYTHING).named("NetworkPolicy", "ty-trainer-internet")["spec"]
    (rule,) = policy["egress"]

    assert policy["podSelector"]["matchLabels"] == {"trainyard.io/egress": "internet"}
    assert not any(reaches(peer["ipBlock"], address) for peer in rule["to"])
    assert any(reaches(peer["ipBlock"], "198.51.100.1") for peer in rule["to"])


def test_runtimes_reach_no_internet_by_default() -> None:
    names = {p["metadata"]["name"] for p in render().of("NetworkPolicy")}

    assert "ty-trainer-internet" not in names


@pytest.mark.parametrize(
    ("values", "ports"),
    [
        ({}, {80, 443}),
        ({"environments.indexUrl": "https://index.example/simple"}, {80, 443}),
        ({"environments.indexUrl": "http://index.example:3141/simple"}, {80, 443, 3141}),
        ({"environments.egress.ports": [8081]}, {8081}),
    ],
    ids=["defaults", "an index", "an index at a port", "ports"],
)
def test_installations_of_packages_reach_the_index(values: dict[str, Any], ports: set[int]) -> None:
    policy = render(values).named("NetworkPolicy", "ty-environment-builder")["spec"]
    (rule,) = [r for r in policy["egress"] if any("ipBlock" in p for p in r.get("to", []))]

    assert {p["port"] for p in rule["ports"]} == ports


def test_nobody_reaches_the_metadata_address() -> None:
    """Of the pods with rules for what they may call, none may call the addresses where clouds hand out credentials."""
    policies = [p for p in render(EVERYTHING).of("NetworkPolicy") if "egress" in p["spec"]]
    anywhere = [
        rule
        for policy in policies
        for rule in policy["spec"]["egress"]
        for peer in rule.get("to", [{"ipBlock": {"cidr": "0.0.0.0/0"}}])
        if "ipBlock" in peer
        and any(reaches(peer["ipBlock"], address) for address in METADATA)
        and {p["port"] for p in rule.get("ports", [])} != {53}
    ]

    assert {p["metadata"]["name"] for p in policies} == {
        "ty-trainer",
        "ty-trainer-internet",
        "ty-environment-builder",
        "ty-monitor",
        "ty-bot",
        "ty-gateway",
        "ty-operator",
    }
    assert anywhere == []


@pytest.mark.parametrize(
    ("values", "ports"),
    [
        ({}, {443, 6443}),
        ({"networkPolicy.apiServerPorts": [8443]}, {8443}),
        ({**EVERYTHING, "database.url": "postgresql://u@db:6000/t"}, {443, 6443, 6000}),
        ({**EVERYTHING, "database.url": "postgresql://u@db/t"}, {443, 6443, 5432}),
    ],
    ids=["sqlite", "other API server", "PostgreSQL at a port", "PostgreSQL"],
)
def test_the_gateway_calls_the_api_server_and_its_database_only(
    values: dict[str, Any], ports: set[int]
) -> None:
    rules = render(values).named("NetworkPolicy", "ty-gateway")["spec"]["egress"]

    assert {p["port"] for rule in rules for p in rule["ports"]} == ports | {53}


def test_a_policy_is_there_only_with_its_pods() -> None:
    found = render({"bot.enabled": False, "monitor.enabled": False})

    assert {p["metadata"]["name"] for p in found.of("NetworkPolicy")} == {
        "ty-gateway",
        "ty-operator",
        "ty-trainer",
        "ty-environment-builder",
    }


def test_credentials_of_an_account_are_mounted_only_where_the_api_server_is_called() -> None:
    """An hour at a time, and never by default: every pod says so, and so does every account."""
    found = render(EVERYTHING)
    directory = "/var/run/secrets/kubernetes.io/serviceaccount"
    mounted = {
        name
        for name, container in containers(found)
        if directory in {m["mountPath"] for m in container["volumeMounts"]}
    }

    assert mounted == {"ty-gateway/gateway", "ty-operator/operator"}
    assert {spec["automountServiceAccountToken"] for _, spec in pod_specs(found)} == {False}
    accounts = found.of("ServiceAccount")
    assert {a["automountServiceAccountToken"] for a in accounts} == {False}


def test_every_program_is_probed(rendered: Rendered) -> None:
    for name, container in containers(rendered):
        assert {"startupProbe", "livenessProbe", "readinessProbe"} <= set(container), name


def test_the_values_for_many_nodes_leave_nothing_there_only_once() -> None:
    path = CHART.parents[1] / "examples" / "values" / "production.yaml"
    found = render({}, f"--values={path}")
    workloads = [*found.of("Deployment"), *found.of("DaemonSet")]

    assert found.code == 0, found.error
    assert {d["metadata"]["name"]: d["spec"].get("replicas") for d in workloads} == {
        "ty-operator": 2,
        "ty-gateway": 2,
        "ty-bot": 1,
        "ty-monitor": None,
    }
    assert all("@sha256:" in c["image"] for _, c in containers(found))


def test_copies_keep_apart_and_images_are_those_of_their_digests() -> None:
    digest = "sha256:" + "1a" * 32
    found = render({**EVERYTHING, "operator.replicas": 2, "operator.image.digest": digest})
    operator = found.named("Deployment", "ty-operator")["spec"]
    pod = operator["template"]["spec"]

    assert operator["replicas"] == 2
    assert "podAntiAffinity" in pod["affinity"]
    assert pod["containers"][0]["image"].endswith(f"@{digest}")
    assert "affinity" not in render().named("Deployment", "ty-operator")["spec"]["template"]["spec"]


def test_images_follow_the_chart_unless_told_otherwise() -> None:
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
    plain = {c["image"] for _, c in containers(render())}
    other = {
        c["image"]
        for _, c in containers(
            render({"image.registry": "registry.example", "gateway.image.tag": "x1"})
        )
    }

    assert plain == {f"docker.io/trainyard/{n}:{version}" for n in ("operator", "gateway")}
    assert other == {
        f"registry.example/trainyard/operator:{version}",
        "registry.example/trainyard/gateway:x1",
    }


def test_the_ways_in_lead_to_the_gateway_by_tls() -> None:
    host, gateway = "trainyard.example", {"name": "edge", "sectionName": "https"}
    found = render(
        {
            "gateway.ingress.enabled": True,
            "gateway.ingress.host": host,
            "gateway.ingress.tlsSecret": "cert",
            "gateway.httpRoute.enabled": True,
            "gateway.httpRoute.parentRefs": [gateway],
            "gateway.httpRoute.hostnames": [host],
        }
    )
    service = found.named("Service", "ty-gateway")["spec"]["ports"]
    ingress = found.named("Ingress", "ty-gateway")["spec"]
    route = found.named("HTTPRoute", "ty-gateway")["spec"]

    assert ingress["tls"] == [{"hosts": [host], "secretName": "cert"}]
    (rule,) = ingress["rules"]
    (path,) = rule["http"]["paths"]
    assert (rule["host"], path["path"], path["pathType"]) == (host, "/", "Prefix")
    to = path["backend"]["service"]
    assert to["name"] == "ty-gateway"
    assert to["port"]["name"] in {port["name"] for port in service}
    assert (route["parentRefs"], route["hostnames"]) == ([gateway], [host])
    (backend,) = route["rules"][0]["backendRefs"]
    assert backend["name"] == "ty-gateway"
    assert backend["port"] in {port["port"] for port in service}


@pytest.mark.parametrize(
    ("values", "absent"),
    [
        ({"crds.enabled": False}, ("CustomResourceDefinition", None)),
        ({"networkPolicy.enabled": False}, ("NetworkPolicy", None)),
        ({"storage.existingClaim": "mine"}, ("PersistentVolumeClaim", "ty-data")),
        ({"bot.enabled": False}, ("Deployment", "ty-bot")),
        ({"gateway.ingress.enabled": False}, ("Ingress", None)),
        ({"serviceMonitor.enabled": False}, ("ServiceMonitor", None)),
        ({"serviceMonitor.enabled": False}, ("Service", "ty-gateway-metrics")),
        ({"gateway.httpRoute.enabled": False}, ("HTTPRoute", None)),
        ({"monitor.enabled": False}, ("DaemonSet", "ty-monitor")),
        ({"podDisruptionBudget.enabled": False}, ("PodDisruptionBudget", None)),
        ({"bot.storage.existingClaim": "mine"}, ("PersistentVolumeClaim", "ty-bot")),
        ({"rbac.aggregate": False}, ("ClusterRole", "ns-ty-edit")),
    ],
    ids=lambda v: next(iter(v)) if isinstance(v, dict) else "",
)
def test_every_switch_takes_its_objects_away(
    values: dict[str, Any], absent: tuple[str, str | None]
) -> None:
    kind, name = absent

    def there(found: Rendered) -> bool:
        return any(name in (None, o["metadata"]["name"]) for o in found.of(kind))

    assert there(render(EVERYTHING))
    assert not there(render({**EVERYTHING, **values}))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"operator.replicaz": 2}, "replicaz"),
        ({"gateway.service.type": "Magic"}, "gateway/service/type"),
        ({"gateway.service.port": 0}, "gateway/service/port"),
        ({"storage.size": "much"}, "storage/size"),
        ({"storage.accessMode": "ReadSometimes"}, "storage/accessMode"),
        ({"priority.min": 5, "priority.max": 1}, "priority.min must not be above priority.max"),
        ({"bot.enabled": True, "bot.chats": [1]}, "kubectl create secret generic telegram"),
        ({"gateway.ingress.enabled": True}, "gateway.ingress.enabled needs gateway.ingress.host"),
        ({"gateway.replicas": 2}, "database/url"),
        (
            {
                "gateway.replicas": 2,
                "database.url": "postgresql://u@h/d",
                "database.passwordSecret": "s",
            },
            "storage.accessMode ReadWriteMany",
        ),
        ({"database.url": "postgresql://u:secret@h/d"}, "database/url"),
        ({"database.url": "postgresql://u@h/d"}, "database/passwordSecret"),
        ({"database.url": "mysql://u@h/d"}, "database/url"),
        ({"bot.enabled": True, "bot.tokenSecret": "t"}, "bot/chats"),
        ({"gateway.httpRoute.enabled": True}, "gateway.httpRoute.parentRefs"),
        ({"monitor.intervalSeconds": 60}, "monitor/intervalSeconds"),
        ({"retention.finishedSessionSeconds": -1}, "retention/finishedSessionSeconds"),
        ({"serviceMonitor.interval": "often"}, "serviceMonitor/interval"),
        ({"operator.logLevel": "loud"}, "operator/logLevel"),
        ({"operator.image.digest": "sha256:beef"}, "operator/image/digest"),
        ({"networkPolicy.apiServerPorts": []}, "networkPolicy/apiServerPorts"),
        ({"operator.ageingSeconds": -1}, "operator/ageingSeconds"),
        (
            {"environments.caConfigMap": "a", "environments.caSecret": "b"},
            "environments.caConfigMap and environments.caSecret both name certificates",
        ),
        ({"environments.caKey": "../ca.crt"}, "environments/caKey"),
    ],
    ids=lambda v: next(iter(v)) if isinstance(v, dict) else "",
)
def test_values_that_cannot_work_are_refused(values: dict[str, Any], message: str) -> None:
    found = render(values)

    assert found.code != 0
    assert message in found.error


@pytest.mark.parametrize(
    ("version", "is_taken"),
    [
        pytest.param("1.35.9", False, id="before"),
        pytest.param("1.36.0-gke.1", True, id="of-a-cloud"),
        pytest.param("1.37.2", True, id="later"),
    ],
)
def test_users_of_changes_need_a_cluster_that_names_them(version: str, is_taken: bool) -> None:
    """An older API server does not know the policy: the message says so, not helm's words."""
    found = render({"audit.kubernetesUsers": True}, f"--kube-version={version}")

    assert (found.code == 0) == is_taken
    assert bool(found.of("MutatingAdmissionPolicy")) == is_taken
    assert ("audit.kubernetesUsers needs Kubernetes 1.36" in found.error) != is_taken


def test_every_value_is_explained_and_in_the_schema() -> None:
    """A `# --` line above each value, and the schema closed at every level that is ours."""
    lines = (CHART / "values.yaml").read_text().splitlines()
    schema = json.loads((CHART / "values.schema.json").read_text())
    path: list[tuple[int, str]] = []
    for number, line in enumerate(lines):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        depth, name = len(line) - len(line.lstrip()), text.split(":", 1)[0]
        path = [*(p for p in path if p[0] < depth), (depth, name)]
        leaf = not text.endswith(":")
        free = path[0][1] == "runtimes" or name in ("requests", "limits")
        free = free or any(name == "annotations" for _, name in path[:-1])
        if leaf and not free:
            assert lines[number - 1].strip().startswith("# --"), f"line {number + 1}: {name}"
            node: Any = schema
            for _, part in path:
                node = node["properties"][part]
    assert schema["additionalProperties"] is False


def test_what_trainings_and_people_still_need_survives_an_uninstall() -> None:
    """Helm's resource policy; upgrades look the Secret up (tried on a cluster in the e2e ring)."""
    found = render()

    kept = [
        ("PersistentVolumeClaim", "ty-data"),
        ("ServiceAccount", "ty-trainer"),
    ]
    for kind, name in kept:
        annotations = found.named(kind, name)["metadata"]["annotations"]
        assert annotations["helm.sh/resource-policy"] == "keep"
