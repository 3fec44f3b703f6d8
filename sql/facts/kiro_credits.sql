-- Kiro credits: what each person consumed a day, by client, account and region of the profile (model is NULL),
-- and the messages that each model handled (model is set, the other measures are NULL).
-- Parameters: first and last day.
WITH spelled AS (
    SELECT
        *,
        regexp_replace(lower(trim(userid)), '^d-[0-9a-z]{10}\.', '') AS id,
        lower(replace(replace(replace(subscription_tier, '_', ''), '-', ''), ' ', '')) AS plan
    FROM kiro_user_report
    WHERE day BETWEEN ? AND ?
),
named AS (
    SELECT
        *,
        -- Older identity stores put ten hex digits before the UUID; the UUID alone is the same in every report.
        coalesce(nullif(regexp_extract(id, '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'), ''), id) AS identity,
        CASE client_type WHEN 'KIRO_IDE' THEN 'ide' WHEN 'KIRO_CLI' THEN 'cli' WHEN 'PLUGIN' THEN 'plugin' ELSE lower(client_type) END AS client,
        CASE plan WHEN 'proplus' THEN 'pro_plus' WHEN 'promax' THEN 'pro_max' ELSE nullif(plan, '') END AS tier
    FROM spelled
),
-- The same day is exported again, sometimes under another name: the latest export wins. Two profiles (accounts, regions) of one person add up.
ranked AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY day, identity, client, account, region
            ORDER BY exported DESC, modified DESC, path DESC, total_messages DESC, credits_used DESC
        ) AS export_rank
    FROM named
),
newest AS (
    SELECT * FROM ranked WHERE export_rank = 1
)
SELECT
    day,
    identity,
    nullif(lower(trim(user_email)), '') AS mail,
    account,
    region,
    client,
    CAST(NULL AS varchar) AS model,
    tier,
    coalesce(credits_used, 0) AS credits,
    coalesce(overage_credits_used, 0) AS overage_credits,
    overage_cap,
    overage_enabled,
    usage_limit AS included_credits,
    coalesce(total_messages, 0) AS messages,
    coalesce(chat_conversations, 0) AS conversations,
    coalesce(new_user, false) AS new_user
FROM newest
UNION ALL
SELECT
    day,
    identity,
    CAST(NULL AS varchar) AS mail,
    account,
    region,
    client,
    model,
    CAST(NULL AS varchar) AS tier,
    CAST(NULL AS decimal(38, 18)) AS credits,
    CAST(NULL AS decimal(38, 18)) AS overage_credits,
    CAST(NULL AS decimal(38, 18)) AS overage_cap,
    CAST(NULL AS boolean) AS overage_enabled,
    CAST(NULL AS decimal(38, 18)) AS included_credits,
    element_at(models, model) AS messages,
    CAST(NULL AS bigint) AS conversations,
    CAST(NULL AS boolean) AS new_user
FROM newest
CROSS JOIN UNNEST(map_keys(models)) AS used (model)
