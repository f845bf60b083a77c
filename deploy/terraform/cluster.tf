# One day, one run, one pod: nodes come and go with the work.

resource "azurerm_container_registry" "this" {
  name                   = "${var.name}imaging"
  resource_group_name    = azurerm_resource_group.this.name
  location               = var.location
  sku                    = "Standard"
  admin_enabled          = false
  anonymous_pull_enabled = false
  tags                   = local.tags
}

resource "azurerm_kubernetes_cluster" "this" {
  name                      = "${var.name}-cluster"
  resource_group_name       = azurerm_resource_group.this.name
  location                  = var.location
  dns_prefix                = var.name
  sku_tier                  = "Standard"
  automatic_upgrade_channel = "patch"
  node_os_upgrade_channel   = "NodeImage"
  oidc_issuer_enabled       = true
  workload_identity_enabled = true
  local_account_disabled    = true
  azure_policy_enabled      = true
  image_cleaner_enabled     = true
  tags                      = local.tags

  image_cleaner_interval_hours = 168

  default_node_pool {
    name                        = "default"
    vm_size                     = var.node_size
    vnet_subnet_id              = azurerm_subnet.cluster.id
    auto_scaling_enabled        = true
    min_count                   = 1
    max_count                   = var.most_nodes
    max_pods                    = 50
    os_disk_type                = "Ephemeral"
    os_sku                      = "AzureLinux"
    host_encryption_enabled     = true
    temporary_name_for_rotation = "rotation"

    upgrade_settings {
      max_surge = "33%"
    }
  }

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.cluster.id]
  }

  azure_active_directory_role_based_access_control {
    azure_rbac_enabled     = true
    admin_group_object_ids = var.cluster_admins
  }

  api_server_access_profile {
    authorized_ip_ranges = var.operators
  }

  network_profile {
    network_plugin      = "azure"
    network_plugin_mode = "overlay"
    network_data_plane  = "cilium"
    network_policy      = "cilium"
    outbound_type       = "userAssignedNATGateway"
  }

  oms_agent {
    log_analytics_workspace_id      = azurerm_log_analytics_workspace.this.id
    msi_auth_for_monitoring_enabled = true
  }

  depends_on = [azurerm_role_assignment.network, azurerm_subnet_nat_gateway_association.this]
}
