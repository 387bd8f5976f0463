"""One economy, three views: a table, an environment, a batch of tensors."""
