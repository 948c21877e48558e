"""Configuration: what the operator wrote, checked once, as one frozen value.

Only the daemon and the command line read it; shells are handed plain values.
"""

from mirrord.config.loading import CONFIG_FILE, Config, LogFormat, load_config
from mirrord.config.template import render_template

__all__ = ["CONFIG_FILE", "Config", "LogFormat", "load_config", "render_template"]
