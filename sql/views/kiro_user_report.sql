-- Kiro's user_report, one row as exported, columns bound by the header of each file. Values that are none are NULL; rows without a date, person or
-- client are left out. The embedded engine offers a relation of the same name and columns.
-- Partitions are chosen by the day of the path, rows by their own Date: the path of a report carries its day or the day after.
CREATE OR REPLACE VIEW kiro_user_report AS
WITH cells AS (
    SELECT
        account,
        region,
        CAST(date_parse(day, '%Y/%m/%d') AS date) AS path_day,
        "$path" AS path,
        CAST("$file_modified_time" AS varchar) AS modified,
        -- The leading comma keeps an empty first cell; 65279 is the byte order mark.
        transform(
            regexp_extract_all(concat(',', replace(replace(line, chr(13), ''), chr(65279), '')), ',("(?:[^"]|"")*"|[^,]*)', 1),
            x -> trim(CASE WHEN x LIKE '"%' THEN replace(substr(x, 2, length(x) - 2), '""', '"') ELSE x END)
        ) AS f
    FROM kiro_user_report_lines
    WHERE "$path" LIKE '%.csv'
),
marked AS (
    SELECT *, CASE WHEN contains(transform(f, x -> lower(x)), 'userid') THEN transform(f, x -> lower(x)) END AS header
    FROM cells
),
-- Partitioned by path_day too, or a condition on the day would not get below this, to the partitions.
headed AS (
    SELECT *, max(header) OVER (PARTITION BY path_day, account, region, path) AS names
    FROM marked
),
valued AS (
    SELECT
        *,
        transform(f, x -> CASE WHEN lower(x) NOT IN ('', 'none') THEN x END) AS texts,
        transform(f, x -> CASE WHEN try_cast(x AS decimal(38, 18)) BETWEEN 0 AND 1000000000000000 THEN try_cast(x AS decimal(38, 18)) END) AS amounts
    FROM headed
    WHERE header IS NULL AND cardinality(f) = cardinality(names) AND cardinality(array_distinct(names)) = cardinality(names)
),
bound AS (
    SELECT
        account,
        region,
        path_day,
        path,
        modified,
        names,
        map(names, texts) AS m,
        map(names, amounts) AS n,
        map(names, transform(amounts, x -> CASE WHEN x = floor(x) THEN CAST(x AS bigint) END)) AS c
    FROM valued
),
placed AS (
    SELECT *, path_day AS day FROM bound
    UNION ALL
    SELECT *, CAST(date_add('day', -1, path_day) AS date) AS day FROM bound
),
named AS (
    SELECT
        *,
        CASE
            WHEN regexp_like(element_at(m, 'date'), '^\d{4}-\d{2}-\d{2}$') THEN try_cast(element_at(m, 'date') AS date)
            WHEN regexp_like(element_at(m, 'date'), '^\d{2}-\d{2}-\d{4}$')
                THEN try_cast(concat(substr(element_at(m, 'date'), 7, 4), '-', substr(element_at(m, 'date'), 1, 5)) AS date)
        END AS reported_day,
        regexp_extract(path, '_user_report_(?:part_\d+_)?(\d{12})', 1) AS stamp,
        filter(names, k -> regexp_like(k, '^.{1,99}_messages$') AND k NOT IN ('total_messages', 'chat_messages') AND coalesce(element_at(c, k), 0) > 0) AS model_columns
    FROM placed
)
SELECT
    path,
    account,
    region,
    CASE
        WHEN length(stamp) = 12
            THEN concat(substr(stamp, 1, 4), '-', substr(stamp, 5, 2), '-', substr(stamp, 7, 2), 'T', substr(stamp, 9, 2), ':', substr(stamp, 11, 2), ':00.000000Z')
        ELSE concat(CAST(path_day AS varchar), 'T00:00:00.000000Z')
    END AS exported,
    modified,
    -- Athena does not know the number of a line.
    CAST(NULL AS bigint) AS line,
    day,
    element_at(m, 'userid') AS userid,
    upper(element_at(m, 'client_type')) AS client_type,
    element_at(c, 'chat_conversations') AS chat_conversations,
    element_at(n, 'credits_used') AS credits_used,
    element_at(n, 'overage_cap') AS overage_cap,
    element_at(n, 'overage_credits_used') AS overage_credits_used,
    CASE lower(element_at(m, 'overage_enabled')) WHEN 'true' THEN true WHEN 'false' THEN false END AS overage_enabled,
    element_at(m, 'profileid') AS profileid,
    element_at(m, 'subscription_tier') AS subscription_tier,
    element_at(c, 'total_messages') AS total_messages,
    CASE lower(element_at(m, 'new_user')) WHEN 'true' THEN true WHEN 'false' THEN false END AS new_user,
    element_at(m, 'user_email') AS user_email,
    element_at(n, 'usage_limit') AS usage_limit,
    map(transform(model_columns, k -> substr(k, 1, length(k) - 9)), transform(model_columns, k -> element_at(c, k))) AS models
FROM named
WHERE
    day = reported_day
    AND length(element_at(m, 'userid')) BETWEEN 1 AND 256
    AND regexp_like(upper(element_at(m, 'client_type')), '^[A-Z][A-Z0-9_]{0,63}$')
