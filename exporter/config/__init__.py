"""config.yaml as typed, frozen models; every mistake at once, with its place."""

from exporter.config.base import Aws, AwsOverride, Engine, Model
from exporter.config.bills import Attribution, Bill, BillSource, Budgets, CostExplorerSource, CurSource, Method
from exporter.config.errors import ConfigError, ConfigErrors, Places
from exporter.config.loading import load
from exporter.config.models import (
    MAPPING_FILE,
    Athena,
    Config,
    Kiro,
    Limits,
    People,
    Privacy,
    Store,
    Sync,
    Tier,
    Usage,
    Web,
    Window,
)
from exporter.config.scalars import format_duration, host_port, parse_duration, tier_name
from exporter.config.schedules import Schedule, parse_schedule
from exporter.config.sources import CloudTrailSource, FactSource, IdentityCenterSource, KiroSource, QueriedSource, Sources
from exporter.config.web_file import TlsServer, WebFile, load_web_file

__all__ = [
    "MAPPING_FILE",
    "Athena",
    "Attribution",
    "Aws",
    "AwsOverride",
    "Bill",
    "BillSource",
    "Budgets",
    "CloudTrailSource",
    "Config",
    "ConfigError",
    "ConfigErrors",
    "CostExplorerSource",
    "CurSource",
    "Engine",
    "FactSource",
    "IdentityCenterSource",
    "Kiro",
    "KiroSource",
    "Limits",
    "Method",
    "Model",
    "People",
    "Places",
    "Privacy",
    "QueriedSource",
    "Schedule",
    "Sources",
    "Store",
    "Sync",
    "Tier",
    "TlsServer",
    "Usage",
    "Web",
    "WebFile",
    "Window",
    "format_duration",
    "host_port",
    "load",
    "load_web_file",
    "parse_duration",
    "parse_schedule",
    "tier_name",
]
