"""Discovery in the local network: nodes that stand side by side find each other without the internet."""
