"""What Terraform puts out, put out by Terraform itself over made-up resources: settings that load, values that complete the chart's."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from imaging_assets_tests.cli.command_line import clean_environment
from imaging_assets_tests.deploy.chart import instance
from imaging_assets_tests.deploy.files import DEPLOY, read_yaml
from imaging_assets_tests.deploy.hcl import TERRAFORM
from imaging_assets_tests.test_settings import READ

VARIABLES = {"first_day": "2025-02-03", "image_tag": "0.1.0", "custom_vision_tier": "F0", "namespace": "imaging"}

ATTRIBUTES = {
    "primary_blob_endpoint": "https://acmeimaging.blob.core.windows.net/",
    "primary_queue_endpoint": "https://acmeimaging.queue.core.windows.net/",
    "endpoint": "https://acme.cognitiveservices.azure.com/",
    "id": "/subscriptions/0/resourceGroups/acme/providers/Microsoft.CognitiveServices/accounts/acme",
    "name": "imaging",
    "login_server": "acme.azurecr.io",
    "fqdn": "acme.postgres.database.azure.com",
    "client_id": "00000000-0000-0000-0000-000000000001",
}
"""What a resource's attributes look like."""


@pytest.fixture(scope="module", name="outputs")
def _outputs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """Outputs by name; references to resources and variables are replaced by values, the expressions are those of outputs.tf."""
    terraform = shutil.which("terraform")
    if terraform is None:
        pytest.skip("there is no terraform here")
    folder = tmp_path_factory.mktemp("deploy")
    (folder / "helm").mkdir()
    shutil.copy(DEPLOY / "helm/values.yaml", folder / "helm")
    (folder / "terraform").mkdir()
    text = (TERRAFORM / "outputs.tf").read_text("utf-8")
    text = re.sub(r'azurerm_\w+\.\w+(?:\["\w+"\])?\.(\w+)', lambda found: json.dumps(ATTRIBUTES[found[1]]), text)
    text = re.sub(r"var\.(\w+)", lambda found: json.dumps(VARIABLES[found[1]]), text)
    (folder / "terraform" / "outputs.tf").write_text(text, encoding="utf-8")
    for command in (["apply", "-auto-approve", "-input=false"], ["output", "-json"]):
        done = subprocess.run([terraform, *command], cwd=folder / "terraform", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return {name: told["value"] for name, told in json.loads(done.stdout).items()}


def test_the_lines_for_containers_are_settings_that_load(outputs: Mapping[str, Any], tmp_path: Path) -> None:
    told = dict(line.split("=", 1) for line in outputs["app_env"].splitlines())
    assert told == outputs["app_settings"]
    done = subprocess.run(
        [sys.executable, "-c", READ], cwd=tmp_path, env=clean_environment(told), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    settings = json.loads(done.stdout)
    assert settings["profile"] == "azure"
    assert settings["partitions"]["start"] == VARIABLES["first_day"]
    assert settings["azure"]["account_url"] == "https://acmeimaging.blob.core.windows.net"
    assert settings["custom_vision"]["tier"] == "F0"
    assert settings["custom_vision"]["prediction_resource_id"] == ATTRIBUTES["id"]


def test_the_charts_values_are_complete_with_terraforms(outputs: Mapping[str, Any]) -> None:
    values = merged(read_yaml("helm/values.yaml"), yaml.safe_load(outputs["helm_values"]))
    image = {"repository": "acme.azurecr.io/imaging-assets", "tag": "0.1.0", "pullPolicy": "IfNotPresent"}
    (deployment,) = values["dagster-user-deployments"]["deployments"]
    assert values["dagsterWebserver"]["image"] == values["dagsterDaemon"]["image"] == deployment["image"] == image
    assert outputs["names"]["image"] == f"{image['repository']}:{image['tag']}"
    assert deployment["envConfigMaps"] == [{"name": "imaging-settings"}]
    assert values["serviceAccount"]["annotations"] == {"azure.workload.identity/client-id": ATTRIBUTES["client_id"]}
    told = instance(values, namespace=outputs["names"]["namespace"])
    assert told["storage"]["postgres"]["postgres_db"]["hostname"] == ATTRIBUTES["fqdn"]
    assert told["compute_logs"]["config"]["storage_account"] == ATTRIBUTES["name"]


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """As Helm does with two files of values: mappings are merged, anything else is replaced."""
    both = {
        name: merged(below[name], above[name]) if isinstance(below[name], dict) and isinstance(above[name], dict) else above[name]
        for name in below.keys() & above.keys()
    }
    return {**below, **above, **both}
