"""config.yaml as typed, frozen models; every mistake at once, with its place."""

from exporter.config.addresses import host_port
from exporter.config.base import Aws, AwsOverride, Engine, Model
from exporter.config.bills import Attribution, Bill, BillSource, Budgets, CostExplorerSource, CurSource, Method
from exporter.config.errors import ConfigError, ConfigErrors, Places
from exporter.config.kiro import Kiro, Tier
from exporter.config.loading import load
from exporter.config.models import Athena, Config, Limits, Store, Web, Window
from exporter.config.people import MAPPING_FILE, People, Privacy, Sync
from exporter.config.scalars import format_duration, parse_duration, tier_name
from exporter.config.schedules import Schedule, parse_schedule
from exporter.config.sources import CloudTrailSource, FactSource, IdentityCenterSource, KiroSource, QueriedSource, Sources
from exporter.config.usage import Usage
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
