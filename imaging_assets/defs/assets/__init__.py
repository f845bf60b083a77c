"""The assets, one module per group; read images, insights, manifests, models, predictions, search: that is the flow of the data."""
