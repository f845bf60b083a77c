# The services that see images. None takes a key: whoever calls signs in with an identity (identity.tf).

resource "azurerm_cognitive_account" "training" {
  name                          = "${var.name}-training"
  resource_group_name           = azurerm_resource_group.this.name
  location                      = var.location
  kind                          = "CustomVision.Training"
  sku_name                      = var.custom_vision_tier
  custom_subdomain_name         = "${var.name}-training" # without one there is no signing in
  local_auth_enabled            = false
  public_network_access_enabled = true
  tags                          = local.tags

  identity {
    type = "SystemAssigned"
  }

  network_acls {
    default_action = "Deny"
    ip_rules       = var.operators

    virtual_network_rules {
      subnet_id = azurerm_subnet.cluster.id
    }
  }
}

resource "azurerm_cognitive_account" "prediction" {
  name                          = "${var.name}-prediction"
  resource_group_name           = azurerm_resource_group.this.name
  location                      = var.location
  kind                          = "CustomVision.Prediction"
  sku_name                      = var.custom_vision_tier
  custom_subdomain_name         = "${var.name}-prediction"
  local_auth_enabled            = false
  public_network_access_enabled = true
  tags                          = local.tags

  identity {
    type = "SystemAssigned"
  }

  network_acls {
    default_action = "Deny"
    ip_rules       = var.operators

    virtual_network_rules {
      subnet_id = azurerm_subnet.cluster.id
    }
  }
}

resource "azurerm_cognitive_account" "vision" {
  name                          = "${var.name}-vision"
  resource_group_name           = azurerm_resource_group.this.name
  location                      = var.location
  kind                          = "ComputerVision"
  sku_name                      = "S1"
  custom_subdomain_name         = "${var.name}-vision"
  local_auth_enabled            = false
  public_network_access_enabled = true
  tags                          = local.tags

  identity {
    type = "SystemAssigned"
  }

  network_acls {
    default_action = "Deny"
    ip_rules       = var.operators

    virtual_network_rules {
      subnet_id = azurerm_subnet.cluster.id
    }
  }
}

# Its indexes and aliases are the application's own: it makes them.
resource "azurerm_search_service" "this" {
  name                          = "${var.name}-search"
  resource_group_name           = azurerm_resource_group.this.name
  location                      = var.location
  sku                           = var.search_tier
  local_authentication_enabled  = false
  public_network_access_enabled = true
  allowed_ips                   = concat(var.operators, [azurerm_public_ip.outbound.ip_address])
  tags                          = local.tags

  identity {
    type = "SystemAssigned"
  }
}
