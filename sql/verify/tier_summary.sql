-- How many people used a tier, those of two tiers twice.
SELECT concat(CAST(coalesce(sum(user_count), 0) AS varchar), ' people') AS newest
FROM tier_summary
