"""What the exporter and its setup must be allowed to do in AWS: each action, why, on what, and which part of the config needs it.

The one list of it: infrastructure/cloudformation.yaml grants it, `check` tries it, and the tests compare.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from exporter.config import Aws, Config


class On(Enum):
    """On what an action acts; the value is the shape of its ARN."""

    WORKGROUP = "arn:{partition}:athena:{region}:{account}:workgroup/{workgroup}"
    CATALOG = "arn:{partition}:glue:{region}:{account}:catalog"
    DATABASE = "arn:{partition}:glue:{region}:{account}:database/{database}"
    TABLES = "arn:{partition}:glue:{region}:{account}:table/{database}/*"
    SOURCE_BUCKET = "arn:{partition}:s3:::{source_bucket}"
    SOURCE_OBJECTS = "arn:{partition}:s3:::{source_bucket}/{source_prefix}*"
    SOURCE_KEY = "arn:{partition}:kms:{region}:{account}:key/*"
    RESULTS_BUCKET = "arn:{partition}:s3:::{results_bucket}"
    RESULTS_OBJECTS = "arn:{partition}:s3:::{results_bucket}/{results_prefix}*"
    MAPPING = "arn:{partition}:s3:::{mapping_bucket}/{mapping_prefix}user_mapping.csv"
    ROLE = "{role_arn}"
    ANYTHING = "*"


class For(Enum):
    """What in the config makes an action needed."""

    ATHENA = "a source with the engine athena"
    FILES = "a source in a bucket"
    IDENTITY_CENTER = "sources.identity_center"
    COST_EXPLORER = "sources.cost_explorer"
    SYNC = "people.sync.location"
    OTHER_ACCOUNT = "role_arn of a source"
    ENCRYPTED = "files that are encrypted with a key of yours"
    LAKE_FORMATION = "tables that Lake Formation guards"


@dataclass(frozen=True, slots=True)
class Permission:
    """One action of IAM: what it acts on, what needs it, and why, in words that end a sentence beginning with "to"."""

    action: str
    on: tuple[On, ...]
    needed_for: For
    why: str


def _several(actions: str, on: tuple[On, ...], needed_for: For, why: str) -> tuple[Permission, ...]:
    return tuple(Permission(action, on, needed_for, why) for action in actions.split())


_CATALOG = (On.CATALOG, On.DATABASE, On.TABLES)
_DATABASE = (On.CATALOG, On.DATABASE)

_QUERIES = (
    Permission("athena:StartQueryExecution", (On.WORKGROUP,), For.ATHENA, "start queries"),
    Permission("athena:GetQueryExecution", (On.WORKGROUP,), For.ATHENA, "see how far a query is and what it scanned"),
    Permission("athena:GetQueryResults", (On.WORKGROUP,), For.ATHENA, "read answers"),
    Permission("athena:StopQueryExecution", (On.WORKGROUP,), For.ATHENA, "cancel queries that pass a limit, or when the service stops"),
    Permission("athena:GetWorkGroup", (On.WORKGROUP,), For.ATHENA, "know where the workgroup writes results and what it limits"),
    Permission("glue:GetDatabase", _DATABASE, For.ATHENA, "find the database"),
    Permission("glue:GetTable", _CATALOG, For.ATHENA, "know the columns of tables and views"),
    Permission("glue:GetPartitions", _CATALOG, For.ATHENA, "find the partitions of tables that setup has not made"),
    *_several("s3:GetBucketLocation s3:ListBucket s3:ListBucketMultipartUploads", (On.RESULTS_BUCKET,), For.ATHENA, "let Athena write results"),
    *_several("s3:PutObject s3:AbortMultipartUpload s3:ListMultipartUploadParts", (On.RESULTS_OBJECTS,), For.ATHENA, "let Athena write results"),
    Permission("s3:GetObject", (On.RESULTS_OBJECTS,), For.ATHENA, "read large answers"),
)
_FILES = (
    Permission("s3:GetBucketLocation", (On.SOURCE_BUCKET,), For.ATHENA, "let Athena find the bucket"),
    Permission("s3:ListBucket", (On.SOURCE_BUCKET,), For.FILES, "find the files"),
    Permission("s3:GetObject", (On.SOURCE_OBJECTS,), For.FILES, "read the files"),
    Permission("kms:Decrypt", (On.SOURCE_KEY,), For.ENCRYPTED, "read files, or write results, that are encrypted with a key of yours"),
    Permission("kms:GenerateDataKey", (On.SOURCE_KEY,), For.ENCRYPTED, "write results that are encrypted with a key of yours"),
    Permission("lakeformation:GetDataAccess", (On.ANYTHING,), For.LAKE_FORMATION, "read tables that Lake Formation guards"),
)
_DIRECTORY = (
    *_several("identitystore:ListUsers", (On.ANYTHING,), For.IDENTITY_CENTER, "read names, mails and attributes of people"),
    *_several("identitystore:ListGroups identitystore:ListGroupMemberships", (On.ANYTHING,), For.IDENTITY_CENTER, "read who is in which group"),
    Permission("sso:ListInstances", (On.ANYTHING,), For.IDENTITY_CENTER, "find the identity store where the config does not name it"),
)

EXPORTER: tuple[Permission, ...] = (
    *_QUERIES,
    *_FILES,
    *_DIRECTORY,
    Permission("ce:GetCostAndUsage", (On.ANYTHING,), For.COST_EXPLORER, "read the bill"),
    Permission("s3:PutObject", (On.MAPPING,), For.SYNC, "write the user mapping"),
    Permission("sts:AssumeRole", (On.ROLE,), For.OTHER_ACCOUNT, "read what lies in another account"),
)
"""What `run`, `check`, `backfill` and `sync-users` need. It writes nothing but query results and the user mapping."""

SETUP: tuple[Permission, ...] = (
    *_QUERIES,
    *_FILES,
    Permission("glue:CreateDatabase", _DATABASE, For.ATHENA, "make the database where there is none"),
    Permission("glue:GetTables", _CATALOG, For.ATHENA, "see whether the database is empty before it is dropped"),
    Permission("glue:CreateTable", _CATALOG, For.ATHENA, "make tables and views"),
    Permission("glue:UpdateTable", _CATALOG, For.ATHENA, "replace views, and mark what setup has made"),
    Permission("glue:DeleteTable", _CATALOG, For.ATHENA, "make tables anew whose definition has changed, and for --teardown"),
    Permission("glue:DeleteDatabase", (*_CATALOG,), For.ATHENA, "drop the empty database with --teardown"),
)
"""What `setup` needs without `--stack`. Who deploys the stack needs CloudFormation, IAM, S3, Athena and Glue besides: an administrator."""


@dataclass(frozen=True, slots=True)
class Needed:
    """A permission that a config needs, for a section of it, with the credentials of `reach`. `resource` is an ARN, `*` in it where the config does not say."""

    permission: Permission
    section: str
    reach: Aws
    resource: str


def needed(config: Config, account: str = "*") -> list[Needed]:
    """What the exporter needs for a config, in the order of EXPORTER: an entry for each action, credentials and resource.

    Left out is what the config cannot say: whether files are encrypted with a key, and whether Lake Formation guards the tables.
    """
    found: dict[tuple[str, Aws, str], Needed] = {}
    for permission in EXPORTER:
        for section, reach in _uses(permission, config):
            for on in permission.on:
                resource = on.value.format_map(_Names(config, section, reach, account))
                found.setdefault((permission.action, reach, resource), Needed(permission, section, reach, resource))
    return list(found.values())


def bucket_and_prefix(location: str) -> tuple[str, str]:
    """Of `s3://bucket/prefix/`: the bucket, and the prefix with its last slash (empty for a whole bucket)."""
    bucket, _, prefix = location.removeprefix("s3://").partition("/")
    return bucket, prefix


def partition_of(region: str) -> str:
    """Of AWS: `aws`, or that of China or of the US government, by a region in it."""
    return next((partition for start, partition in (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov")) if region.startswith(start)), "aws")


class _Names(dict[str, str]):
    """What the shapes of ARNs name, for one section."""

    def __init__(self, config: Config, section: str, reach: Aws, account: str) -> None:
        super().__init__(
            partition=partition_of(reach.region),
            region=reach.region,
            account=account,
            workgroup=config.athena.workgroup,
            database=config.athena.database.lower(),
            role_arn=reach.role_arn or "*",
        )
        source = config.sources.queried().get(section)
        self._locations = {
            "source": None if source is None else source.location,
            "results": config.athena.output_location,
            "mapping": config.people.sync.location,
        }

    def __missing__(self, name: str) -> str:
        what, _, part = name.partition("_")
        location = self._locations[what]
        if location is None:
            return "*" if part == "bucket" else ""
        return bucket_and_prefix(location)[part == "prefix"]


def _uses(permission: Permission, config: Config) -> Iterator[tuple[str, Aws]]:
    """Which sections of the config need a permission, each with the credentials that it is needed for."""
    queried = config.sources.queried()
    match permission.needed_for:
        case For.ATHENA:
            yield from ((name, config.query_aws_for(name)) for name in queried if config.engine_for(name) == "athena")
        case For.FILES:
            for name in (name for name, source in queried.items() if source.location.startswith("s3://")):
                # The exporter lists what Athena reads, to see what has changed.
                yield name, config.aws_for(name)
                if config.engine_for(name) == "athena":
                    yield name, config.query_aws_for(name)
        case For.IDENTITY_CENTER | For.COST_EXPLORER:
            name = permission.needed_for.value.removeprefix("sources.")
            if name in config.sources.enabled():
                yield name, config.aws_for(name)
        case For.SYNC if (config.people.sync.location or "").startswith("s3://"):
            yield "athena", config.aws_for("athena")
        case For.OTHER_ACCOUNT:
            reaches = ((name, config.aws_for(name)) for name in ("athena", *config.sources.enabled()))
            yield from ((name, reach) for name, reach in reaches if reach.role_arn is not None)
        case _:
            return
