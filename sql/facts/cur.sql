-- What a bill says of a month: exact cost a day, by account, region, service, kind of charge and everything that could name a person; and, in rows that cost
-- nothing, the resources that were used, once a month for whom they could belong to.
-- Parameters: metric (amortized, unblended, net_amortized or net_unblended), first and last day of the month, keys of owner tags as the two maps of tags
-- spell them (one text, U+001F between them), month as the partition spells it (yyyy-mm).
-- What counts as the cost of a line follows AWS's own query `amortized_cost_by_charge_type`, the amortised cost of Cost Explorer:
-- https://catalog.workshops.aws/cur-query-library/en-US/queries/global
WITH asked AS (
    SELECT
        CAST(? AS varchar) AS metric,
        CAST(? AS date) AS month_first,
        CAST(? AS date) AS month_last,
        split(CAST(? AS varchar), chr(31)) AS owner_keys
),
creators AS (
    -- One a resource, whatever the table holds: a second one would double the cost. A function that was published as it was created is one version of it.
    SELECT coalesce(nullif(regexp_extract(resource, '^arn:[^:]*:lambda:[^:]*:[^:]*:function:[^:]+'), ''), resource) AS resource, min(creator) AS creator
    FROM resource_creators
    GROUP BY 1
),
kinds AS (
    SELECT
        cur.*,
        asked.*,
        lower(coalesce(line_item_operation, '')) AS operation,
        nullif(trim(line_item_resource_id), '') AS billed_resource,
        asked.metric IN ('amortized', 'net_amortized') AS amortized,
        asked.metric IN ('net_amortized', 'net_unblended') AS net,
        CASE
            WHEN line_item_line_item_type IN ('Usage', 'DiscountedUsage', 'SavingsPlanCoveredUsage') THEN 'usage'
            WHEN line_item_line_item_type IN ('RIFee', 'SavingsPlanRecurringFee', 'SavingsPlanUpfrontFee', 'SavingsPlanNegation') THEN 'commitment'
            WHEN line_item_line_item_type = 'Fee' AND coalesce(reservation_reservation_a_r_n, '') <> '' THEN 'commitment'
            WHEN line_item_line_item_type IN ('Fee', 'FlatRateSubscription') THEN 'subscription'
            WHEN line_item_line_item_type = 'Tax' THEN 'tax'
            WHEN line_item_line_item_type = 'Credit' THEN 'credit'
            WHEN line_item_line_item_type = 'Refund' THEN 'refund'
            WHEN line_item_line_item_type LIKE '%Discount' THEN 'discount'
            ELSE 'other'
        END AS charge,
        -- As CloudTrail spells a service, where the product code does not already after its prefix is taken away.
        CASE line_item_product_code
            WHEN 'AmazonCloudWatch' THEN 'monitoring'
            WHEN 'AmazonEFS' THEN 'elasticfilesystem'
            WHEN 'AmazonKinesisFirehose' THEN 'firehose'
            WHEN 'AmazonMSK' THEN 'kafka'
            WHEN 'AWSDeveloperSupport' THEN 'support'
            WHEN 'AWSELB' THEN 'elasticloadbalancing'
            WHEN 'AWSQueueService' THEN 'sqs'
            WHEN 'AWSSupportBusiness' THEN 'support'
            WHEN 'AWSSupportEnterprise' THEN 'support'
            WHEN 'OCBPremiumSupport' THEN 'support'
            ELSE
                coalesce(
                    -- Models of other makers are sold through the Marketplace, under codes that say nothing.
                    CASE
                        WHEN element_at(product, 'product_name') LIKE '%(Amazon Bedrock Edition)%' THEN 'bedrock'
                        WHEN regexp_like(line_item_product_code, '^[0-9a-z]{20,}$') THEN nullif(lower(trim(element_at(product, 'product_name'))), '')
                    END,
                    nullif(regexp_replace(lower(trim(line_item_product_code)), '^(amazon|aws)', ''), ''),
                    'unknown'
                )
        END AS service
    FROM cur
    CROSS JOIN asked
    WHERE billing_period = ?
),
-- The cost of a line is `cost`, and of the few that are what is left of something, `cost` less `less`.
priced AS (
    SELECT
        *,
        CASE
            WHEN NOT amortized AND net THEN coalesce(line_item_net_unblended_cost, line_item_unblended_cost)
            WHEN NOT amortized THEN line_item_unblended_cost
            -- Purchases and their negation, of which the usage that they cover and what they leave unused bear a part each.
            WHEN line_item_line_item_type IN ('SavingsPlanNegation', 'SavingsPlanUpfrontFee') THEN 0
            WHEN line_item_line_item_type = 'Fee' AND charge = 'commitment' THEN 0
            WHEN line_item_line_item_type = 'SavingsPlanCoveredUsage' AND net
                THEN coalesce(savings_plan_net_savings_plan_effective_cost, savings_plan_savings_plan_effective_cost)
            WHEN line_item_line_item_type = 'SavingsPlanCoveredUsage' THEN savings_plan_savings_plan_effective_cost
            WHEN line_item_line_item_type = 'SavingsPlanRecurringFee' AND net
                THEN (savings_plan_total_commitment_to_date - coalesce(savings_plan_used_commitment, 0)) * coalesce(
                    (
                        coalesce(savings_plan_net_recurring_commitment_for_billing_period, savings_plan_recurring_commitment_for_billing_period, 0)
                        + coalesce(savings_plan_net_amortized_upfront_commitment_for_billing_period, savings_plan_amortized_upfront_commitment_for_billing_period, 0)
                    ) / nullif(
                        coalesce(savings_plan_recurring_commitment_for_billing_period, 0)
                        + coalesce(savings_plan_amortized_upfront_commitment_for_billing_period, 0), 0
                    ),
                    1
                )
            WHEN line_item_line_item_type = 'SavingsPlanRecurringFee' THEN savings_plan_total_commitment_to_date
            WHEN line_item_line_item_type = 'DiscountedUsage' AND net THEN coalesce(reservation_net_effective_cost, reservation_effective_cost)
            WHEN line_item_line_item_type = 'DiscountedUsage' THEN reservation_effective_cost
            WHEN line_item_line_item_type = 'RIFee' AND net
                THEN coalesce(
                    reservation_net_unused_amortized_upfront_fee_for_billing_period, reservation_unused_amortized_upfront_fee_for_billing_period, 0
                )
            WHEN line_item_line_item_type = 'RIFee' THEN coalesce(reservation_unused_amortized_upfront_fee_for_billing_period, 0)
            WHEN net THEN coalesce(line_item_net_unblended_cost, line_item_unblended_cost)
            ELSE line_item_unblended_cost
        END AS cost,
        CASE
            WHEN NOT amortized THEN NULL
            WHEN line_item_line_item_type = 'SavingsPlanRecurringFee' AND NOT net THEN savings_plan_used_commitment
            WHEN line_item_line_item_type = 'RIFee' AND net THEN -coalesce(reservation_net_unused_recurring_fee, reservation_unused_recurring_fee)
            WHEN line_item_line_item_type = 'RIFee' THEN -reservation_unused_recurring_fee
        END AS less
    FROM kinds
),
named AS (
    SELECT
        -- A fee can be dated outside the month on whose bill it is.
        greatest(month_first, least(month_last, coalesce(CAST(line_item_usage_start_date AS date), month_first))) AS day,
        coalesce(nullif(trim(line_item_usage_account_id), ''), 'unknown') AS account,
        nullif(trim(product_region_code), '') AS region,
        service,
        charge,
        upper(nullif(trim(line_item_currency_code), '')) AS currency,
        nullif(regexp_extract(lower(trim(line_item_user_identifier)), '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'), '') AS user_identifier,
        nullif(trim(line_item_iam_principal), '') AS iam_principal,
        CASE WHEN billed_resource LIKE 'arn:%:identitystore:::user/%'
            THEN nullif(regexp_extract(lower(billed_resource), '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'), '')
        END AS identity_store_user,
        nullif(array_join(filter(transform(
            owner_keys, tag -> trim(replace(coalesce(element_at(resource_tags, tag), element_at(tags, tag)), chr(31), ''))
        ), value -> value <> ''), chr(31)), '') AS owner_tags,
        nullif(trim(coalesce(
            element_at(resource_tags, 'aws_created_by'),
            element_at(resource_tags, 'aws:createdBy'),
            element_at(tags, 'resourceTags/aws:createdBy'),
            element_at(tags, 'aws:createdBy')
        )), '') AS created_by_tag,
        creators.creator,
        CASE WHEN service = 'kiro' THEN CASE operation WHEN 'monthly-subscription' THEN 'seat' WHEN 'credits' THEN 'overage' END END AS component,
        CASE WHEN service = 'kiro' AND operation = 'monthly-subscription'
            THEN lower(replace(replace(replace(regexp_replace(line_item_usage_type, '^.*KiroEnterprise-', ''), '_', ''), '-', ''), ' ', ''))
        END AS plan,
        billed_resource,
        -- By way of their text, which is the number that the bill means: a double is a little beside it, and engines round that differently.
        CASE WHEN less IS NULL
            THEN try_cast(CAST(cost AS varchar) AS decimal(38, 12))
            ELSE try_cast(CAST(cost AS varchar) AS decimal(38, 12)) - try_cast(CAST(less AS varchar) AS decimal(38, 12))
        END AS cost,
        CASE WHEN service = 'kiro' AND charge IN ('usage', 'subscription') THEN try_cast(CAST(line_item_usage_amount AS varchar) AS decimal(38, 12)) END AS amount
    FROM priced
    -- EC2 and S3 have two spellings for a resource; what CloudTrail answers is the short one. Versions and aliases of a function are the function.
    -- https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
    LEFT JOIN creators ON creators.resource = CASE WHEN billed_resource LIKE 'arn:%:lambda:%:function:%'
        THEN regexp_extract(billed_resource, '^arn:[^:]*:lambda:[^:]*:[^:]*:function:[^:]+')
        ELSE regexp_replace(billed_resource, '^arn:[^:]*:(ec2:[^:]*:[^:]*:[^/]*/|s3:::)', '')
    END
),
decided AS (
    SELECT
        *,
        charge IN ('tax', 'commitment') OR (
            billed_resource IS NULL AND user_identifier IS NULL AND iam_principal IS NULL AND owner_tags IS NULL AND created_by_tag IS NULL
        ) AS shared,
        CASE plan WHEN 'proplus' THEN 'pro_plus' WHEN 'promax' THEN 'pro_max' ELSE nullif(plan, '') END AS tier,
        CASE WHEN charge = 'usage' AND identity_store_user IS NULL AND cost IS NOT NULL THEN billed_resource END AS resource,
        CASE WHEN cost IS NULL THEN 'cost' END AS rejected,
        day AS on_day,
        region AS of_region,
        service AS of_service,
        currency AS in_currency
    FROM named
),
summed AS (
    SELECT
        CASE WHEN grouping(resource) = 0 THEN min(on_day) ELSE day END AS day,
        account,
        CASE WHEN grouping(resource) = 0 THEN min(of_region) ELSE region END AS region,
        CASE WHEN grouping(resource) = 0 THEN min(of_service) ELSE service END AS service,
        CASE WHEN grouping(resource) = 0 THEN 'usage' ELSE charge END AS charge,
        CASE WHEN grouping(resource) = 0 THEN min(in_currency) ELSE currency END AS currency,
        shared,
        user_identifier,
        iam_principal,
        identity_store_user,
        owner_tags,
        created_by_tag,
        creator,
        component,
        tier,
        resource,
        CASE WHEN grouping(resource) = 0 THEN CAST(0 AS decimal(38, 12)) ELSE CAST(coalesce(sum(cost), 0) AS decimal(38, 12)) END AS cost,
        CASE WHEN component IS NOT NULL THEN CAST(coalesce(sum(amount), 0) AS decimal(38, 12)) END AS quantity,
        CASE WHEN grouping(resource) = 0 THEN 0 ELSE CAST(count(*) AS bigint) END AS lines,
        rejected,
        grouping(resource) = 0 AND resource IS NULL AS needless
    FROM decided
    GROUP BY GROUPING SETS (
        (
            day, account, region, service, charge, currency, shared, user_identifier, iam_principal, identity_store_user, owner_tags, created_by_tag, creator,
            component, tier, rejected
        ),
        (account, shared, user_identifier, iam_principal, identity_store_user, owner_tags, created_by_tag, creator, resource)
    )
)
-- `rejected` says why the cost of lines is not known; it is no column of the facts.
SELECT
    day,
    account,
    region,
    service,
    charge,
    currency,
    shared,
    user_identifier,
    iam_principal,
    identity_store_user,
    owner_tags,
    created_by_tag,
    creator,
    component,
    tier,
    resource,
    cost,
    quantity,
    lines,
    rejected
FROM summed
WHERE NOT needless
