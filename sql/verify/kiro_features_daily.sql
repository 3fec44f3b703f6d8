-- The newest day of the last seven that has a row.
SELECT CAST(max(day) AS varchar) AS newest
FROM kiro_features_daily
WHERE day BETWEEN current_date - INTERVAL '7' DAY AND current_date
