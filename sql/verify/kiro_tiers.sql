-- How many tiers there are.
SELECT concat(CAST(count(*) AS varchar), ' tiers') AS newest
FROM kiro_tiers
