"""Tries what is needed on buckets: those of the sources, of results, and of the user mapping."""

from __future__ import annotations

from exporter.aws import Denied, explained
from exporter.checking.asking import Asking, NotTried, allowing
from exporter.checking.callers import Callers
from exporter.checking.queries import Queries
from exporter.config import MAPPING_FILE, Aws, Config
from exporter.errors import UserError
from exporter.permissions import Needed, bucket_and_prefix
from exporter.setup.steps import results_of

NO_UPLOAD = "aws-user-exporter-check"
"""Id of an upload that was never begun, and name of an object that is never written."""

_LISTED = 50


class Buckets(Asking):
    """Reads a byte at most, and writes nothing."""

    def __init__(self, config: Config, callers: Callers, queries: Queries) -> None:
        super().__init__(config, callers)
        self._queries = queries

    def results(self, reach: Aws) -> tuple[str, str]:
        """Bucket and prefix of the results of queries. Raises NotTried where Athena keeps them itself, UserError where there is no place for them."""
        named = self.config.athena.output_location
        try:
            place = results_of(self.callers.client(reach, "athena"), self.config.athena)
        except Denied:
            if named is None:
                raise NotTried("the workgroup cannot be seen, so it is not known where results go") from None
            place = named
        if place is None:
            raise NotTried("the workgroup has managed results, which need no bucket")
        return bucket_and_prefix(place)

    # Results

    def results_region(self, needed: Needed) -> None:
        self.client(needed, "s3").get_bucket_location(Bucket=self.results(needed.reach)[0])

    def list_results(self, needed: Needed) -> None:
        bucket, prefix = self.results(needed.reach)
        self.client(needed, "s3").list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)

    def list_uploads(self, needed: Needed) -> None:
        bucket, prefix = self.results(needed.reach)
        self.client(needed, "s3").list_multipart_uploads(Bucket=bucket, Prefix=prefix, MaxUploads=1)

    def put_result(self, needed: Needed) -> None:
        bucket, prefix = self.results(needed.reach)
        self._put(needed, bucket, f"{prefix}{NO_UPLOAD}")

    def abort_upload(self, needed: Needed) -> None:
        bucket, prefix = self.results(needed.reach)
        with allowing(needed, "NoSuchUpload"):
            self.client(needed, "s3").abort_multipart_upload(Bucket=bucket, Key=f"{prefix}{NO_UPLOAD}", UploadId=NO_UPLOAD)

    def list_parts(self, needed: Needed) -> None:
        bucket, prefix = self.results(needed.reach)
        with allowing(needed, "NoSuchUpload"):
            self.client(needed, "s3").list_parts(Bucket=bucket, Key=f"{prefix}{NO_UPLOAD}", UploadId=NO_UPLOAD)

    def get_result(self, needed: Needed) -> None:
        bucket, prefix = self.results(needed.reach)
        query = self._queries.started(needed)
        if not self._queries.can_query(needed.reach):
            raise NotTried("no query has left a result to read")
        # Where Athena does not say it, a result is named after its query.
        place = query.execution.get("ResultConfiguration", {}).get("OutputLocation") or f"s3://{bucket}/{prefix}{query.id}.csv"
        bucket, _, key = str(place).removeprefix("s3://").partition("/")
        with allowing(needed, "NoSuchKey", "InvalidRange"):
            self.client(needed, "s3").get_object(Bucket=bucket, Key=key, Range="bytes=0-0")["Body"].close()

    def _put(self, needed: Needed, bucket: str, key: str) -> None:
        """s3:PutObject is what UploadPart asks for: https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html#mpuAndPermissions."""
        with allowing(needed, "NoSuchUpload"):
            self.client(needed, "s3").upload_part(Bucket=bucket, Key=key, UploadId=NO_UPLOAD, PartNumber=1, Body=b"")

    # Files of the sources

    def _source(self, needed: Needed) -> tuple[str, str]:
        return bucket_and_prefix(self.config.sources.queried()[needed.section].location)

    def source_region(self, needed: Needed) -> None:
        self.client(needed, "s3").get_bucket_location(Bucket=self._source(needed)[0])

    def list_source(self, needed: Needed) -> None:
        bucket, prefix = self._source(needed)
        self.client(needed, "s3").list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)

    def get_source(self, needed: Needed) -> None:
        bucket, key = self._sample(needed)
        with allowing(needed, "NoSuchKey", "InvalidRange", "InvalidObjectState"):
            self.client(needed, "s3").get_object(Bucket=bucket, Key=key, Range="bytes=0-0")["Body"].close()

    def _sample(self, needed: Needed) -> tuple[str, str]:
        bucket, prefix = self._source(needed)
        try:
            with explained("s3:ListBucket", f"arn:aws:s3:::{bucket}"):
                page = self.client(needed, "s3").list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=_LISTED)
        except UserError:
            raise NotTried("the files cannot be listed, so none is known to try it on") from None
        found = [str(one["Key"]) for one in page.get("Contents", ()) if one["Size"]]
        if not found:
            raise NotTried("there is no file yet to try it on")
        return bucket, found[0]

    def put_mapping(self, needed: Needed) -> None:
        bucket, prefix = bucket_and_prefix(self.config.people.sync.location or "")
        self._put(needed, bucket, f"{prefix}{MAPPING_FILE}")
