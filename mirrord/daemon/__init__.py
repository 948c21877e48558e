"""The composition root: one process, one node, its shells, and the loop between them."""
