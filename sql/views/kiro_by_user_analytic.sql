-- Kiro's by_user_analytic, one row as exported, columns bound by the header of each file: the known counters that are not zero, by lower-case column name.
-- Rows without a date or person are left out. The embedded engine offers a relation of the same name and columns.
-- Partitions are chosen by the day of the path, rows by their own Date: the path of a report carries its day or the day after.
CREATE OR REPLACE VIEW kiro_by_user_analytic AS
WITH cells AS (
    SELECT
        account,
        writer,
        region,
        CAST(date_parse(day, '%Y/%m/%d') AS date) AS path_day,
        "$path" AS path,
        CAST("$file_modified_time" AS varchar) AS modified,
        -- The leading comma keeps an empty first cell; 65279 is the byte order mark. What cannot be seen is left out of cells, within them and around.
        transform(
            regexp_extract_all(concat(',', replace(replace(line, chr(13), ''), chr(65279), '')), ',("(?:[^"]|"")*"|[^,]*)', 1),
            x -> regexp_replace(
                regexp_replace(
                    CASE WHEN x LIKE '"%' THEN replace(substr(x, 2, length(x) - 2), '""', '"') ELSE x END,
                    '[\p{Cc}\x{200b}\x{2028}\x{2029}]+',
                    ''
                ),
                '^\p{Z}+|\p{Z}+$',
                ''
            )
        ) AS f
    FROM kiro_by_user_analytic_lines
    -- A line that is not UTF-8 does not come back as it was.
    WHERE "$path" LIKE '%.csv' AND from_utf8(to_utf8(line)) = line
),
spelled AS (
    SELECT *, transform(f, x -> lower(regexp_replace(x, '^[ "''\x{a0}]+|[ "''\x{a0}]+$', ''))) AS s
    FROM cells
),
marked AS (
    SELECT
        *,
        -- A column without a name goes by its number: there may be several.
        CASE WHEN contains(s, 'userid')
            THEN transform(sequence(1, cardinality(s)), i -> CASE WHEN element_at(s, i) = '' THEN CAST(i AS varchar) ELSE element_at(s, i) END)
        END AS header
    FROM spelled
),
-- Partitioned by path_day too, or a condition on the day would not get below this, to the partitions.
headed AS (
    SELECT *, max(header) OVER (PARTITION BY path_day, account, writer, region, path) AS names
    FROM marked
),
valued AS (
    SELECT
        *,
        transform(f, x -> CASE WHEN lower(x) NOT IN ('', 'none') THEN x END) AS texts,
        transform(
            f,
            x -> CASE
                WHEN
                    regexp_like(x, '^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$')
                    AND try_cast(regexp_replace(x, '\.$', '') AS decimal(38, 18)) BETWEEN 0 AND 1000000000000000
                    THEN try_cast(regexp_replace(x, '\.$', '') AS decimal(38, 18))
            END
        ) AS amounts
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
        map(names, s) AS w,
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
            WHEN regexp_like(element_at(w, 'date'), '^[0-9]{4}-[0-9]{2}-[0-9]{2}$') THEN try_cast(element_at(w, 'date') AS date)
            WHEN regexp_like(element_at(w, 'date'), '^[0-9]{2}-[0-9]{2}-[0-9]{4}$')
                THEN try_cast(concat(substr(element_at(w, 'date'), 7, 4), '-', substr(element_at(w, 'date'), 1, 5)) AS date)
        END AS reported_day,
        regexp_replace(element_at(m, 'userid'), '^[ "''\x{a0}]+|[ "''\x{a0}]+$', '') AS userid,
        regexp_extract(path, '_by_user_analytic_(?:part_\d+_)?(\d{12})', 1) AS stamp,
        filter(
            names,
            -- The documentation calls inlinechat_totaleventcount inlinechat_eventcount; both mean the same.
            k -> (k = 'inlinechat_eventcount' AND NOT contains(names, 'inlinechat_totaleventcount') OR k IN (
                'chat_aicodelines', 'chat_messagesinteracted', 'chat_messagessent',
                'codefix_acceptanceeventcount', 'codefix_acceptedlines', 'codefix_generatedlines', 'codefix_generationeventcount',
                'codereview_failedeventcount', 'codereview_findingscount', 'codereview_succeededeventcount',
                'dev_acceptanceeventcount', 'dev_acceptedlines', 'dev_generatedlines', 'dev_generationeventcount',
                'docgeneration_acceptedfileupdates', 'docgeneration_acceptedfilescreations', 'docgeneration_acceptedlineadditions',
                'docgeneration_acceptedlineupdates', 'docgeneration_eventcount', 'docgeneration_rejectedfilecreations',
                'docgeneration_rejectedfileupdates', 'docgeneration_rejectedlineadditions', 'docgeneration_rejectedlineupdates',
                'inlinechat_acceptanceeventcount', 'inlinechat_acceptedlineadditions', 'inlinechat_acceptedlinedeletions',
                'inlinechat_dismissaleventcount', 'inlinechat_dismissedlineadditions', 'inlinechat_dismissedlinedeletions',
                'inlinechat_rejectedlineadditions', 'inlinechat_rejectedlinedeletions', 'inlinechat_rejectioneventcount', 'inlinechat_totaleventcount',
                'inline_aicodelines', 'inline_acceptancecount', 'inline_suggestionscount',
                'testgeneration_acceptedlines', 'testgeneration_acceptedtests', 'testgeneration_eventcount', 'testgeneration_generatedlines',
                'testgeneration_generatedtests',
                'transformation_eventcount', 'transformation_linesgenerated', 'transformation_linesingested'
            ))
        ) AS known_columns
    FROM placed
),
counted AS (
    SELECT *, filter(known_columns, k -> coalesce(element_at(c, k), 0) > 0) AS counter_columns
    FROM named
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
    userid,
    map(
        transform(counter_columns, k -> CASE k WHEN 'inlinechat_eventcount' THEN 'inlinechat_totaleventcount' ELSE k END),
        transform(counter_columns, k -> element_at(c, k))
    ) AS counters
FROM counted
WHERE day = reported_day AND length(userid) BETWEEN 1 AND 256 AND lower(userid) <> 'none' AND cardinality(known_columns) > 0
