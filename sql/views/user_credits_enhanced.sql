-- Credits of each person, client, account, region and day, with what the month has come to. `included_credits` is what the seat includes: the limit that the
-- report states, else that of the tier (kiro_tiers). Overage_Cap is no allowance, and is only passed on.
-- `credit_utilization_pct` is the person's credits of the month so far, over all clients, as a share of what the seat includes; `usage_status` goes by it.
CREATE OR REPLACE VIEW user_credits_enhanced AS
WITH allowed AS (
    SELECT
        d.*,
        date_format(d.day, '%Y-%m') AS year_month,
        t.overage_price,
        t.currency,
        -- The seat of the day: of two rows of a day with two tiers the larger counts, as it does in the bill.
        max(coalesce(d.usage_limit, t.included_credits)) OVER (PARTITION BY d.userid, d.day) AS included_credits,
        sum(d.credits_used) OVER (PARTITION BY d.userid, date_format(d.day, '%Y-%m') ORDER BY d.day) AS month_to_date_credits
    FROM kiro_credits_daily AS d
    LEFT JOIN kiro_tiers AS t ON t.tier = d.subscription_tier
),
measured AS (
    SELECT *, 100 * CAST(month_to_date_credits AS double) / nullif(CAST(included_credits AS double), 0) AS credit_utilization_pct
    FROM allowed
)
SELECT
    day AS date,
    userid,
    username,
    team,
    client_type,
    chat_conversations,
    credits_used,
    overage_cap,
    overage_credits_used,
    overage_enabled,
    profileid,
    subscription_tier,
    total_messages,
    new_user,
    account,
    region,
    included_credits,
    month_to_date_credits,
    credit_utilization_pct,
    CASE
        WHEN credit_utilization_pct IS NULL THEN 'Unknown'
        WHEN credit_utilization_pct > 100 THEN 'Over Limit'
        WHEN credit_utilization_pct > 80 THEN 'Warning'
        ELSE 'Normal'
    END AS usage_status,
    CAST(credits_used AS double) / nullif(total_messages, 0) AS credits_per_message,
    CAST(overage_credits_used AS double) * CAST(coalesce(overage_price, (SELECT max(overage_price) FROM kiro_tiers)) AS double) AS overage_cost_usd,
    year_month
FROM measured
