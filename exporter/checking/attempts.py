"""Tries each permission by a harmless call: one that reads little, or that is refused for another reason once IAM has let it pass.

AWS says that somebody may not ask before it says what is wrong with what they ask. So parts of an upload that was never begun show whether objects may be
written, listed and given up, and nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from exporter.aws import explained
from exporter.checking.asking import Asking, NotTried, allowing
from exporter.checking.buckets import Buckets
from exporter.checking.callers import Callers
from exporter.checking.queries import Queries
from exporter.config import Aws, Config
from exporter.errors import UserError
from exporter.permissions import Needed, On

NO_GROUP = "00000000-0000-0000-0000-000000000000"


class Attempts(Asking):
    """Tries permissions: those of Athena with `queries`, those of S3 with `buckets`, the others itself."""

    def __init__(self, config: Config, callers: Callers, spend: bool, yesterday: str, today: str, poll_seconds: float = 0.5) -> None:
        """With `spend`, Cost Explorer is asked once, about `yesterday` (YYYY-MM-DD; `today` ends that period): 0.01 USD."""
        super().__init__(config, callers)
        self.queries = queries = Queries(config, callers, poll_seconds)
        self.buckets = buckets = Buckets(config, callers, queries)
        self._spend = spend
        self._days = {"Start": yesterday, "End": today}
        self._groups: dict[Aws, str] = {}
        self._by_action: Mapping[tuple[str, On], Callable[[Needed], None]] = {
            ("athena:StartQueryExecution", On.WORKGROUP): queries.start,
            ("athena:GetQueryExecution", On.WORKGROUP): queries.poll,
            ("athena:GetQueryResults", On.WORKGROUP): queries.read_answer,
            ("athena:StopQueryExecution", On.WORKGROUP): queries.stop,
            ("athena:GetWorkGroup", On.WORKGROUP): queries.workgroup,
            ("glue:GetDatabase", On.CATALOG): queries.database,
            ("glue:GetTable", On.CATALOG): queries.table,
            ("glue:GetPartitions", On.CATALOG): queries.partitions,
            ("s3:GetBucketLocation", On.RESULTS_BUCKET): buckets.results_region,
            ("s3:ListBucket", On.RESULTS_BUCKET): buckets.list_results,
            ("s3:ListBucketMultipartUploads", On.RESULTS_BUCKET): buckets.list_uploads,
            ("s3:PutObject", On.RESULTS_OBJECTS): buckets.put_result,
            ("s3:AbortMultipartUpload", On.RESULTS_OBJECTS): buckets.abort_upload,
            ("s3:ListMultipartUploadParts", On.RESULTS_OBJECTS): buckets.list_parts,
            ("s3:GetObject", On.RESULTS_OBJECTS): buckets.get_result,
            ("s3:GetBucketLocation", On.SOURCE_BUCKET): buckets.source_region,
            ("s3:ListBucket", On.SOURCE_BUCKET): buckets.list_source,
            ("s3:GetObject", On.SOURCE_OBJECTS): buckets.get_source,
            ("identitystore:ListUsers", On.ANYTHING): self._users,
            ("identitystore:ListGroups", On.ANYTHING): self._list_groups,
            ("identitystore:ListGroupMemberships", On.ANYTHING): self._memberships,
            ("sso:ListInstances", On.ANYTHING): self._instances,
            ("ce:GetCostAndUsage", On.ANYTHING): self._bill,
            ("s3:PutObject", On.MAPPING): buckets.put_mapping,
            ("sts:AssumeRole", On.ROLE): self._role,
        }

    def make(self, needed: Needed) -> None:
        """Tries one. Raises NotTried, UserError (`aws.Denied` where it is missing) and TransientError."""
        attempt = self._by_action.get((needed.permission.action, needed.permission.on[0]))
        if attempt is None:
            raise NotTried("there is no harmless way to try it")
        with explained(needed.permission.action, needed.resource):
            attempt(needed)

    def _users(self, needed: Needed) -> None:
        self.client(needed, "identitystore").list_users(IdentityStoreId=self._store(needed), MaxResults=1)

    def _list_groups(self, needed: Needed) -> None:
        if not self._patterns():
            raise NotTried("sources.identity_center.group_patterns is empty, so it is not needed")
        page = self.client(needed, "identitystore").list_groups(IdentityStoreId=self._store(needed), MaxResults=1)
        self._groups[needed.reach] = next((str(group["GroupId"]) for group in page["Groups"]), NO_GROUP)

    def _memberships(self, needed: Needed) -> None:
        if not self._patterns():
            raise NotTried("sources.identity_center.group_patterns is empty, so it is not needed")
        group = self._groups.get(needed.reach, NO_GROUP)
        with allowing(needed, "ResourceNotFoundException"):
            self.client(needed, "identitystore").list_group_memberships(IdentityStoreId=self._store(needed), GroupId=group, MaxResults=1)

    def _instances(self, needed: Needed) -> None:
        settings = self.config.sources.identity_center
        if settings is not None and settings.identity_store_id is not None:
            raise NotTried("sources.identity_center.identity_store_id is set, so it is not needed")
        self.client(needed, "sso-admin").list_instances()

    def _store(self, needed: Needed) -> str:
        settings = self.config.sources.identity_center
        if settings is not None and settings.identity_store_id is not None:
            return settings.identity_store_id
        try:
            with explained("sso:ListInstances", "IAM Identity Center"):
                instances = self.client(needed, "sso-admin").list_instances()["Instances"]
        except UserError:
            raise NotTried("the identity store could not be found") from None
        if len(instances) != 1:
            raise UserError(f"{len(instances)} instances of IAM Identity Center can be seen from here; set sources.identity_center.identity_store_id")
        return str(instances[0]["IdentityStoreId"])

    def _patterns(self) -> bool:
        settings = self.config.sources.identity_center
        return settings is not None and bool(settings.group_patterns)

    def _bill(self, needed: Needed) -> None:
        if not self._spend:
            raise NotTried("each request costs 0.01 USD; --spend has one sent")
        request = {"TimePeriod": self._days, "Granularity": "DAILY", "Metrics": ["UnblendedCost"]}
        self.client(needed, "ce").get_cost_and_usage(**request)

    def _role(self, needed: Needed) -> None:
        self.callers.of(needed.reach)
