-- How many people are listed.
SELECT concat(CAST(count(*) AS varchar), ' people') AS newest
FROM top_users
