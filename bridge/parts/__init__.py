"""Make the parts of the bridge from its settings: the one place that knows all of them."""
