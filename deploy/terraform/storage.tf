# Originals and everything made of them; Dagster's logs; the events that wake the sensors.

resource "azurerm_storage_account" "this" {
  name                            = "${var.name}imaging"
  resource_group_name             = azurerm_resource_group.this.name
  location                        = var.location
  account_tier                    = "Standard"
  account_replication_type        = var.storage_replication
  min_tls_version                 = "TLS1_2"
  https_traffic_only_enabled      = true
  shared_access_key_enabled       = false
  default_to_oauth_authentication = true
  allow_nested_items_to_be_public = false
  local_user_enabled              = false
  tags                            = local.tags

  blob_properties {
    versioning_enabled = true

    delete_retention_policy {
      days = 30
    }

    container_delete_retention_policy {
      days = 30
    }
  }

  sas_policy {
    expiration_period = "00.06:00:00" # links to Dagster's logs live six hours
    expiration_action = "Log"
  }

  network_rules {
    default_action             = "Deny"
    bypass                     = ["AzureServices"] # Event Grid, with its own identity
    ip_rules                   = [for range in var.operators : trimsuffix(range, "/32")]
    virtual_network_subnet_ids = [azurerm_subnet.cluster.id]
  }
}

resource "azurerm_storage_container" "images" {
  name               = "imaging"
  storage_account_id = azurerm_storage_account.this.id
}

resource "azurerm_storage_container" "logs" {
  name               = "dagster-logs"
  storage_account_id = azurerm_storage_account.this.id
}

resource "azurerm_storage_management_policy" "this" {
  storage_account_id = azurerm_storage_account.this.id

  rule {
    name    = "old-logs"
    enabled = true

    filters {
      blob_types   = ["blockBlob", "appendBlob"]
      prefix_match = ["${azurerm_storage_container.logs.name}/"]
    }

    actions {
      base_blob {
        delete_after_days_since_modification_greater_than = 30
      }
    }
  }

  # Manifests are replaced by new ones; an original is only ever replaced by whoever lands it.
  rule {
    name    = "old-versions"
    enabled = true

    filters {
      blob_types = ["blockBlob"]
    }

    actions {
      version {
        delete_after_days_since_creation = 30
      }
    }
  }
}

resource "azurerm_storage_queue" "events" {
  name               = "blob-events"
  storage_account_id = azurerm_storage_account.this.id
}

resource "azurerm_storage_queue" "poison" {
  name               = "blob-events-poison"
  storage_account_id = azurerm_storage_account.this.id
}

resource "azurerm_eventgrid_system_topic" "this" {
  name                = "${var.name}-blobs"
  resource_group_name = azurerm_resource_group.this.name
  location            = var.location
  topic_type          = "Microsoft.Storage.StorageAccounts"
  source_resource_id  = azurerm_storage_account.this.id
  tags                = local.tags

  identity {
    type = "SystemAssigned"
  }
}

resource "azurerm_eventgrid_system_topic_event_subscription" "landing" {
  name                  = "landing"
  system_topic          = azurerm_eventgrid_system_topic.this.name
  resource_group_name   = azurerm_resource_group.this.name
  included_event_types  = ["Microsoft.Storage.BlobCreated", "Microsoft.Storage.BlobDeleted"]
  event_delivery_schema = "EventGridSchema"

  subject_filter {
    subject_begins_with = "/blobServices/default/containers/${azurerm_storage_container.images.name}/blobs/landing/"
  }

  storage_queue_endpoint {
    storage_account_id                    = azurerm_storage_account.this.id
    queue_name                            = azurerm_storage_queue.events.name
    queue_message_time_to_live_in_seconds = 604800
  }

  delivery_identity {
    type = "SystemAssigned"
  }

  retry_policy {
    max_delivery_attempts = 30
    event_time_to_live    = 1440
  }

  depends_on = [azurerm_role_assignment.event_delivery]
}
