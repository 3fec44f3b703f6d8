"""Short names of services for the names under which Cost Explorer bills them, the same as those of the other bill."""

from __future__ import annotations

import re

_SHORT = {
    "amazon cloudwatch events": "events",
    "amazon cognito sync": "cognito",
    "amazon documentdb (with mongodb compatibility)": "docdb",
    "amazon ec2 container registry (ecr)": "ecr",
    "amazon elastic block store": "ec2",
    "amazon elastic compute cloud - compute": "ec2",
    "amazon elastic container registry": "ecr",
    "amazon elastic container registry public": "ecr",
    "amazon elastic container service": "ecs",
    "amazon elastic container service for kubernetes": "eks",
    "amazon elastic file system": "elasticfilesystem",
    "amazon elastic kubernetes service": "eks",
    "amazon elastic load balancing": "elasticloadbalancing",
    "amazon elastic mapreduce": "elasticmapreduce",
    "amazon elasticsearch service": "es",
    "amazon kinesis data firehose": "firehose",
    "amazon kinesis firehose": "firehose",
    "amazon managed streaming for apache kafka": "kafka",
    "amazon opensearch service": "es",
    "amazon quick suite": "quicksight",
    "amazon relational database service": "rds",
    "amazon s3 glacier deep archive": "glacier",
    "amazon simple email service": "ses",
    "amazon simple notification service": "sns",
    "amazon simple queue service": "sqs",
    "amazon simple storage service": "s3",
    "amazon simple workflow service": "swf",
    "amazon virtual private cloud": "vpc",
    "amazoncloudwatch": "monitoring",
    "aws database migration service": "databasemigrationsvc",
    "aws key management service": "kms",
    "aws step functions": "states",
    "cloudwatch events": "events",
    "ec2 - other": "ec2",
    "elastic load balancing": "elasticloadbalancing",
    "savings plans for aws compute usage": "computesavingsplans",
    "savings plans for aws machine learning": "machinelearningsavingsplans",
    "savings plans for compute usage": "computesavingsplans",
}
# Models of other makers are billed under names of their own.
_RULES = ((re.compile(r"\(amazon bedrock edition\)"), "bedrock"), (re.compile(r"^aws (?:premium )?support\b"), "support"))
_MAKER = re.compile(r"^(?:amazon|aws)\s*")
_NOT_IN_CODES = re.compile(r"[^0-9a-z]+")


def short_name(service: str) -> str:
    """The short name (`ec2`); for a service that is not known here its name as product codes spell it: in lower case, without its maker and spaces."""
    name = " ".join(service.lower().split())
    if name in _SHORT:
        return _SHORT[name]
    for pattern, short in _RULES:
        if pattern.search(name):
            return short
    return _NOT_IN_CODES.sub("", _MAKER.sub("", name)) or _NOT_IN_CODES.sub("", name) or "unknown"
