locals {
  tags = { application = "imaging-assets" }
  # Service-account names as the chart makes them (../helm/values.yaml, ../kubernetes/serve.yaml).
  service_accounts = { app = "imaging-assets", serve = "imaging-serve" }
}

resource "azurerm_resource_group" "this" {
  name     = "${var.name}-imaging"
  location = var.location
  tags     = local.tags
}

resource "azurerm_log_analytics_workspace" "this" {
  name                         = "${var.name}-logs"
  resource_group_name          = azurerm_resource_group.this.name
  location                     = var.location
  sku                          = "PerGB2018"
  retention_in_days            = 30
  local_authentication_enabled = false
  tags                         = local.tags
}

# Who read, wrote, trained and asked, and who was refused.
resource "azurerm_monitor_diagnostic_setting" "audit" {
  for_each = {
    blobs      = "${azurerm_storage_account.this.id}/blobServices/default"
    queues     = "${azurerm_storage_account.this.id}/queueServices/default"
    training   = azurerm_cognitive_account.training.id
    prediction = azurerm_cognitive_account.prediction.id
    vision     = azurerm_cognitive_account.vision.id
    search     = azurerm_search_service.this.id
    database   = azurerm_postgresql_flexible_server.this.id
    registry   = azurerm_container_registry.this.id
    cluster    = azurerm_kubernetes_cluster.this.id
  }
  name                       = "audit"
  target_resource_id         = each.value
  log_analytics_workspace_id = azurerm_log_analytics_workspace.this.id

  enabled_log {
    category_group = each.key == "cluster" ? "audit" : "allLogs"
  }
}

resource "azurerm_consumption_budget_resource_group" "this" {
  count             = var.monthly_budget > 0 ? 1 : 0
  name              = "monthly"
  resource_group_id = azurerm_resource_group.this.id
  amount            = var.monthly_budget
  time_grain        = "Monthly"

  time_period {
    start_date = formatdate("YYYY-MM-'01T00:00:00Z'", plantimestamp()) # not in the past, says Azure
  }

  lifecycle {
    ignore_changes = [time_period]
  }

  notification {
    operator       = "GreaterThan"
    threshold      = 80
    contact_emails = var.budget_emails
  }

  notification {
    operator       = "GreaterThan"
    threshold      = 100
    threshold_type = "Forecasted"
    contact_emails = var.budget_emails
  }
}
