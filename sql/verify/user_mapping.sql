-- How many people are mapped.
SELECT concat(CAST(count(*) AS varchar), ' people') AS newest
FROM user_mapping
