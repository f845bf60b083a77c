"""Terraform without a cloud: format, arguments against the provider's schema, references, roles against calls, outputs against settings."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from imaging_assets_tests.deploy.files import DEPLOY, read_yaml, shared
from imaging_assets_tests.deploy.hcl import META, TERRAFORM, Resource, local_values, named, resources, text
from imaging_assets_tests.source import modules

UNLISTED: dict[str, set[str]] = {
    "azurerm_consumption_budget_resource_group": {
        "name", "resource_group_id", "amount", "time_grain", "time_period", "notification",
    },
    "azurerm_nat_gateway": {"name", "resource_group_name", "location", "sku_name", "tags"},
    "azurerm_nat_gateway_public_ip_association": {"nat_gateway_id", "public_ip_address_id"},
    "azurerm_network_security_group": {"name", "resource_group_name", "location", "tags"},
    "azurerm_postgresql_flexible_server_active_directory_administrator": {
        "server_name", "resource_group_name", "tenant_id", "object_id", "principal_name", "principal_type",
    },
    "azurerm_private_dns_zone": {"name", "resource_group_name", "tags"},
    "azurerm_private_dns_zone_virtual_network_link": {
        "name", "resource_group_name", "private_dns_zone_name", "virtual_network_id",
    },
    "azurerm_public_ip": {"name", "resource_group_name", "location", "allocation_method", "sku", "tags"},
    "azurerm_subnet": {
        "name", "resource_group_name", "virtual_network_name", "address_prefixes", "service_endpoints", "delegation",
    },
    "azurerm_subnet_nat_gateway_association": {"subnet_id", "nat_gateway_id"},
    "azurerm_subnet_network_security_group_association": {"subnet_id", "network_security_group_id"},
    "azurerm_virtual_network": {"name", "resource_group_name", "location", "address_space", "tags"},
}  # fmt: skip
"""Resources that the recorded schema leaves out, with the arguments used; from the provider's documentation, by hand."""

APP, SERVE = 'azurerm_user_assigned_identity.pod["app"]', 'azurerm_user_assigned_identity.pod["serve"]'

NEEDED = {
    # who, on what: role, and the calls that need it
    (APP, "azurerm_storage_container.images", "Storage Blob Data Contributor"): "list, read, write, delete of the blob store",
    (APP, "azurerm_storage_container.logs", "Storage Blob Data Contributor"): "AzureBlobComputeLogManager writes and reads",
    (APP, "azurerm_storage_account.this", "Storage Blob Delegator"): "get_user_delegation_key, for links to logs and blobs",
    (APP, "azurerm_storage_queue.events", "Storage Queue Data Message Processor"): "receive_messages, delete_message",
    (APP, "azurerm_storage_queue.poison", "Storage Queue Data Message Sender"): "send_message of what cannot be understood",
    (APP, "azurerm_storage_queue.poison", "Storage Queue Data Reader"): "peek_messages and get_queue_properties, for `doctor`",
    (APP, "azurerm_cognitive_account.training", "Cognitive Services Custom Vision Contributor"): (
        "create_project, images, tags, train_project, publish_iteration"
    ),
    (APP, "azurerm_cognitive_account.prediction", "Cognitive Services User"): "classify_image_with_no_store, detect_…",
    (APP, "azurerm_cognitive_account.vision", "Cognitive Services User"): "imageanalysis:analyze, retrieval:vectorizeImage",
    (APP, "azurerm_search_service.this", "Search Service Contributor"): "indexes, aliases, indexers, service statistics",
    (APP, "azurerm_search_service.this", "Search Index Data Contributor"): "index_documents, search",
    (SERVE, "azurerm_storage_container.images", "Storage Blob Data Reader"): "images, thumbnails, models, manifests",
    (SERVE, "azurerm_search_service.this", "Search Index Data Reader"): "search",
    (SERVE, "azurerm_cognitive_account.vision", "Cognitive Services User"): "steps of the skill that ask the service",
    ("azurerm_eventgrid_system_topic.this", "azurerm_storage_queue.events", "Storage Queue Data Message Sender"): (
        "Event Grid delivers"
    ),
    ("azurerm_search_service.this", "azurerm_storage_container.images", "Storage Blob Data Reader"): "the indexer of pull mode",
    ("azurerm_user_assigned_identity.cluster", "azurerm_subnet.cluster", "Network Contributor"): "nodes join the subnet",
    ("azurerm_kubernetes_cluster.this", "azurerm_container_registry.this", "AcrPull"): "nodes pull the image",
}
"""Every right, and what for. A right that is not here is too many, one that is not in Terraform is missing."""


def test_files_are_formatted() -> None:
    terraform = shutil.which("terraform")
    if terraform is None:
        pytest.skip("there is no terraform here")
    done = subprocess.run([terraform, "fmt", "-check", "-diff", TERRAFORM], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_terraform_reads_the_charts_values(tmp_path: Path) -> None:
    terraform = shutil.which("terraform")
    if terraform is None:
        pytest.skip("there is no terraform here")
    values = (DEPLOY / "helm/values.yaml").as_posix()
    asked = f'jsonencode(yamldecode(file("{values}"))["dagster-user-deployments"].deployments[0])\n'
    done = subprocess.run([terraform, "console"], input=asked, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(json.loads(done.stdout))
    assert told == read_yaml("helm/values.yaml")["dagster-user-deployments"]["deployments"][0]


@pytest.mark.parametrize("resource", resources(), ids=lambda resource: resource.address)
def test_arguments_are_those_of_the_provider(resource: Resource) -> None:
    if resource.kind in UNLISTED:
        assert resource.body.keys() - META <= UNLISTED[resource.kind]
        return
    schema = json.loads(shared("specs/terraform/azurerm-schema-lite.json").read_text("utf-8"))
    assert resource.kind in schema, "neither in the schema nor in UNLISTED"
    kind = schema[resource.kind]
    body = {name: value for name, value in resource.body.items() if name not in META}
    assert list(faults(body, kind["config"], kind["blocks"], resource.address)) == []


def faults(body: Mapping[str, Any], known: Mapping[str, Any], blocks: Mapping[str, Any], where: str) -> Iterator[str]:
    """Unknown and missing arguments, blocks within blocks too."""
    yield from (f"{where} has no {name}" for name in body.keys() - known.keys())
    yield from (f"{where} needs {name}" for name, of in known.items() if of["required"] and name not in body)
    for name in body.keys() & known.keys():
        block = blocks.get(re.split(r"\[| ", known[name]["type"])[0])
        if block is not None:
            assert isinstance(body[name], list), f"{where}.{name} is a block"
            for inner in body[name]:
                yield from faults(inner, block, blocks, f"{where}.{name}")


def test_an_unknown_a_missing_and_a_nested_argument_are_found() -> None:
    known = {"a": {"required": True, "type": "string"}, "b": {"required": False, "type": "B[] | cdktf.IResolvable"}}
    blocks = {"B": {"c": {"required": True, "type": "number"}}}
    assert sorted(faults({"b": [{"d": 1}], "e": 1}, known, blocks, "x")) == [
        "x has no e",
        "x needs a",
        "x.b has no d",
        "x.b needs c",
    ]


def test_what_is_referred_to_exists_and_what_exists_is_used() -> None:
    code = re.sub(r"#.*", "", text())
    addresses = {resource.address for resource in resources()}
    assert set(re.findall(r"\b(azurerm_\w+\.\w+)", code.replace("data.azurerm_client_config.current", ""))) <= addresses
    for prefix, defined in (("var", set(named("variable"))), ("local", set(local_values()))):
        assert set(re.findall(rf"\b{prefix}\.(\w+)", code)) == defined


def test_every_variable_and_output_is_described() -> None:
    assert [name for what in ("variable", "output") for name, body in named(what).items() if not body.get("description")] == []


def test_rights_are_those_that_calls_need() -> None:
    granted = []
    for resource in resources():
        if resource.kind == "azurerm_role_assignment":
            who = re.sub(
                r"^\$\{|\.(identity\[0\]|kubelet_identity\[0\])?\.?(principal_id|object_id)\}$", "", resource.body["principal_id"]
            )
            scope = re.sub(r"^\$\{|\.(resource_manager_)?id\}$", "", resource.body["scope"])
            assert "role_definition_id" not in resource.body  # names are checked by people
            granted.append((who, scope, resource.body["role_definition_name"]))
    assert sorted(granted) == sorted(NEEDED)


def test_a_role_that_an_error_advises_is_one_that_terraform_gives() -> None:
    role = re.compile(
        r"(?:Storage (?:Blob|Queue)|Search|Cognitive Services)(?: [A-Z][a-z]+)* (?:Contributor|Reader|User|Delegator|Processor|Sender)"
    )
    advised = {(module.path, name) for module in modules() for name in role.findall(module.text)}
    assert len(advised) >= 5
    given = {name for who, _, name in NEEDED if who == APP}
    readers = {name.replace("Reader", "Contributor") for name in given}  # a contributor reads, too
    assert {(path, name) for path, name in advised if name.replace("Reader", "Contributor") not in given | readers} == set()


def test_nothing_takes_a_key_or_a_password() -> None:
    by_address = {resource.address: resource.body for resource in resources()}
    storage = by_address["azurerm_storage_account.this"]
    assert (storage["shared_access_key_enabled"], storage["allow_nested_items_to_be_public"]) == (False, False)
    accounts = [resource for resource in resources() if resource.kind == "azurerm_cognitive_account"]
    assert {resource.body["kind"] for resource in accounts} == {
        "CustomVision.Training",
        "CustomVision.Prediction",
        "ComputerVision",
    }
    for account in accounts:
        assert account.body["local_auth_enabled"] is False
        assert account.body["custom_subdomain_name"], "without one an identity cannot sign in"
    assert by_address["azurerm_search_service.this"]["local_authentication_enabled"] is False
    assert by_address["azurerm_container_registry.this"]["admin_enabled"] is False
    (authentication,) = by_address["azurerm_postgresql_flexible_server.this"]["authentication"]
    assert (authentication["password_auth_enabled"], authentication["active_directory_auth_enabled"]) == (False, True)
    assert not [name for name in ("primary_access_key", "admin_password", "primary_key", "connection_string") if name in text()]


def test_events_of_landing_blobs_reach_the_queue() -> None:
    by_address = {resource.address: resource.body for resource in resources()}
    landing = by_address["azurerm_eventgrid_system_topic_event_subscription.landing"]
    assert landing["included_event_types"] == ["Microsoft.Storage.BlobCreated", "Microsoft.Storage.BlobDeleted"]
    assert landing["subject_filter"][0]["subject_begins_with"].endswith("/blobs/landing/")
    assert "azurerm_storage_queue.events" in landing["storage_queue_endpoint"][0]["queue_name"]


def test_names_agree_with_the_chart_and_dagster_yaml() -> None:
    values = read_yaml("helm/values.yaml")
    assert local_values()["service_accounts"]["app"] == values["global"]["serviceAccountName"] == values["serviceAccount"]["name"]
    by_address = {resource.address: resource.body for resource in resources()}
    logs = values["computeLogManager"]["config"]["azureBlobComputeLogManager"]
    assert by_address["azurerm_storage_container.logs"]["name"] == logs["container"]
    assert by_address["azurerm_postgresql_flexible_server_database.dagster"]["name"] == values["postgresql"]["postgresqlDatabase"]


def test_helm_values_add_what_the_chart_still_needs() -> None:
    added = named("output")["helm_values"]["value"]
    for name in ("postgresqlHost", "postgresqlUsername", "storageAccount", "azure.workload.identity/client-id", "deployments"):
        assert name in str(added)
    assert str(added).count("local.image") == 3  # webserver, daemon, code server
