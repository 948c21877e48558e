"""The Grafana dashboards of mirrord: a program that writes them, and what it wrote (``dashboards/``)."""
