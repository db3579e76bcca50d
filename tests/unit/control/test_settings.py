"""The settings file, and what is said of a wrong one."""

from pathlib import Path

import pytest

from modelward.control.settings import SettingsError, read

SMALLEST = """
prometheus: {url: "http://prometheus:9090"}
images: {monitor: m, fetch: f, collector: c, gates: g:1}
"""


def written(folder: Path, text: str) -> Path:
    """Write a settings file."""
    file = folder / "operator.yaml"
    file.write_text(text)
    return file


def test_smallest_has_defaults(tmp_path: Path) -> None:
    """An address and images are enough."""
    settings = read(written(tmp_path, SMALLEST))
    assert (settings.http_port, settings.alerts_port, settings.alertmanager_webhook) == (8080, 8090, None)
    assert settings.evaluation_delay_seconds == 5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("images: {monitor: m, fetch: f, collector: c, gates: g:1}", "prometheus: Field required"),
        (SMALLEST + "promtheus: {}", "promtheus: Extra inputs are not permitted"),
        (SMALLEST.replace("http://", "tcp://"), "prometheus.url: String should match pattern"),
        (SMALLEST + "workers: 0", "workers: Input should be greater than or equal to 1"),
        (
            SMALLEST + "lease: {renewDeadlineSeconds: 15}",
            "lease: Value error, write a retryPeriodSeconds below renewDeadlineSeconds, and that below",
        ),
        ("- a list", "must hold a mapping such as 'prometheus: {url: ...}'"),
        ("a: [", "is not YAML"),
    ],
)
def test_wrong_settings_say_what_and_where(tmp_path: Path, text: str, said: str) -> None:
    """Each mistake is named with its place."""
    with pytest.raises(SettingsError) as raised:
        read(written(tmp_path, text))
    assert said in str(raised.value)


def test_missing_file_says_how_to_give_one(tmp_path: Path) -> None:
    """Without a file the flag is named."""
    with pytest.raises(SettingsError, match="--config"):
        read(tmp_path / "none.yaml")
