variable "name" {
  description = "Prefix of every name; some are global, so make it yours."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9]{2,14}$", var.name))
    error_message = "3 to 15 lower-case letters and digits, a letter first: storage accounts and registries take no more."
  }
}

variable "location" {
  description = "Region. Custom Vision and Image Analysis are not offered everywhere."
  type        = string
  default     = "westeurope"
}

variable "first_day" {
  description = "First day of the partitions, as 2025-01-01: no image is older."
  type        = string
  validation {
    condition     = can(formatdate("YYYY-MM-DD", "${var.first_day}T00:00:00Z"))
    error_message = "Write it as 2025-01-01."
  }
}

variable "image_tag" {
  description = "Tag of the image in the registry; a commit or a version, so that a run's image never changes under it."
  type        = string
}

variable "operators" {
  description = "Addresses, as CIDR, from which people reach the services and the cluster's API."
  type        = list(string)
}

variable "cluster_admins" {
  description = "Object ids of the Entra groups that may administer the cluster."
  type        = list(string)
}

variable "namespace" {
  description = "Kubernetes namespace of the deployment; the identity is bound to it."
  type        = string
  default     = "imaging"
}

variable "custom_vision_tier" {
  description = "F0 (2 calls a second, one of each kind a subscription) or S0 (10)."
  type        = string
  default     = "S0"
  validation {
    condition     = contains(["F0", "S0"], var.custom_vision_tier)
    error_message = "F0 or S0."
  }
}

variable "search_tier" {
  description = "Tier of Azure AI Search; `free` has no identity-based access and no replicas."
  type        = string
  default     = "basic"
}

variable "storage_replication" {
  description = "How often the originals exist: ZRS three times in the region, GZRS in a second one, too."
  type        = string
  default     = "ZRS"
}

variable "database_tier" {
  description = "Size of the server of Dagster's history."
  type        = string
  default     = "B_Standard_B2s"
}

variable "node_size" {
  description = "Size of the cluster's nodes, one with a local disk; a run takes a core and 2 to 4 GB."
  type        = string
  default     = "Standard_D4ads_v5"
}

variable "most_nodes" {
  description = "Nodes at most; what a backfill may cost at once."
  type        = number
  default     = 4
}

variable "monthly_budget" {
  description = "Warns at 80 % and at a forecast of 100 %, in the subscription's currency; 0 for no budget."
  type        = number
  default     = 0
}

variable "budget_emails" {
  description = "Who is warned."
  type        = list(string)
  default     = []
}
