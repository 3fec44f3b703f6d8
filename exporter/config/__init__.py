"""config.yaml as typed, frozen models; every mistake at once, with its place."""

from exporter.config.base import Aws, AwsOverride, Engine, Model
from exporter.config.errors import ConfigError, ConfigErrors, Places
from exporter.config.loading import load
from exporter.config.models import (
    Athena,
    Config,
    Kiro,
    Limits,
    People,
    Privacy,
    Store,
    Tier,
    Usage,
    Web,
    Window,
)
from exporter.config.scalars import format_duration, host_port, parse_duration, tier_name
from exporter.config.schedules import Schedule, parse_schedule
from exporter.config.sources import CloudTrailSource, FactSource, IdentityCenterSource, KiroSource, Sources

__all__ = [
    "Athena",
    "Aws",
    "AwsOverride",
    "CloudTrailSource",
    "Config",
    "ConfigError",
    "ConfigErrors",
    "Engine",
    "FactSource",
    "IdentityCenterSource",
    "Kiro",
    "KiroSource",
    "Limits",
    "Model",
    "People",
    "Places",
    "Privacy",
    "Schedule",
    "Sources",
    "Store",
    "Tier",
    "Usage",
    "Web",
    "Window",
    "format_duration",
    "host_port",
    "load",
    "parse_duration",
    "parse_schedule",
    "tier_name",
]
