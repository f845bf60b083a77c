# Who may do what, by the names of the built-in roles. imaging_assets_tests/deploy/test_terraform.py says which call needs which.

resource "azurerm_user_assigned_identity" "pod" {
  for_each            = local.service_accounts
  name                = "${var.name}-imaging-${each.key}"
  resource_group_name = azurerm_resource_group.this.name
  location            = var.location
  tags                = local.tags
}

resource "azurerm_federated_identity_credential" "pod" {
  for_each            = local.service_accounts
  name                = each.value
  resource_group_name = azurerm_resource_group.this.name
  parent_id           = azurerm_user_assigned_identity.pod[each.key].id
  issuer              = azurerm_kubernetes_cluster.this.oidc_issuer_url
  subject             = "system:serviceaccount:${var.namespace}:${each.value}"
  audience            = ["api://AzureADTokenExchange"]
}

resource "azurerm_user_assigned_identity" "cluster" {
  name                = "${var.name}-cluster"
  resource_group_name = azurerm_resource_group.this.name
  location            = var.location
  tags                = local.tags
}

# Assets, sensors, commands.

resource "azurerm_role_assignment" "images" {
  scope                = azurerm_storage_container.images.resource_manager_id
  role_definition_name = "Storage Blob Data Contributor"
  principal_id         = azurerm_user_assigned_identity.pod["app"].principal_id
}

resource "azurerm_role_assignment" "logs" {
  scope                = azurerm_storage_container.logs.resource_manager_id
  role_definition_name = "Storage Blob Data Contributor"
  principal_id         = azurerm_user_assigned_identity.pod["app"].principal_id
}

resource "azurerm_role_assignment" "links" {
  scope                = azurerm_storage_account.this.id
  role_definition_name = "Storage Blob Delegator"
  principal_id         = azurerm_user_assigned_identity.pod["app"].principal_id
}

resource "azurerm_role_assignment" "events" {
  scope                = azurerm_storage_queue.events.resource_manager_id
  role_definition_name = "Storage Queue Data Message Processor"
  principal_id         = azurerm_user_assigned_identity.pod["app"].principal_id
}

resource "azurerm_role_assignment" "poison" {
  scope                = azurerm_storage_queue.poison.resource_manager_id
  role_definition_name = "Storage Queue Data Message Sender"
  principal_id         = azurerm_user_assigned_identity.pod["app"].principal_id
}

resource "azurerm_role_assignment" "poison_list" {
  scope                = azurerm_storage_queue.poison.resource_manager_id
  role_definition_name = "Storage Queue Data Reader"
  principal_id         = azurerm_user_assigned_identity.pod["app"].principal_id
}

resource "azurerm_role_assignment" "training" {
  scope                = azurerm_cognitive_account.training.id
  role_definition_name = "Cognitive Services Custom Vision Contributor"
  principal_id         = azurerm_user_assigned_identity.pod["app"].principal_id
}

resource "azurerm_role_assignment" "prediction" {
  scope                = azurerm_cognitive_account.prediction.id
  role_definition_name = "Cognitive Services User"
  principal_id         = azurerm_user_assigned_identity.pod["app"].principal_id
}

resource "azurerm_role_assignment" "vision" {
  scope                = azurerm_cognitive_account.vision.id
  role_definition_name = "Cognitive Services User"
  principal_id         = azurerm_user_assigned_identity.pod["app"].principal_id
}

resource "azurerm_role_assignment" "indexes" {
  scope                = azurerm_search_service.this.id
  role_definition_name = "Search Service Contributor"
  principal_id         = azurerm_user_assigned_identity.pod["app"].principal_id
}

resource "azurerm_role_assignment" "documents" {
  scope                = azurerm_search_service.this.id
  role_definition_name = "Search Index Data Contributor"
  principal_id         = azurerm_user_assigned_identity.pod["app"].principal_id
}

# The skill and the gallery: they read.

resource "azurerm_role_assignment" "serve_images" {
  scope                = azurerm_storage_container.images.resource_manager_id
  role_definition_name = "Storage Blob Data Reader"
  principal_id         = azurerm_user_assigned_identity.pod["serve"].principal_id
}

resource "azurerm_role_assignment" "serve_documents" {
  scope                = azurerm_search_service.this.id
  role_definition_name = "Search Index Data Reader"
  principal_id         = azurerm_user_assigned_identity.pod["serve"].principal_id
}

resource "azurerm_role_assignment" "serve_vision" {
  scope                = azurerm_cognitive_account.vision.id
  role_definition_name = "Cognitive Services User"
  principal_id         = azurerm_user_assigned_identity.pod["serve"].principal_id
}

# Services among themselves.

resource "azurerm_role_assignment" "event_delivery" {
  scope                = azurerm_storage_queue.events.resource_manager_id
  role_definition_name = "Storage Queue Data Message Sender"
  principal_id         = azurerm_eventgrid_system_topic.this.identity[0].principal_id
}

resource "azurerm_role_assignment" "indexer" {
  scope                = azurerm_storage_container.images.resource_manager_id
  role_definition_name = "Storage Blob Data Reader"
  principal_id         = azurerm_search_service.this.identity[0].principal_id
}

resource "azurerm_role_assignment" "network" {
  scope                = azurerm_subnet.cluster.id
  role_definition_name = "Network Contributor"
  principal_id         = azurerm_user_assigned_identity.cluster.principal_id
}

resource "azurerm_role_assignment" "image_pull" {
  scope                = azurerm_container_registry.this.id
  role_definition_name = "AcrPull"
  principal_id         = azurerm_kubernetes_cluster.this.kubelet_identity[0].object_id
}
