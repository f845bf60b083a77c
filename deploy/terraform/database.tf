# Dagster's history and the catalogue. Losing them costs runs that find nothing to do, and a day's rows being written again.

resource "azurerm_postgresql_flexible_server" "this" {
  name                          = "${var.name}-dagster"
  resource_group_name           = azurerm_resource_group.this.name
  location                      = var.location
  version                       = "16"
  sku_name                      = var.database_tier
  storage_mb                    = 32768
  auto_grow_enabled             = true
  backup_retention_days         = 14
  delegated_subnet_id           = azurerm_subnet.database.id
  private_dns_zone_id           = azurerm_private_dns_zone.database.id
  public_network_access_enabled = false
  tags                          = local.tags

  authentication {
    active_directory_auth_enabled = true
    password_auth_enabled         = false
    tenant_id                     = data.azurerm_client_config.current.tenant_id
  }

  lifecycle {
    ignore_changes = [zone] # Azure chooses
  }

  depends_on = [azurerm_private_dns_zone_virtual_network_link.database]
}

resource "azurerm_postgresql_flexible_server_database" "dagster" {
  name      = "dagster"
  server_id = azurerm_postgresql_flexible_server.this.id
  charset   = "UTF8"
  collation = "en_US.utf8"
}

# A row per image, for whoever speaks SQL.
resource "azurerm_postgresql_flexible_server_database" "catalog" {
  name      = "catalog"
  server_id = azurerm_postgresql_flexible_server.this.id
  charset   = "UTF8"
  collation = "en_US.utf8"
}

# Dagster and the catalogue make and migrate their tables themselves.
resource "azurerm_postgresql_flexible_server_active_directory_administrator" "app" {
  server_name         = azurerm_postgresql_flexible_server.this.name
  resource_group_name = azurerm_resource_group.this.name
  tenant_id           = data.azurerm_client_config.current.tenant_id
  object_id           = azurerm_user_assigned_identity.pod["app"].principal_id
  principal_name      = azurerm_user_assigned_identity.pod["app"].name
  principal_type      = "ServicePrincipal"
}

resource "azurerm_postgresql_flexible_server_configuration" "log" {
  for_each  = { log_checkpoints = "on", log_connections = "on", "connection_throttle.enable" = "on" }
  name      = each.key
  server_id = azurerm_postgresql_flexible_server.this.id
  value     = each.value
}
