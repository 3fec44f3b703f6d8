-- Kiro features: the counters of the by_user_analytic report that are not zero, by person, account and region.
-- A row whose counter is NULL says that the person stands in that day's report. Parameters: first and last day.
WITH spelled AS (
    SELECT *, regexp_replace(lower(trim(userid)), '^d-[0-9a-z]{10}\.', '') AS id
    FROM kiro_by_user_analytic
    WHERE day BETWEEN ? AND ?
),
named AS (
    SELECT
        *,
        coalesce(nullif(regexp_extract(id, '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'), ''), id) AS identity
    FROM spelled
),
-- The same day is exported again, also under the folder of the product's older name: the latest export wins.
ranked AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY day, identity, account, region
            ORDER BY exported DESC, modified DESC, path DESC
        ) AS export_rank
    FROM named
),
newest AS (
    SELECT * FROM ranked WHERE export_rank = 1
)
SELECT day, identity, account, region, CAST(NULL AS varchar) AS counter, CAST(0 AS bigint) AS value
FROM newest
UNION ALL
SELECT day, identity, account, region, counter, element_at(counters, counter) AS value
FROM newest
CROSS JOIN UNNEST(map_keys(counters)) AS counted (counter)
