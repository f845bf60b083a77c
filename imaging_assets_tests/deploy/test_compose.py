"""`compose.yaml` and the Dockerfile name what exists: files, commands, settings, ports; and run with no more rights than needed."""

import json
import re
import shlex
from typing import Any

import pytest
from typer.main import get_command

from imaging_assets.cli.app import app
from imaging_assets_tests.deploy.dockerfile import instructions
from imaging_assets_tests.deploy.files import CHECKOUT, DEPLOY, read_documents, read_yaml
from imaging_assets_tests.deploy.hcl import local_values


@pytest.fixture(name="services")
def _services() -> dict[str, Any]:
    services: dict[str, Any] = read_yaml("compose.yaml")["services"]
    return services


def ours(services: dict[str, Any]) -> dict[str, Any]:
    return {name: service for name, service in services.items() if "imaging-assets" in service["image"]}


def test_every_role_is_there_and_the_daemon_once(services: dict[str, Any]) -> None:
    assert set(services) == {"postgres", "code-server", "webserver", "daemon", "serve", "azurite"}
    assert not any("deploy" in service for service in services.values())  # no replicas


def test_processes_are_not_root_and_write_only_into_volumes(services: dict[str, Any]) -> None:
    for service in ours(services).values():
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert service["security_opt"] == ["no-new-privileges:true"]
    assert ("USER", "10001:10001") in instructions()


def test_only_this_machine_can_reach_what_asks_for_no_password(services: dict[str, Any]) -> None:
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []
    assert "ports" not in services["postgres"]


def test_images_and_base_images_are_pinned_to_a_patch_release(services: dict[str, Any]) -> None:
    foreign = [service["image"] for service in services.values() if "imaging-assets" not in service["image"]]
    foreign += [value.split()[0] for name, value in instructions() if name == "FROM" and ":" in value]
    assert len(foreign) == 3
    for image in foreign:
        assert re.search(r":\d+\.\d+(\.\d+)?(-[a-z]+)*$", image), image


def test_every_service_has_a_health_check(services: dict[str, Any]) -> None:
    assert [name for name, value in instructions() if name == "HEALTHCHECK"] == ["HEALTHCHECK"]
    for name, service in services.items():
        inherited = name == "code-server"  # the image's is the code server's
        assert inherited or service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}, name


def test_the_password_is_asked_for_and_stands_nowhere() -> None:
    text = (DEPLOY / "compose.yaml").read_text("utf-8")
    given = re.findall(r"PASSWORD: (.*)", text)
    assert len(given) == 2
    assert all(value.startswith("${DAGSTER_PG_PASSWORD:?") for value in given)


def test_dagster_yaml_finds_every_variable_it_reads(services: dict[str, Any]) -> None:
    read = set(re.findall(r"env: ([A-Z0-9_]+)", (DEPLOY / "compose/dagster.yaml").read_text("utf-8")))
    assert read
    for service in ours(services).values():
        assert read <= service["environment"].keys()


def test_containers_meet_under_the_names_that_workspace_and_variables_say(services: dict[str, Any]) -> None:
    (target,) = read_yaml("workspace.yaml")["load_from"]
    assert target["grpc_server"]["host"] in services
    command = next(json.loads(value) for name, value in instructions() if name == "CMD")
    assert command[command.index("--port") + 1] == str(target["grpc_server"]["port"])
    assert ("EXPOSE", str(target["grpc_server"]["port"])) in instructions()
    assert services["code-server"]["environment"]["DAGSTER_PG_HOST"] in services
    # LocalRunLauncher looks for processes of the code server.
    assert services["daemon"]["pid"] == "service:code-server"


def test_commands_of_services_exist(services: dict[str, Any]) -> None:
    commands = set(getattr(get_command(app), "commands"))  # noqa: B009 - typer hides that this is a group
    named = {service["command"][1] for service in services.values() if service.get("command", [""])[0] == "imaging-assets"}
    assert named
    assert named <= commands


def test_volumes_and_files_that_services_mount_are_there(services: dict[str, Any]) -> None:
    mounted = {mount.partition(":")[0] for service in services.values() for mount in service.get("volumes", [])}
    files = {name for name in mounted if name.startswith("./")}
    assert mounted - files == set(read_yaml("compose.yaml")["volumes"])
    assert [name for name in files if not (DEPLOY / name).is_file()] == []


def test_dagsters_files_lie_where_the_image_looks_for_them(services: dict[str, Any]) -> None:
    (environment,) = (value for name, value in instructions() if name == "ENV" and "DAGSTER_HOME" in value)
    home = dict(word.split("=", 1) for word in shlex.split(environment))["DAGSTER_HOME"]
    for service in ours(services).values():
        assert f"./compose/dagster.yaml:{home}/dagster.yaml:ro" in service["volumes"]
        assert all(word == f"{home}/workspace.yaml" for word in service.get("command", []) if word.endswith(".yaml"))


def test_the_image_is_built_of_files_that_exist_and_that_the_build_may_see() -> None:
    copied = [
        word for name, value in instructions() if name == "COPY" for word in shlex.split(value)[:-1] if "--from" not in value
    ]
    seen = set(re.findall(r"^!(.*)$", (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8"), re.MULTILINE))
    assert {word.removeprefix("./") for word in copied} == seen
    assert [word for word in copied if not (CHECKOUT / word).exists()] == []


def test_every_process_keeps_utc(services: dict[str, Any]) -> None:
    assert all(service["environment"]["TZ"] == "UTC" for service in ours(services).values())
    (environment,) = (value for name, value in instructions() if name == "ENV" and "DAGSTER_HOME" in value)
    assert "TZ=UTC" in environment


def test_the_skills_manifest_runs_as_the_identity_terraform_makes_and_as_the_images_user() -> None:
    parts = {document["kind"]: document for document in read_documents("kubernetes/serve.yaml")}
    account, deployment, service = (parts[kind] for kind in ("ServiceAccount", "Deployment", "Service"))
    assert account["metadata"]["name"] == local_values()["service_accounts"]["serve"]
    pod = deployment["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == account["metadata"]["name"]
    assert ("USER", f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}") in instructions()
    (container,) = pod["containers"]
    (port,) = container["ports"]
    assert service["spec"]["ports"][0]["targetPort"] == port["containerPort"]
    (let_in,) = parts["NetworkPolicy"]["spec"]["ingress"]
    assert let_in == {"ports": [{"port": port["containerPort"]}]}
    told = {entry["name"]: entry["value"] for entry in container["env"]}
    assert (told["TZ"], told["IMAGING_SERVE__PORT"]) == ("UTC", str(port["containerPort"]))
    commands = set(getattr(get_command(app), "commands"))  # noqa: B009
    assert container["args"][0] == "imaging-assets"
    assert container["args"][1] in commands
