"""What Grafana and Docker are given beside the dashboards: files that agree with each other, and open nothing."""

import ipaddress
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
GRAFANA = DEPLOY / "grafana"


def read(path: Path) -> dict[str, Any]:
    found = yaml.safe_load(path.read_text())
    assert isinstance(found, dict)
    return found


def compose() -> dict[str, Any]:
    return read(DEPLOY / "compose.yml")


def mounts(service: str) -> dict[str, tuple[str, str]]:
    """Return source and mode of what a service mounts, by where it sees it."""
    found = {}
    for volume in compose()["services"][service]["volumes"]:
        source, target, *mode = volume.split(":")
        found[target] = (source, "".join(mode))
    return found


def test_grafana_knows_the_prometheus_of_the_compose_file() -> None:
    (source,) = read(GRAFANA / "provisioning" / "datasources" / "mirrord.yml")["datasources"]
    (listen,) = re.findall(r"--web.listen-address=(\S+)", "\n".join(compose()["services"]["prometheus"]["command"]))
    assert (source["type"], source["url"], source["isDefault"]) == ("prometheus", f"http://{listen}", True)


def test_rates_are_taken_over_windows_that_suit_the_scrapes() -> None:
    (source,) = read(GRAFANA / "provisioning" / "datasources" / "mirrord.yml")["datasources"]
    scraped = read(DEPLOY / "prometheus" / "prometheus.yml")["global"]["scrape_interval"]
    assert source["jsonData"]["timeInterval"] == scraped


def test_grafana_finds_the_dashboards_where_they_are_mounted() -> None:
    (provider,) = read(GRAFANA / "provisioning" / "dashboards" / "mirrord.yml")["providers"]
    where = mounts("grafana")
    source, _ = where[provider["options"]["path"]]
    assert (DEPLOY / source).resolve() == GRAFANA / "dashboards"
    assert not provider["allowUiUpdates"], "what is generated is not edited"
    home = compose()["services"]["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert Path(home).parent == Path(provider["options"]["path"])
    assert json.loads((GRAFANA / "dashboards" / Path(home).name).read_text())["uid"] == "mirrord-collection"
    provisioning, _ = where["/etc/grafana/provisioning"]
    assert (DEPLOY / provisioning).resolve() == GRAFANA / "provisioning"


def test_prometheus_finds_rules_and_targets_where_they_are_mounted() -> None:
    config = read(DEPLOY / "prometheus" / "prometheus.yml")
    where = mounts("prometheus")
    (job,) = config["scrape_configs"]
    asked = [*config["rule_files"], *(path for found in job["file_sd_configs"] for path in found["files"])]
    assert {str(Path("/etc/prometheus") / Path(path).parent) for path in asked} <= set(where)
    command = compose()["services"]["prometheus"]["command"]
    assert "--config.file=/etc/prometheus/prometheus.yml" in command
    assert "/etc/prometheus/prometheus.yml" in where


@pytest.mark.parametrize("service", ["prometheus", "grafana"])
def test_a_container_changes_nothing_of_ours(service: str) -> None:
    volumes = set(compose()["volumes"])
    for source, mode in mounts(service).values():
        assert mode == "ro" or source in volumes
        assert source in volumes or (DEPLOY / source).exists(), "Docker would make a folder that belongs to root"


@pytest.mark.parametrize("service", ["prometheus", "grafana"])
def test_an_image_is_pinned(service: str) -> None:
    assert re.fullmatch(r"[a-z]+/[a-z]+:v?\d+\.\d+\.\d+", compose()["services"][service]["image"])


def test_the_grafana_is_that_of_the_types_and_of_the_generator() -> None:
    package = json.loads((GRAFANA / "lint" / "package.json").read_text())
    versions = package["devDependencies"]
    assert not [version for version in versions.values() if not re.fullmatch(r"\d+\.\d+\.\d+", version)]
    image = compose()["services"]["grafana"]["image"].partition(":")[2]
    assert image == versions["@grafana/schema"]
    sdk = re.search(r"grafana-foundation-sdk==\d+!(\d+\.\d+)\.", (DEPLOY.parent / "pyproject.toml").read_text())
    assert sdk
    assert image.startswith(f"{sdk[1]}.")


def test_nobody_else_reaches_what_is_started() -> None:
    services = compose()["services"]
    assert not [name for name, service in services.items() if "ports" in service]
    listening = [
        services["grafana"]["environment"]["GF_SERVER_HTTP_ADDR"],
        *re.findall(r"--web.listen-address=([\d.]+):", "\n".join(services["prometheus"]["command"])),
    ]
    assert len(listening) == len(services) == 2
    assert all(ipaddress.ip_address(address).is_loopback for address in listening)


def test_docker_takes_the_file() -> None:
    if shutil.which("docker") is None:
        pytest.skip("docker is not installed")
    command = ["docker", "compose"]
    if subprocess.run([*command, "version"], capture_output=True, timeout=60, check=False).returncode != 0:
        pytest.skip("docker is there, but not its compose plugin")
    check = [*command, "-f", str(DEPLOY / "compose.yml"), "config", "--quiet"]
    done = subprocess.run(check, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
