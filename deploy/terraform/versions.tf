terraform {
  required_version = ">= 1.9"
  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "~> 4.55"
    }
  }
  # Its state names every resource: keep it where only you can read it, for example
  # backend "azurerm" { use_azuread_auth = true }
}

provider "azurerm" {
  features {}
  # The account takes no keys; whoever runs this signs in.
  storage_use_azuread = true
}

data "azurerm_client_config" "current" {}
