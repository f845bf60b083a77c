"""Dagster's own configuration: valid for the classes it names, and the same wherever it is written."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster._config import process_config, resolve_to_config_type
from dagster._core.instance.config import dagster_instance_config
from dagster._core.instance.ref import InstanceRef
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_azure.blob import AzureBlobComputeLogManager
from dagster_k8s import K8sRunLauncher
from dagster_k8s.job import DagsterK8sJobConfig, UserDefinedDagsterK8sConfig, construct_dagster_k8s_job
from dagster_postgres import DagsterPostgresStorage

from imaging_assets.defs.launcher import LocalRunLauncher
from imaging_assets_tests.deploy.chart import instance
from imaging_assets_tests.deploy.files import CHECKOUT, DEPLOY, read_yaml

CLASSES = {"dagster.yaml": (AzureBlobComputeLogManager, K8sRunLauncher), "compose/dagster.yaml": (None, LocalRunLauncher)}

ONE_MACHINE = {"storage", "local_artifact_storage", "compute_logs", "run_launcher", "run_monitoring", "concurrency", "backfills"}
"""Where one machine and Kubernetes may differ."""

VARIABLES = {
    "DAGSTER_HOME": "/opt/dagster",
    "DAGSTER_PG_HOST": "imaging.postgres.database.azure.com",
    "DAGSTER_PG_PORT": "5432",
    "DAGSTER_PG_USERNAME": "imaging-app",
    "DAGSTER_PG_PASSWORD": "secret",
    "DAGSTER_PG_DB": "dagster",
    "DAGSTER_LOGS": "/var/lib/dagster",
    "DAGSTER_LOGS_ACCOUNT": "imaging",
    "DAGSTER_LOGS_CONTAINER": "dagster-logs",
    "DAGSTER_K8S_PIPELINE_RUN_NAMESPACE": "imaging",
    "DAGSTER_K8S_INSTANCE_CONFIG_MAP": "dagster-instance",
}


@pytest.fixture(autouse=True)
def _variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)


def resolved(kind: Any, config: Any) -> Any:
    """A class's configuration with its variables and defaults; fails on what the class does not know."""
    done = process_config(resolve_to_config_type(kind.config_type()), config)
    assert done.success, done.errors
    return done.value


@pytest.mark.parametrize("path", CLASSES)
def test_dagster_accepts_the_file_and_each_class_its_part(path: str, tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text((DEPLOY / path).read_text("utf-8"), "utf-8")
    dagster_instance_config(str(tmp_path))
    InstanceRef.from_dir(str(tmp_path))

    told = read_yaml(path)
    logs, launcher = CLASSES[path]
    resolved(DagsterPostgresStorage, told["storage"]["postgres"])
    if logs is not None:
        resolved(logs, told["compute_logs"]["config"])
    resolved(launcher, told["run_launcher"].get("config", {}))
    assert told["run_launcher"]["class"] == launcher.__name__


def test_kubernetes_and_one_machine_differ_only_where_they_must() -> None:
    kubernetes, one_machine = read_yaml("dagster.yaml"), read_yaml("compose/dagster.yaml")
    started = {kind: kubernetes["retention"][kind]["purge_after_days"].pop("started") for kind in ("sensor", "schedule")}
    assert set(started.values()) == {-1}  # never, as by default; the chart asks for it
    differing = {name for name in kubernetes.keys() | one_machine.keys() if kubernetes.get(name) != one_machine.get(name)}
    assert differing <= ONE_MACHINE
    assert kubernetes["concurrency"]["pools"] == one_machine["concurrency"]["pools"]
    root = yaml.safe_load((CHECKOUT / "dagster.yaml").read_text("utf-8"))
    assert root["run_launcher"] == one_machine["run_launcher"]


def test_training_never_runs_twice_at_once_and_finished_runs_free_their_pools() -> None:
    for path in CLASSES:
        told = read_yaml(path)
        assert told["concurrency"]["pools"] == {"default_limit": 1, "granularity": "op"}
        assert told["run_monitoring"]["free_slots_after_run_end_seconds"] > 0
        assert told["run_monitoring"]["max_resume_run_attempts"] == 0


def test_the_chart_writes_what_dagster_yaml_says() -> None:
    values = read_yaml("helm/values.yaml")
    # What Terraform's output adds, as helm_values does (test_terraform.py).
    values["postgresql"] |= {
        "postgresqlHost": VARIABLES["DAGSTER_PG_HOST"],
        "postgresqlUsername": VARIABLES["DAGSTER_PG_USERNAME"],
    }
    values["computeLogManager"]["config"]["azureBlobComputeLogManager"]["storageAccount"] = VARIABLES["DAGSTER_LOGS_ACCOUNT"]
    by_chart, ours = instance(values, namespace="imaging"), read_yaml("dagster.yaml")

    for told in (by_chart, ours):
        told["storage"] = resolved(DagsterPostgresStorage, told["storage"]["postgres"])
        told["compute_logs"] = resolved(AzureBlobComputeLogManager, told["compute_logs"]["config"])
        told["run_launcher"] = resolved(K8sRunLauncher, told["run_launcher"]["config"])
    assert by_chart == ours


def test_a_run_gets_a_pod_with_the_identity_the_settings_and_no_rights() -> None:
    config = resolved(K8sRunLauncher, read_yaml("dagster.yaml")["run_launcher"]["config"])
    job = construct_dagster_k8s_job(
        DagsterK8sJobConfig(
            job_image="registry.example/imaging-assets:1",
            dagster_home=config["dagster_home"],
            instance_config_map=config["instance_config_map"],
            env_config_maps=config["env_config_maps"],
            service_account_name=config["service_account_name"],
        ),
        args=["dagster", "api", "execute_run"],
        job_name="run",
        user_defined_k8s_config=UserDefinedDagsterK8sConfig(**config["run_k8s_config"]),
    ).to_dict()

    assert job["spec"]["ttl_seconds_after_finished"] == 86400
    pod = job["spec"]["template"]
    assert pod["metadata"]["labels"]["azure.workload.identity/use"] == "true"
    assert pod["spec"]["service_account_name"] == "imaging-assets"
    assert pod["spec"]["security_context"]["run_as_non_root"] is True
    (container,) = pod["spec"]["containers"]
    assert {"name": "TZ", "value": "UTC", "value_from": None} in [dict(entry) for entry in container["env"]]
    assert [source["config_map_ref"]["name"] for source in container["env_from"]] == ["imaging-settings"]
    assert container["security_context"]["allow_privilege_escalation"] is False
    assert container["resources"]["limits"] == {"memory": "4Gi"}


def test_the_workspace_names_the_code_server_and_the_location_of_every_other_tool() -> None:
    (origin,) = WorkspaceFileTarget([str(DEPLOY / "workspace.yaml")]).create_origins()
    assert isinstance(origin, GrpcServerCodeLocationOrigin)
    assert (origin.location_name, origin.host, origin.port) == ("imaging_assets", "code-server", 4000)
