# What the deployment is told. Names of app_settings are settings, one to one; a test compares them with the code.

locals {
  app_settings = {
    IMAGING_PROFILE                               = "azure"
    IMAGING_PARTITIONS__START                     = var.first_day
    IMAGING_AZURE__ACCOUNT_URL                    = trimsuffix(azurerm_storage_account.this.primary_blob_endpoint, "/")
    IMAGING_AZURE__CONTAINER                      = azurerm_storage_container.images.name
    IMAGING_AZURE__SEARCH_ENDPOINT                = "https://${azurerm_search_service.this.name}.search.windows.net"
    IMAGING_CUSTOM_VISION__ENDPOINT               = azurerm_cognitive_account.training.endpoint
    IMAGING_CUSTOM_VISION__PREDICTION_ENDPOINT    = azurerm_cognitive_account.prediction.endpoint
    IMAGING_CUSTOM_VISION__PREDICTION_RESOURCE_ID = azurerm_cognitive_account.prediction.id
    IMAGING_CUSTOM_VISION__TIER                   = var.custom_vision_tier
    IMAGING_VISION__ENDPOINT                      = azurerm_cognitive_account.vision.endpoint
    IMAGING_CATALOG__URL                          = "postgresql+psycopg://${azurerm_user_assigned_identity.pod["app"].name}@${azurerm_postgresql_flexible_server.this.fqdn}/${azurerm_postgresql_flexible_server_database.catalog.name}?sslmode=require"
    IMAGING_AZURE__QUEUE_URL                      = trimsuffix(azurerm_storage_account.this.primary_queue_endpoint, "/")
    IMAGING_AZURE__EVENT_QUEUE                    = azurerm_storage_queue.events.name
    IMAGING_SENSORS__SOURCE                       = "events"
    IMAGING_SEARCH_PIPELINE__STORAGE              = "ResourceId=${azurerm_storage_account.this.id};"
    # Not ours: keeps azure-identity from asking developers' tools first.
    AZURE_TOKEN_CREDENTIALS = "prod"
  }

  chart      = yamldecode(file("${path.module}/../helm/values.yaml"))
  image      = { repository = "${azurerm_container_registry.this.login_server}/imaging-assets", tag = var.image_tag, pullPolicy = "IfNotPresent" }
  deployment = local.chart["dagster-user-deployments"].deployments[0]
}

output "app_settings" {
  description = "The application's settings, as variables."
  value       = local.app_settings
}

output "app_env" {
  description = "The same as lines NAME=value, for `kubectl create configmap --from-env-file` and for compose."
  value       = join("", [for name, value in local.app_settings : "${name}=${value}\n"])
}

output "helm_values" {
  description = "What ../helm/values.yaml leaves open."
  value = yamlencode({
    serviceAccount   = { annotations = { "azure.workload.identity/client-id" = azurerm_user_assigned_identity.pod["app"].client_id } }
    dagsterWebserver = { image = local.image }
    dagsterDaemon    = { image = local.image }
    postgresql = {
      postgresqlHost     = azurerm_postgresql_flexible_server.this.fqdn
      postgresqlUsername = azurerm_user_assigned_identity.pod["app"].name
    }
    computeLogManager = {
      config = { azureBlobComputeLogManager = { storageAccount = azurerm_storage_account.this.name } }
    }
    "dagster-user-deployments" = { deployments = [merge(local.deployment, { image = local.image })] }
  })
}

output "names" {
  description = "What the commands of docs/deploy.md need."
  value = {
    resource_group  = azurerm_resource_group.this.name
    cluster         = azurerm_kubernetes_cluster.this.name
    registry        = azurerm_container_registry.this.name
    image           = "${local.image.repository}:${local.image.tag}"
    namespace       = var.namespace
    serve_client_id = azurerm_user_assigned_identity.pod["serve"].client_id
  }
}
