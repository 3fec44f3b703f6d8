-- How many events are called sensitive.
SELECT concat(CAST(count(*) AS varchar), ' events') AS newest
FROM sensitive_events
