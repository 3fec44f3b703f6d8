"""config.yaml as typed, frozen models; every mistake at once, with its place."""

from exporter.config.errors import ConfigError, ConfigErrors, Places
from exporter.config.loading import load
from exporter.config.models import (
    Athena,
    Aws,
    AwsOverride,
    Config,
    Engine,
    Kiro,
    KiroSource,
    Limits,
    Model,
    People,
    Sources,
    Store,
    Tier,
    Web,
    Window,
)
from exporter.config.scalars import format_duration, host_port, parse_duration, tier_name
from exporter.config.schedules import Schedule, parse_schedule

__all__ = [
    "Athena",
    "Aws",
    "AwsOverride",
    "Config",
    "ConfigError",
    "ConfigErrors",
    "Engine",
    "Kiro",
    "KiroSource",
    "Limits",
    "Model",
    "People",
    "Places",
    "Schedule",
    "Sources",
    "Store",
    "Tier",
    "Web",
    "Window",
    "format_duration",
    "host_port",
    "load",
    "parse_duration",
    "parse_schedule",
    "tier_name",
]
