-- How many resources are known with the one who created them.
SELECT concat(CAST(count(*) AS varchar), ' resources') AS newest
FROM resource_creators
