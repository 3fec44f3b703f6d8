"""The AWS API calls that people and programs of the sample make: names, what they change, and which departments make them.

Names are those of `eventSource` and `eventName` in real records, Lambda's version suffixes included.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

GLOBAL_SERVICES = frozenset({"account", "budgets", "ce", "cloudfront", "health", "iam", "organizations", "route53", "support"})
"""Their events are in us-east-1, whatever Region the caller works in."""
GLOBAL_REGION = "us-east-1"
NAMES_PERSON = frozenset({"athena", "codewhisperer", "glue", "iam", "kms", "lakeformation", "q", "redshift-data", "sagemaker", "sts"})
"""Services that log `onBehalfOf` for an identity-enhanced session; the others leave it out of the same session."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One API operation. `service` is the short name, `ec2`; `subject` is the request parameter that names a resource, if any."""

    service: str
    name: str
    read: bool
    subject: str | None = None
    parameters: Mapping[str, object] = field(default_factory=dict)
    """Further request parameters, the same in every call."""


_SERVICES = {
    "apigateway": ("restApiId", "GetRestApis GetStages GetResources GetDeployments", "CreateDeployment UpdateStage PutIntegration"),
    "athena": ("workGroup", "GetQueryExecution GetQueryResults ListWorkGroups GetWorkGroup", "StartQueryExecution StopQueryExecution CreateNamedQuery"),
    "autoscaling": (
        "autoScalingGroupName",
        "DescribeAutoScalingGroups DescribeScalingActivities DescribePolicies",
        "UpdateAutoScalingGroup SetDesiredCapacity",
    ),
    "bedrock": ("modelId", "ListFoundationModels GetFoundationModel ListGuardrails ListInferenceProfiles", "CreateModelCustomizationJob CreateGuardrail"),
    "budgets": ("budgetName", "DescribeBudgets DescribeBudget ViewBudget", "ModifyBudget"),
    "ce": ("metric", "GetCostAndUsage GetCostForecast GetDimensionValues GetTags GetReservationUtilization", "CreateAnomalyMonitor"),
    "cloudformation": (
        "stackName",
        "DescribeStacks ListStacks DescribeStackEvents GetTemplate ListStackResources",
        "CreateStack UpdateStack CreateChangeSet ExecuteChangeSet",
    ),
    "cloudtrail": ("name", "DescribeTrails GetTrailStatus LookupEvents GetEventSelectors ListTrails", "AddTags"),
    "codebuild": ("projectName", "BatchGetBuilds ListProjects BatchGetProjects", "StartBuild UpdateProject"),
    "codepipeline": ("name", "GetPipelineState ListPipelines GetPipeline", "StartPipelineExecution"),
    "config": (
        "configRuleName",
        "DescribeConfigRules GetComplianceDetailsByConfigRule DescribeConfigurationRecorders",
        "PutConfigRule StartConfigRulesEvaluation",
    ),
    "dynamodb": ("tableName", "ListTables DescribeTable DescribeTimeToLive DescribeContinuousBackups", "UpdateTable CreateTable TagResource"),
    "ec2": (
        "instanceId",
        "DescribeInstances DescribeInstanceStatus DescribeSecurityGroups DescribeVolumes DescribeImages DescribeSubnets DescribeVpcs DescribeTags "
        "DescribeSnapshots DescribeRegions DescribeNetworkInterfaces DescribeLaunchTemplates",
        "RunInstances StartInstances StopInstances TerminateInstances CreateTags CreateVolume AttachVolume CreateSnapshot",
    ),
    "ecr": ("repositoryName", "DescribeRepositories DescribeImages GetAuthorizationToken BatchGetImage ListImages", "CreateRepository PutLifecyclePolicy"),
    "ecs": ("cluster", "DescribeServices DescribeTasks ListTasks ListClusters DescribeTaskDefinition", "UpdateService RegisterTaskDefinition RunTask StopTask"),
    "eks": ("name", "ListClusters DescribeCluster ListNodegroups DescribeNodegroup ListAddons", "UpdateNodegroupConfig UpdateClusterConfig"),
    "elasticloadbalancing": (
        "loadBalancerArn",
        "DescribeLoadBalancers DescribeTargetGroups DescribeTargetHealth DescribeListeners",
        "ModifyTargetGroup RegisterTargets",
    ),
    "glue": ("databaseName", "GetTables GetTable GetDatabases GetJobRuns GetPartitions GetCrawlers", "StartJobRun StartCrawler UpdateTable CreateTable"),
    "guardduty": ("detectorId", "ListDetectors ListFindings GetFindings GetDetector", "ArchiveFindings UpdateFilter"),
    "health": ("eventArn", "DescribeEvents DescribeEventAggregates", ""),
    "iam": (
        "roleName",
        "ListRoles GetRole ListUsers GetUser ListAttachedRolePolicies ListRolePolicies GetRolePolicy ListPolicies GetAccountSummary ListAccountAliases",
        "TagRole CreateInstanceProfile AddRoleToInstanceProfile CreateServiceLinkedRole",
    ),
    "kms": ("keyId", "ListAliases DescribeKey ListKeys GetKeyPolicy GetKeyRotationStatus", "CreateAlias EnableKeyRotation TagResource"),
    "lakeformation": ("resource", "ListPermissions GetDataLakeSettings ListResources", "GrantPermissions"),
    "lambda": (
        "functionName",
        "ListFunctions20150331 GetFunction20150331v2 GetFunctionConfiguration20150331v2 ListTags20170331 ListEventSourceMappings20150331 GetPolicy20150331v2",
        "UpdateFunctionCode20150331v2 UpdateFunctionConfiguration20150331v2 PublishVersion20150331 CreateFunction20150331",
    ),
    "logs": (
        "logGroupName",
        "DescribeLogGroups DescribeLogStreams StartQuery GetQueryResults FilterLogEvents DescribeMetricFilters",
        "CreateLogGroup PutRetentionPolicy PutMetricFilter",
    ),
    "monitoring": ("alarmNames", "DescribeAlarms ListDashboards GetDashboard ListMetrics DescribeAlarmHistory", "PutMetricAlarm PutDashboard SetAlarmState"),
    "organizations": ("accountId", "ListAccounts DescribeOrganization ListRoots ListPolicies DescribeAccount", "TagResource"),
    "q": ("profileArn", "ListProfiles GetConversation ListConversations", "StartConversation"),
    "rds": (
        "dBInstanceIdentifier",
        "DescribeDBInstances DescribeDBClusters DescribeDBSnapshots DescribeEvents",
        "ModifyDBInstance CreateDBSnapshot RebootDBInstance",
    ),
    "redshift-data": ("clusterIdentifier", "DescribeStatement GetStatementResult ListStatements", "ExecuteStatement"),
    "route53": ("hostedZoneId", "ListHostedZones ListResourceRecordSets GetHostedZone", "ChangeResourceRecordSets"),
    "s3": (
        "bucketName",
        "ListBuckets GetBucketLocation GetBucketAcl GetBucketPolicy GetBucketEncryption GetBucketVersioning GetBucketPublicAccessBlock GetBucketTagging",
        "CreateBucket PutBucketTagging PutBucketNotification",
    ),
    "sagemaker": (
        "domainId",
        "ListDomains DescribeDomain ListTrainingJobs DescribeTrainingJob ListEndpoints DescribeEndpoint",
        "CreateTrainingJob CreatePresignedDomainUrl CreateEndpoint",
    ),
    "secretsmanager": ("secretId", "ListSecrets DescribeSecret GetSecretValue GetResourcePolicy", "PutSecretValue CreateSecret RotateSecret"),
    "securityhub": ("productArn", "GetFindings DescribeHub GetInsights GetEnabledStandards", "CreateInsight"),
    "sns": ("topicArn", "ListTopics GetTopicAttributes ListSubscriptionsByTopic", "CreateTopic Subscribe SetTopicAttributes"),
    "sqs": ("queueUrl", "ListQueues GetQueueAttributes ListQueueTags", "CreateQueue SetQueueAttributes PurgeQueue"),
    "ssm": (
        "name",
        "GetParameter GetParametersByPath DescribeParameters DescribeInstanceInformation ListDocuments",
        "PutParameter StartSession TerminateSession",
    ),
    "sts": ("", "GetCallerIdentity GetAccessKeyInfo", ""),
    "support": ("caseId", "DescribeCases DescribeTrustedAdvisorChecks DescribeCommunications", "CreateCase AddCommunicationToCase"),
}
"""Of each service: the request parameter that names a resource, reading and writing operations."""

_FAVOURITES = {
    "Engineering": "logs:8 ec2:6 s3:6 lambda:6 cloudformation:5 monitoring:4 dynamodb:4 ecs:4 iam:3 ecr:3 ssm:3 sqs:2 sns:2 secretsmanager:2 rds:2 sts:2 "
    "apigateway:2 elasticloadbalancing:2 codepipeline:2 codebuild:1 kms:1 q:1",
    "Data": "s3:8 athena:8 glue:8 sagemaker:6 redshift-data:3 logs:3 bedrock:3 lakeformation:2 iam:1 kms:1 ecr:1 sts:1 q:1",
    "Operations": "ec2:10 iam:6 ssm:6 logs:6 monitoring:6 config:4 eks:4 s3:4 cloudtrail:3 guardduty:3 securityhub:3 autoscaling:3 route53:3 rds:3 "
    "elasticloadbalancing:3 cloudformation:3 sts:3 organizations:2 kms:2 health:1",
    "Product": "monitoring:3 s3:3 logs:2 athena:2 bedrock:2 ce:2 q:1",
    "Research": "sagemaker:6 bedrock:6 s3:6 ec2:4 ecr:2 logs:2 athena:2 sts:1",
    "Business": "ce:6 budgets:3 organizations:2 support:2 s3:1",
}
"""How often each department calls a service."""

_DISABLED = {"Status": "Suspended"}
_OPEN_TO_ALL = {"items": [{"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}}]}
_INSIDE = {"items": [{"ipProtocol": "tcp", "fromPort": 5432, "toPort": 5432, "ipRanges": {"items": [{"cidrIp": "10.0.0.0/8"}]}}]}


def _write(service: str, name: str, subject: str, /, **parameters: object) -> Operation:
    return Operation(service, name, read=False, subject=subject, parameters=parameters)


_PUBLIC_INGRESS = _write("ec2", "AuthorizeSecurityGroupIngress", "groupId", ipPermissions=_OPEN_TO_ALL)
_INGRESS = _write("ec2", "AuthorizeSecurityGroupIngress", "groupId", ipPermissions=_INSIDE)
_ATTACH_POLICY = _write("iam", "AttachRolePolicy", "roleName", policyArn="arn:aws:iam::aws:policy/AdministratorAccess")
_BUCKET_POLICY = _write("s3", "PutBucketPolicy", "bucketName", bucketPolicy={"Version": "2012-10-17", "Statement": []})
_STOP_LOGGING = _write("cloudtrail", "StopLogging", "name")
_DETECTOR_OFF = _write("guardduty", "UpdateDetector", "detectorId", enable=False)
_ACCESS_KEY = _write("iam", "CreateAccessKey", "userName")

# Some of these count only under a condition that their parameters do not meet: versioning enabled, a detector left on.
_DELICATE: dict[str, tuple[Operation, ...]] = {
    "Engineering": (
        _INGRESS,
        _INGRESS,
        _write("ec2", "RevokeSecurityGroupIngress", "groupId"),
        _write("ec2", "ModifyInstanceAttribute", "instanceId", userData="<sensitiveDataRemoved>"),
        _write("ec2", "ModifyInstanceAttribute", "instanceId", disableApiTermination={"value": True}),
        _ATTACH_POLICY,
        _write("iam", "CreateRole", "roleName"),
        _write("iam", "PutRolePolicy", "roleName"),
        _BUCKET_POLICY,
        _write("s3", "PutBucketLifecycle", "bucketName"),
        _write("s3", "PutBucketVersioning", "bucketName", VersioningConfiguration={"Status": "Enabled"}),
    ),
    "Data": (
        _BUCKET_POLICY,
        _write("s3", "PutBucketVersioning", "bucketName", VersioningConfiguration=_DISABLED),
        _write("s3", "DeleteBucket", "bucketName"),
        _write("iam", "PutRolePolicy", "roleName"),
        _write("ec2", "ModifySnapshotAttribute", "snapshotId", attributeType="CREATE_VOLUME_PERMISSION"),
        _write("rds", "RestoreDBInstanceFromDBSnapshot", "dBInstanceIdentifier", publiclyAccessible=False),
    ),
    "Operations": (
        _INGRESS,
        _PUBLIC_INGRESS,
        _write("ec2", "AuthorizeSecurityGroupEgress", "groupId", ipPermissions=_INSIDE),
        _write("ec2", "CreateSecurityGroup", "groupName"),
        _write("ec2", "CreateRoute", "routeTableId"),
        _write("ec2", "CreateNetworkAclEntry", "networkAclId"),
        _write("ec2", "CreateVpc", "cidrBlock"),
        _write("ec2", "AttachInternetGateway", "internetGatewayId"),
        _write("iam", "CreatePolicyVersion", "policyArn"),
        _write("iam", "DetachRolePolicy", "roleName"),
        _write("iam", "UpdateAssumeRolePolicy", "roleName"),
        _ACCESS_KEY,
        _write("kms", "DisableKey", "keyId"),
        _write("kms", "ScheduleKeyDeletion", "keyId", pendingWindowInDays=30),
        _write("s3", "PutBucketReplication", "bucketName"),
        _write("s3", "PutBucketLogging", "bucketName", BucketLoggingStatus={"LoggingEnabled": {"TargetBucket": "acme-access-logs", "TargetPrefix": "access/"}}),
        _write("cloudtrail", "PutEventSelectors", "trailName"),
        _write("config", "PutConfigurationRecorder", "configurationRecorder"),
        _write("guardduty", "UpdateDetector", "detectorId", enable=True),
        _write("securityhub", "BatchUpdateFindings", "findingIdentifiers"),
        _write("ssm", "SendCommand", "documentName"),
        _write("sso", "CreateAccountAssignment", "principalId"),
    ),
}
"""Calls that security teams look at twice, by department."""


@cache
def operations(service: str) -> tuple[tuple[Operation, ...], tuple[Operation, ...]]:
    """The reading and the writing operations of a service; never empty, as whoever only reads reads where others write."""
    subject, reads, writes = _SERVICES[service]
    reading = tuple(Operation(service, name, read=True, subject=None if name.startswith("List") else subject or None) for name in reads.split())
    writing = tuple(Operation(service, name, read=False, subject=subject) for name in writes.split())
    return reading, writing or reading


@cache
def favourites(department: str) -> tuple[tuple[str, int], ...]:
    """The services that a department uses, and how often."""
    pairs = (word.split(":") for word in _FAVOURITES[department].split())
    return tuple((service, int(weight)) for service, weight in pairs)


def delicate(department: str) -> tuple[Operation, ...]:
    """What people of a department do that is looked at twice; empty where they only read."""
    return _DELICATE.get(department, ())


def operation(service: str, name: str) -> Operation:
    """An operation of the catalogue by its names; raises LookupError for one that is not in it."""
    reading, writing = operations(service)
    for found in (*reading, *writing):
        if found.name == name:
            return found
    raise LookupError(f"{service}:{name} is not in the catalogue")


ATTACK = (
    _STOP_LOGGING,
    _write("iam", "PutUserPolicy", "userName"),
    _ACCESS_KEY,
    _write("iam", "CreateLoginProfile", "userName"),
    _PUBLIC_INGRESS,
    _PUBLIC_INGRESS,
    _ATTACH_POLICY,
    _DETECTOR_OFF,
    _write("ec2", "DeleteFlowLogs", "flowLogIds"),
    _write(
        "ec2",
        "ModifySnapshotAttribute",
        "snapshotId",
        attributeType="CREATE_VOLUME_PERMISSION",
        createVolumePermission={"add": {"items": [{"group": "all"}]}},
    ),
    _BUCKET_POLICY,
    _write("s3", "PutBucketVersioning", "bucketName", VersioningConfiguration=_DISABLED),
    _write("s3", "PutBucketLogging", "bucketName", BucketLoggingStatus={}),
    _write("organizations", "LeaveOrganization", "accountId"),
)
"""What somebody does with stolen credentials, in this order."""
