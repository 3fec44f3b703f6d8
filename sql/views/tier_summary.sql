-- Kiro's tiers: who used them, since the reports began. A person who changed tiers is counted in each, with what was used in it.
-- Averages are per person, and users_with_overage are people who had some.
CREATE OR REPLACE VIEW tier_summary AS
WITH of_person AS (
    SELECT
        coalesce(subscription_tier, 'unknown') AS subscription_tier,
        userid,
        sum(credits_used) AS credits,
        sum(overage_credits_used) AS overage
    FROM kiro_credits_daily
    GROUP BY 1, 2
)
SELECT
    subscription_tier,
    count(*) AS user_count,
    CAST(sum(credits) AS double) AS total_credits,
    avg(CAST(credits AS double)) AS avg_credits,
    CAST(sum(overage) AS double) AS total_overage,
    CAST(sum(overage) AS double) * CAST((SELECT max(overage_price) FROM kiro_tiers) AS double) AS total_overage_cost_usd,
    count_if(overage > 0) AS users_with_overage
FROM of_person
GROUP BY subscription_tier
