-- CloudTrail: what each principal did a day, by access, service, region, account and category of sensitive events, which names go with which id, and which
-- resources people created.
-- Parameters, in the order in which they stand here: first and last delivery day of the partitions (text, yyyy/mm/dd: the days below and the day after
-- them), 'Data' to count data events too or 'Management' not to, first and last day, pattern of the names of IAM users that are programs (twice),
-- pattern of the identity providers whose users are people, pattern of the role sessions that are people. Patterns are regular expressions.
-- Humans alone keep their identity: nobody's session names, a hundred thousand a day, must not leave the engine.
-- Events that create what a bill can name, and the field of their answer (of the request, for buckets) that holds its id: a regular expression.
WITH creating (event_source, event_name, id_field) AS (
    VALUES
        ('bedrock.amazonaws.com', 'CreateProvisionedModelThroughput', 'provisionedModelArn'),
        ('dynamodb.amazonaws.com', 'CreateTable', 'tableArn'),
        ('ec2.amazonaws.com', 'CreateNatGateway', 'natGatewayId'),
        ('ec2.amazonaws.com', 'CreateSnapshot', 'snapshotId'),
        ('ec2.amazonaws.com', 'CreateTransitGateway', 'transitGatewayId'),
        ('ec2.amazonaws.com', 'CreateVolume', 'volumeId'),
        ('ec2.amazonaws.com', 'CreateVpcEndpoint', 'vpcEndpointId'),
        ('ec2.amazonaws.com', 'CreateVpnConnection', 'vpnConnectionId'),
        ('ec2.amazonaws.com', 'RunInstances', 'instanceId'),
        ('ecr.amazonaws.com', 'CreateRepository', 'repositoryArn'),
        ('ecs.amazonaws.com', 'CreateService', 'serviceArn'),
        ('ecs.amazonaws.com', 'RunTask', 'taskArn'),
        ('eks.amazonaws.com', 'CreateCluster', 'arn'),
        ('elasticache.amazonaws.com', 'CreateCacheCluster', '[aA][rR][nN]'),
        ('elasticfilesystem.amazonaws.com', 'CreateFileSystem', 'fileSystemArn'),
        ('elasticloadbalancing.amazonaws.com', 'CreateLoadBalancer', 'loadBalancerArn'),
        ('elasticmapreduce.amazonaws.com', 'RunJobFlow', 'clusterArn'),
        ('fsx.amazonaws.com', 'CreateFileSystem', 'resourceARN'),
        ('kafka.amazonaws.com', 'CreateCluster', 'clusterArn'),
        ('kafka.amazonaws.com', 'CreateClusterV2', 'clusterArn'),
        ('kms.amazonaws.com', 'CreateKey', 'arn'),
        ('lambda.amazonaws.com', 'CreateFunction20150331', 'functionArn'),
        ('rds.amazonaws.com', 'CreateDBCluster', 'dBClusterArn'),
        ('rds.amazonaws.com', 'CreateDBInstance', 'dBInstanceArn'),
        ('s3.amazonaws.com', 'CreateBucket', 'bucketName'),
        ('sagemaker.amazonaws.com', 'CreateEndpoint', 'endpointArn'),
        ('sagemaker.amazonaws.com', 'CreateNotebookInstance', 'notebookInstanceArn'),
        ('sagemaker.amazonaws.com', 'CreateTrainingJob', 'trainingJobArn'),
        ('secretsmanager.amazonaws.com', 'CreateSecret', '[aA][rR][nN]'),
        ('sns.amazonaws.com', 'CreateTopic', 'topicArn'),
        ('states.amazonaws.com', 'CreateStateMachine', 'stateMachineArn')
),
recorded AS (
    SELECT
        -- The same action seen by two accounts carries one shared id; an event that is delivered again with more data names the first one.
        coalesce(sharedeventid, addendum.originaleventid, eventid) AS occurrence,
        eventtime,
        eventsource,
        eventname,
        eventtype,
        errorcode,
        coalesce(recipientaccountid, useridentity.accountid, 'unknown') AS account,
        coalesce(awsregion, 'unknown') AS region,
        CASE readonly WHEN 'true' THEN 'read' WHEN 'false' THEN 'write' ELSE 'unknown' END AS access,
        requestparameters,
        responseelements,
        additionaleventdata,
        useridentity.type AS type,
        nullif(lower(trim(useridentity.onbehalfof.userid)), '') AS user_id,
        -- The session of a role, or the name with which somebody signed in to the portal of Identity Center or came from there into an account: user names all.
        nullif(lower(trim(CASE
            WHEN useridentity.type = 'AssumedRole' THEN split_part(useridentity.principalid, ':', 2)
            WHEN useridentity.type IN ('IdentityCenterUser', 'Unknown') AND additionaleventdata NOT LIKE '%HIDDEN_DUE_TO_SECURITY_REASONS%'
                THEN try(json_extract_scalar(additionaleventdata, '$.UserName'))
            -- Only where it was granted: what a refused request names is anybody's invention.
            WHEN useridentity.type = 'SAMLUser' AND eventsource = 'sts.amazonaws.com' AND eventname = 'AssumeRoleWithSAML' AND errorcode IS NULL
                AND (
                    try(json_extract_scalar(requestparameters, '$.roleArn')) LIKE '%/AWSReservedSSO!_%' ESCAPE '!'
                    OR try(json_extract_scalar(requestparameters, '$.principalArn')) LIKE '%:saml-provider/AWSSSO!_%!_DO!_NOT!_DELETE' ESCAPE '!'
                )
                THEN coalesce(try(json_extract_scalar(requestparameters, '$.roleSessionName')), useridentity.username)
        END)), '') AS session,
        CASE WHEN useridentity.type IN ('AssumedRole', 'Role')
            THEN coalesce(
                useridentity.sessioncontext.sessionissuer.username,
                nullif(regexp_extract(useridentity.arn, ':assumed-role/([^/]+)/', 1), ''),
                useridentity.username
            )
        END AS role,
        useridentity.invokedby AS invoked_by,
        useridentity.accountid AS principal_account,
        useridentity.sessioncontext.sessionissuer.type AS issuer_type,
        useridentity.sessioncontext.sessionissuer.arn AS issuer_arn,
        nullif(lower(trim(useridentity.sessioncontext.sourceidentity)), '') AS source_identity,
        useridentity.sessioncontext.ec2roledelivery IS NOT NULL OR useridentity.inscopeof.issuertype IS NOT NULL AS for_compute,
        coalesce(useridentity.identityprovider, useridentity.sessioncontext.webidfederationdata.federatedprovider) AS provider,
        -- Who a name of IAM stands for: of a federated session, the IAM user that handed it out.
        nullif(lower(trim(CASE
            WHEN useridentity.type = 'FederatedUser' THEN useridentity.sessioncontext.sessionissuer.username
            WHEN useridentity.type IN ('IAMUser', 'SAMLUser', 'WebIdentityUser') AND useridentity.username NOT LIKE 'HIDDEN_DUE_TO_SECURITY_REASONS%'
                THEN useridentity.username
        END)), '') AS name,
        CASE useridentity.type
            WHEN 'FederatedUser' THEN useridentity.sessioncontext.sessionissuer.arn
            WHEN 'IAMUser' THEN useridentity.arn
        END AS name_arn
    FROM cloudtrail
    WHERE
        delivered BETWEEN ? AND ?
        AND coalesce(eventcategory, 'Management') IN ('Management', ?)
        AND substr(eventtime, 1, 10) BETWEEN CAST(? AS varchar) AND CAST(? AS varchar)
        -- One time that is none would fail the whole day.
        AND eventtime LIKE '____-__-__T__:__:__Z'
        AND try_cast(substr(eventtime, 12, 8) AS time) IS NOT NULL
),
compared AS (
    SELECT
        *,
        coalesce(regexp_like(coalesce(source_identity, name), ?) OR regexp_like(name_arn, ?), false) AS named_as_program,
        coalesce(regexp_like(provider, ?), false) AS provider_of_people,
        coalesce(regexp_like(session, ?), false) AS session_of_person,
        coalesce(role LIKE 'AWSReservedSSO!_%' ESCAPE '!' AND session IS NOT NULL, false) AS identity_center_role
    FROM recorded
),
-- The first rule that matches. Tens are the rule: they also rank the copies of a shared event, as the account of the caller knows more of them than the one
-- called. Units tell its outcomes apart.
ruled AS (
    SELECT
        *,
        CASE
            WHEN user_id IS NOT NULL THEN 10
            WHEN type IN ('IdentityCenterUser', 'Unknown') AND session IS NOT NULL THEN 20
            WHEN type IS NULL OR type = 'AWSService' THEN 30
            -- What people do at the portal is written as an event of the service; without a name it is nobody's, but no program's.
            WHEN eventtype = 'AwsServiceEvent' AND type <> 'IdentityCenterUser' AND (type <> 'Unknown' OR eventsource <> 'signin.amazonaws.com') THEN 30
            WHEN type = 'Root' THEN CASE WHEN invoked_by IS NULL THEN 40 ELSE 41 END
            WHEN identity_center_role THEN 50
            WHEN source_identity IS NOT NULL AND NOT named_as_program THEN 60
            WHEN type = 'SAMLUser' AND session IS NOT NULL THEN 71
            WHEN type IN ('SAMLUser', 'WebIdentityUser') AND provider_of_people AND name IS NOT NULL THEN 70
            WHEN type = 'FederatedUser' THEN CASE WHEN issuer_type = 'Root' THEN 83 WHEN name IS NULL THEN 82 WHEN named_as_program THEN 81 ELSE 80 END
            WHEN
                for_compute
                OR source_identity IS NOT NULL
                OR issuer_arn LIKE '%/aws-service-role/%'
                OR role LIKE 'AWSServiceRoleFor%'
                OR provider LIKE '%oidc.eks.%'
                OR provider LIKE '%token.actions.githubusercontent.com'
                -- Instances, tasks of ECS, and the names that SDKs and services give to sessions which nobody has named.
                OR regexp_like(
                    session,
                    '^(i-[0-9a-f]{8,17}|[0-9a-f]{32}|awscodebuild-.*|awscloudformation|botocore-session-.*|aws-sdk-.*-session-.*|aws-go-sdk-.*|githubactions|eks-.*)$'
                )
                THEN 90
            WHEN type = 'AssumedRole' AND session_of_person THEN 100
            WHEN type = 'IAMUser' AND name IS NOT NULL THEN CASE WHEN named_as_program THEN 111 ELSE 110 END
            WHEN type = 'AWSAccount' OR principal_account <> account THEN 120
            ELSE 130
        END AS rule
    FROM compared
),
-- Conditions of sensitive_events, by name. Only events of the list come to them.
judged AS (
    SELECT
        occurrence,
        rule,
        CASE
            -- Older identity stores put ten hex digits before the UUID; the UUID alone is the same everywhere.
            WHEN rule = 10 THEN coalesce(nullif(regexp_extract(user_id, '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'), ''), user_id)
            WHEN rule IN (20, 50, 71, 100) THEN session
            WHEN rule = 60 THEN source_identity
            WHEN rule = 70 AND name LIKE '%@%' THEN name
            -- A user name means somebody else in every account.
            WHEN rule IN (70, 80, 110) THEN concat(name, '@', coalesce(principal_account, account))
        END AS identity,
        substr(eventtime, 1, 10) AS day,
        substr(eventtime, 12, 8) AS time,
        access,
        lower(split_part(eventsource, '.', 1)) AS service,
        region,
        account,
        CASE WHEN rule = 10 AND (identity_center_role OR session_of_person) THEN session END AS link,
        -- As the answer spells it, whoever else it names.
        CASE WHEN id_field IS NOT NULL AND errorcode IS NULL AND rule IN (10, 20, 50, 60, 70, 71, 80, 100, 110)
            THEN nullif(array_join(regexp_extract_all(
                CASE WHEN id_field = 'bucketName' THEN requestparameters ELSE responseelements END, concat('"', id_field, '"\s*:\s*"([^"\\]+)"'), 1
            ), chr(31)), '')
        END AS created,
        CASE WHEN errorcode LIKE 'AccessDenied%' OR errorcode LIKE '%UnauthorizedOperation' THEN 1 ELSE 0 END AS denied,
        CASE
            WHEN
                CASE listed.condition
                    WHEN 'always' THEN true
                    WHEN 'by_root' THEN rule IN (40, 83)
                    WHEN 'console_failed'
                        THEN errorcode IS NOT NULL OR coalesce(try(json_extract_scalar(responseelements, '$.ConsoleLogin')), '') <> 'Success'
                    WHEN 'console_without_mfa'
                        THEN coalesce(try(json_extract_scalar(additionaleventdata, '$.MFAUsed')), 'No') <> 'Yes'
                            AND try(json_extract_scalar(additionaleventdata, '$.SamlProviderArn')) IS NULL
                            AND NOT identity_center_role
                    WHEN 'detector_disabled' THEN try(json_extract_scalar(requestparameters, '$.enable')) = 'false'
                    WHEN 'logging_disabled' THEN try(json_extract_scalar(requestparameters, '$.BucketLoggingStatus.LoggingEnabled.TargetBucket')) IS NULL
                    WHEN 'made_public'
                        THEN regexp_like(requestparameters, '"add"\s*:\s*\{\s*"items"\s*:\s*\[[^\]]*"group"\s*:\s*"all"|"valuesToAdd"\s*:\s*\[[^\]]*"all"')
                    WHEN 'publicly_accessible'
                        THEN coalesce(
                            try(json_extract_scalar(requestparameters, '$.publiclyAccessible')), try(json_extract_scalar(responseelements, '$.publiclyAccessible'))
                        ) = 'true'
                    WHEN 'user_data_changed' THEN regexp_like(requestparameters, '"userData"\s*:')
                    WHEN 'versioning_suspended' THEN try(json_extract_scalar(requestparameters, '$.VersioningConfiguration.Status')) = 'Suspended'
                    WHEN 'visibility_public' THEN try(json_extract_scalar(requestparameters, '$.projectVisibility')) = 'PUBLIC_READ'
                END
                THEN listed.category
            ELSE any_event.category
        END AS category
    FROM ruled
    LEFT JOIN sensitive_events AS listed ON listed.event_source = eventsource AND listed.event_name = eventname
    LEFT JOIN creating ON creating.event_source = eventsource AND creating.event_name = eventname
    LEFT JOIN sensitive_events AS any_event ON any_event.event_name = CASE WHEN rule IN (40, 83) THEN '*' END AND any_event.condition = 'by_root'
),
-- One copy of each event over all accounts and deliveries, and one category of it.
ranked AS (
    SELECT *, row_number() OVER (PARTITION BY occurrence ORDER BY rule, account, category NULLS LAST, time, denied) AS copy_rank
    FROM judged
),
-- Summed once here, so that the seven groupings below have little left to do.
counted AS (
    SELECT
        day,
        rule,
        identity,
        access,
        service,
        region,
        account,
        category,
        link,
        created,
        count(*) AS events,
        sum(denied) AS denied,
        count(category) AS sensitive,
        min(time) AS first_time,
        max(time) AS last_time
    FROM ranked
    WHERE copy_rank = 1
    GROUP BY day, rule, identity, access, service, region, account, category, link, created
),
named AS (
    SELECT
        *,
        CASE
            WHEN rule IN (10, 20, 50, 60, 70, 71, 80, 100, 110) THEN 'human'
            WHEN rule IN (30, 41, 81, 90, 111) THEN 'service'
            WHEN rule IN (40, 83) THEN 'root'
            WHEN rule = 120 THEN 'external'
            ELSE 'unknown'
        END AS kind,
        CASE
            WHEN rule = 10 THEN 'user_id'
            WHEN rule IN (20, 50, 71) THEN 'session'
            WHEN rule = 60 THEN 'source_identity'
            WHEN rule = 70 THEN 'federated'
            WHEN rule IN (80, 110) THEN 'iam_user'
            WHEN rule = 100 THEN 'session_name'
        END AS identity_kind
    FROM counted
),
summed AS (
    SELECT
        CAST(day AS date) AS day,
        kind,
        identity_kind,
        identity,
        CASE
            WHEN grouping(access) = 0 THEN 'access'
            WHEN grouping(service) = 0 THEN 'service'
            WHEN grouping(region) = 0 THEN 'region'
            WHEN grouping(account) = 0 THEN 'account'
            WHEN grouping(category) = 0 THEN 'category'
            WHEN grouping(link) = 0 THEN 'link'
            ELSE 'created'
        END AS dimension,
        coalesce(access, service, region, account, category, link, created) AS value,
        CAST(sum(events) AS bigint) AS events,
        CAST(sum(denied) AS bigint) AS denied,
        CAST(sum(sensitive) AS bigint) AS sensitive,
        CAST(to_unixtime(from_iso8601_timestamp(concat(day, 'T', min(first_time), 'Z'))) AS bigint) AS first_event,
        CAST(to_unixtime(from_iso8601_timestamp(concat(day, 'T', max(last_time), 'Z'))) AS bigint) AS last_event
    FROM named
    GROUP BY GROUPING SETS (
        (day, kind, identity_kind, identity, access),
        (day, kind, identity_kind, identity, service),
        (day, kind, identity_kind, identity, region),
        (day, kind, identity_kind, identity, account),
        (day, kind, identity_kind, identity, category),
        (day, kind, identity_kind, identity, link),
        (day, kind, identity_kind, identity, created)
    )
)
-- Without a value: events that are not sensitive, and those that link or create nothing. An event can create several resources.
SELECT day, kind, identity_kind, identity, dimension, single.of_value AS value, events, denied, sensitive, first_event, last_event
FROM summed
CROSS JOIN UNNEST(CASE WHEN dimension = 'created' THEN split(value, chr(31)) ELSE ARRAY[value] END) AS single (of_value)
WHERE value IS NOT NULL
