-- Cost Explorer: cost by day, account, service, charge and the one identity that an answer names, as the source has put them together from its answers.
-- The API groups by two things at a time and knows neither users nor resources, so a row has no more than this.
SELECT
    day,
    account,
    CAST(NULL AS varchar) AS region,
    service,
    charge,
    currency,
    shared,
    CAST(NULL AS varchar) AS user_identifier,
    CAST(NULL AS varchar) AS iam_principal,
    CAST(NULL AS varchar) AS identity_store_user,
    owner_tags,
    created_by_tag,
    CAST(NULL AS varchar) AS creator,
    CAST(NULL AS varchar) AS component,
    CAST(NULL AS varchar) AS tier,
    CAST(NULL AS varchar) AS resource,
    CAST(sum(cost) AS decimal(38, 12)) AS cost,
    CAST(NULL AS decimal(38, 12)) AS quantity,
    CAST(sum(lines) AS bigint) AS lines
FROM cost_explorer
GROUP BY day, account, service, charge, currency, shared, owner_tags, created_by_tag
