-- Kiro's by_user_analytic without its repetitions: one row a person, account, region and day, the newest export of each. `userid` is the UUID of the person
-- in IAM Identity Center, however the report spells it; `username` comes from user_mapping, else it is the id.
-- Name days in the condition (day BETWEEN …): without them every report that there is will be read.
CREATE OR REPLACE VIEW kiro_features_daily AS
WITH spelled AS (
    SELECT *, regexp_replace(lower(trim(userid)), '^d-[0-9a-z]{10}\.', '') AS id
    FROM kiro_by_user_analytic
),
named AS (
    SELECT
        *,
        coalesce(nullif(regexp_extract(id, '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'), ''), id) AS person
    FROM spelled
),
-- The same day is exported again, also under the folder of the product's older name: the latest export wins.
ranked AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY day, person, account, region
            ORDER BY exported DESC, modified DESC, path DESC
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
    coalesce(mapped_name, person) AS username,
    mapped_team AS team,
    account,
    region,
    counters
FROM ranked
LEFT JOIN mapped ON mapped_person = person
WHERE export_rank = 1
