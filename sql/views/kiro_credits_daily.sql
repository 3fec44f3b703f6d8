-- Kiro's user_report without its repetitions: one row a person, client, account, region and day, the newest export of each. `userid` is the UUID of the
-- person in IAM Identity Center, however the report spells it; `username` comes from user_mapping, else the mail of the report, else the id.
-- Name days in the condition (day BETWEEN …): without them every report that there is will be read.
CREATE OR REPLACE VIEW kiro_credits_daily AS
WITH spelled AS (
    SELECT
        *,
        regexp_replace(lower(trim(userid)), '^d-[0-9a-z]{10}\.', '') AS id,
        lower(replace(replace(replace(subscription_tier, '_', ''), '-', ''), ' ', '')) AS plan
    FROM kiro_user_report
),
named AS (
    SELECT
        *,
        -- Older identity stores put ten hex digits before the UUID; the UUID alone is the same in every report.
        coalesce(nullif(regexp_extract(id, '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'), ''), id) AS person,
        CASE plan WHEN 'proplus' THEN 'pro_plus' WHEN 'promax' THEN 'pro_max' ELSE nullif(plan, '') END AS tier
    FROM spelled
),
-- The same day is exported again, sometimes under another name: the latest export wins. Two profiles (accounts, regions) of one person add up.
ranked AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY day, person, client_type, account, region
            ORDER BY exported DESC, modified DESC, path DESC, total_messages DESC, credits_used DESC
        ) AS export_rank
    FROM named
),
-- One name a person, also where a directory lists an id twice.
mapped AS (
    SELECT
        coalesce(
            nullif(regexp_extract(lower(trim(userid)), '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'), ''), lower(trim(userid))
        ) AS mapped_person,
        min(nullif(trim(replace(username, chr(13), '')), '')) AS mapped_name,
        min(nullif(trim(replace(team, chr(13), '')), '')) AS mapped_team
    FROM user_mapping
    GROUP BY 1
)
SELECT
    day,
    person AS userid,
    coalesce(mapped_name, nullif(lower(trim(user_email)), ''), person) AS username,
    mapped_team AS team,
    client_type,
    account,
    region,
    profileid,
    tier AS subscription_tier,
    coalesce(chat_conversations, 0) AS chat_conversations,
    coalesce(total_messages, 0) AS total_messages,
    coalesce(credits_used, 0) AS credits_used,
    coalesce(overage_credits_used, 0) AS overage_credits_used,
    overage_cap,
    overage_enabled,
    usage_limit,
    coalesce(new_user, false) AS new_user,
    models
FROM ranked
LEFT JOIN mapped ON mapped_person = person
WHERE export_rank = 1
