"""The `dagster.yaml` that Dagster's chart writes from values, for the parts that `helm/values.yaml` sets.

Belongs here: the chart's templates (helm/dagster/templates of dagster 1.13), as a function. Does not: expectations.
"""

import re
from collections.abc import Mapping
from typing import Any


def instance(values: Mapping[str, Any], *, namespace: str) -> dict[str, Any]:
    """What the chart puts into its ConfigMap; its three storages as the one that they are."""
    daemon, postgres = values["dagsterDaemon"], values["postgresql"]
    launcher, logs = values["runLauncher"], values["computeLogManager"]
    assert launcher["type"] == "K8sRunLauncher"
    assert logs["type"] == "AzureBlobComputeLogManager"
    assert values["global"]["postgresqlAuthWifEnabled"]
    told: dict[str, Any] = {
        "storage": {
            "postgres": {
                "postgres_db": {
                    "hostname": postgres["postgresqlHost"],
                    "port": postgres["service"]["port"],
                    "username": postgres["postgresqlUsername"],
                    "db_name": postgres["postgresqlDatabase"],
                    "scheme": postgres["postgresqlScheme"],
                    "params": postgres["postgresqlParams"],
                },
                "auth_provider": {postgres["authProvider"]["type"]: {"scope": postgres["authProvider"]["azureScope"]}},
            }
        },
        "compute_logs": {
            "module": "dagster_azure.blob.compute_log_manager",
            "class": logs["type"],
            # The templates ask `if`, and an empty mapping is false.
            "config": {_snake(name): value for name, value in logs["config"]["azureBlobComputeLogManager"].items() if value},
        },
        "run_launcher": {
            "module": "dagster_k8s",
            "class": launcher["type"],
            "config": _launcher(launcher["config"]["k8sRunLauncher"], values["global"]["serviceAccountName"], namespace),
        },
        "concurrency": {
            "pools": _snaked(values["concurrency"]["pools"]),
            "runs": _snaked(values["concurrency"]["runs"]),
        },
        "run_monitoring": _snaked(daemon["runMonitoring"]),
        "retention": {kind: {"purge_after_days": values["retention"][kind]["purgeAfterDays"]} for kind in ("schedule", "sensor")},
        "telemetry": values["telemetry"],
    }
    return told | dict(values["additionalInstanceConfig"])


def _launcher(config: Mapping[str, Any], account: str, namespace: str) -> dict[str, Any]:
    return {
        "load_incluster_config": config["loadInclusterConfig"],
        "image_pull_policy": config["imagePullPolicy"],
        "job_namespace": namespace,
        "service_account_name": account,
        "dagster_home": {"env": "DAGSTER_HOME"},
        "instance_config_map": {"env": "DAGSTER_K8S_INSTANCE_CONFIG_MAP"},
        "env_config_maps": [source["name"] for source in config["envConfigMaps"]],
        "run_k8s_config": {_snake(name): value for name, value in config["runK8sConfig"].items()},
    }


def _snaked(values: Mapping[str, Any]) -> dict[str, Any]:
    return {_snake(name): value for name, value in values.items()}


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower().replace("k_8s", "k8s").replace("k8_s", "k8s")
