"""Settings: which layer wins, and that every error names the setting and where it came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from brookmill.config import ConfigError, TierLimits, address, load


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_flag_wins_over_the_environment_over_the_file_over_the_default(here: Path) -> None:
    (here / "brookmill.toml").write_text('http = "h:1"\nrate-limit = 1\nmax_body = 1\n')
    settings = load({"http": "h:3", "dev": None}, {"BROOKMILL_HTTP": "h:2", "BROOKMILL_RATE_LIMIT": "2"})
    assert (settings.http, settings.rate_limit, settings.max_body, settings.dev) == ("h:3", 2, 1, False)


@pytest.mark.parametrize(
    ("environ", "file"),
    [
        ({}, "[tiers.SP10]\nmemory = 4294967296\nkafka_partitions = 0"),
        ({"BROOKMILL_TIERS": '{"SP10":{"memory":4294967296,"kafka_partitions":0}}'}, ""),
    ],
)
def test_limits_of_tiers_can_be_set(here: Path, environ: dict[str, str], file: str) -> None:
    (here / "brookmill.toml").write_text(file)
    assert load({}, environ).tiers == {"SP10": TierLimits(memory=4 * 1024**3, kafka_partitions=0)}


def test_a_file_that_is_named_must_exist(here: Path) -> None:
    assert load({}, {}).http == "127.0.0.1:8080"
    with pytest.raises(ConfigError, match=r"none\.toml: No such file"):
        load({}, {}, here / "none.toml")


WRONG: list[tuple[dict[str, Any], dict[str, str], str, str]] = [
    ({}, {"BROOKMILL_RATE_LIMT": "1"}, "", "variable BROOKMILL_RATE_LIMT is no setting; rate_limit is"),
    ({}, {"BROOKMILL_RATE_LIMIT": "many"}, "", "variable BROOKMILL_RATE_LIMIT: Expected `int`"),
    ({}, {"BROOKMILL_RATE_LIMIT": "-1"}, "", "variable BROOKMILL_RATE_LIMIT: Expected `int` >= 0"),
    ({}, {"BROOKMILL_DEV": "perhaps"}, "", "variable BROOKMILL_DEV: Expected `bool`"),
    ({"http": "8080"}, {}, "", "flag --http: '8080' is not HOST:PORT"),
    ({}, {}, "retry_budget = -1", r"retry_budget in brookmill.toml: Expected `float` >= 0"),
    ({}, {}, "htp = 1", "htp in brookmill.toml is no setting; http is"),
    ({}, {}, "http = ", "brookmill.toml: Invalid value"),
    ({"tls": "own"}, {}, "", "flag --tls needs tls_certificate and tls_key"),
    ({"tls": "maybe"}, {}, "", "flag --tls: Invalid enum value"),
    ({}, {}, "[tiers.SP10]\nmemory = 5", "tiers in brookmill.toml: Expected `int` >= 268435456"),
    ({}, {}, "[tiers.SP11]\nmemory = 5", "tiers in brookmill.toml: Invalid enum value"),
    ({}, {"BROOKMILL_TIERS": "{"}, "", "variable BROOKMILL_TIERS: Input data was truncated"),
    (
        {},
        {"BROOKMILL_TIERS": '{"SP2":{"m":1}}'},
        "",
        "variable BROOKMILL_TIERS: Object contains unknown field",
    ),
]


@pytest.mark.parametrize(("flags", "environ", "file", "message"), WRONG, ids=[w[3] for w in WRONG])
def test_what_is_wrong_is_named_with_its_source(
    here: Path, flags: dict[str, Any], environ: dict[str, str], file: str, message: str
) -> None:
    (here / "brookmill.toml").write_text(file)
    with pytest.raises(ConfigError) as caught:
        load(flags, environ)
    assert message in str(caught.value)


def test_variables_of_tests_and_of_the_evaluator_are_no_settings(here: Path) -> None:
    environ = {"BROOKMILL_TEST_TERRAFORM_PROVIDER": "/somewhere", "BROOKMILL_MQL": "reference"}
    assert load({}, environ) == load({}, {})


def test_secret_settings_do_not_show(here: Path) -> None:
    shown = repr(load({}, {"BROOKMILL_MASTER_KEY": "hush", "BROOKMILL_DATABASE": "postgresql://u:hush@h/d"}))
    assert "hush" not in shown
    assert "http='127.0.0.1:8080'" in shown


@pytest.mark.parametrize(
    ("flags", "environ", "allowed"),
    [
        ({}, {}, False),
        ({"dev": True}, {}, True),
        ({"allow_private": True}, {}, True),
        ({"dev": True}, {"BROOKMILL_ALLOW_PRIVATE": "false"}, False),
    ],
)
def test_private_addresses_are_open_to_workers_in_development_or_by_setting(
    here: Path, flags: dict[str, Any], environ: dict[str, str], allowed: bool
) -> None:
    assert load(flags, environ).outside.allow_private is allowed


def test_secrets_of_clouds_do_not_show(here: Path) -> None:
    secret = dict.fromkeys(("AZURE_ACCOUNT_KEY", "AZURE_CLIENT_SECRET", "AWS_SECRET_ACCESS_KEY"), "hush")
    settings = load({}, {f"BROOKMILL_{name}": value for name, value in secret.items()})
    assert settings.outside.azure_account_key == "hush"
    assert "hush" not in repr(settings) + repr(settings.outside)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("localhost:0", "localhost", 0), ("[::1]:80", "::1", 80), ("0.0.0.0:65535", "0.0.0.0", 65535)],
)
def test_an_address_is_host_and_port(text: str, host: str, port: int) -> None:
    assert address(text) == (host, port)


@pytest.mark.parametrize(
    "text", ["", ":80", "h", "h:", "h:65536", "h:-1", "h:٣", "::1:80", "[::1]", "a:b:80", "h:80 "]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is not HOST:PORT"):
        address(text)
