"""The deployed Prometheus files as a test runs them: the same jobs, rules and expressions, sooner."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from tests.command_line import ROOT
from tests.integration.prometheus.shortening import shorten_rules

DEPLOYED: Final = ROOT / "deploy" / "prometheus"
CONFIG: Final = DEPLOYED / "prometheus.yml"
SCRAPE_SECONDS: Final = 1

_COMMENTED: Final = re.compile(r"^    # ( *(?:authorization|credentials_file|scheme|tls_config|ca_file):.*)$", re.M)


def rule_files() -> list[Path]:
    """Return the deployed files of rules."""
    found = sorted((DEPLOYED / "rules").glob("*.yml"))
    assert found, f"no rules in {DEPLOYED}"
    return found


def read_yaml(path: Path) -> dict[str, Any]:
    content = yaml.safe_load(path.read_text())
    assert isinstance(content, dict), path
    return content


def _rules() -> list[dict[str, Any]]:
    return [rule for path in rule_files() for group in read_yaml(path)["groups"] for rule in group["rules"]]


def recordings() -> dict[str, str]:
    """Return every recording rule's expression as it stands in the files, by its name."""
    return {rule["record"]: rule["expr"] for rule in _rules() if "record" in rule}


def alert_names() -> list[str]:
    """Return every alert's name, in the files' order."""
    return [rule["alert"] for rule in _rules() if "alert" in rule]


def write_shortened_rules(folder: Path) -> list[Path]:
    """Write the deployed rules with their durations shortened; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for path in rule_files():
        written.append(folder / path.name)
        written[-1].write_text(yaml.safe_dump(shorten_rules(read_yaml(path)), sort_keys=False, width=1_000))
    return written


def derived_config(targets: Path, rules: list[Path]) -> Mapping[str, Any]:
    """Return the deployed configuration, reading ``targets`` and ``rules`` instead, and scraping every second."""
    return _here(read_yaml(CONFIG), targets, rules)


def guarded_config(targets: Path, token: Path, authority: Path) -> Mapping[str, Any]:
    """Return the same with its comments about a token and TLS taken at their word, and no rules."""
    config = yaml.safe_load(_COMMENTED.sub(r"    \1", CONFIG.read_text()))
    (job,) = config["scrape_configs"]
    assert job["scheme"] == "https"
    job["authorization"]["credentials_file"] = str(token)
    job["tls_config"]["ca_file"] = str(authority)
    return _here(config, targets, [])


def _here(config: dict[str, Any], targets: Path, rules: list[Path]) -> dict[str, Any]:
    config["global"] = config.get("global", {}) | _often()
    config["rule_files"] = [str(path) for path in rules]
    for job in config["scrape_configs"]:
        assert job["job_name"] == "mirrord", "a job that no test knows"
        (discovery,) = job["file_sd_configs"]
        discovery["files"] = [str(targets)]
        for key in ("scrape_interval", "scrape_timeout"):
            job.pop(key, None)
    return config


def _often() -> dict[str, str]:
    every = f"{SCRAPE_SECONDS}s"
    return {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every}
