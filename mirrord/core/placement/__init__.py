"""Who should hold what: each node alone, from the same records, without a coordinator."""
