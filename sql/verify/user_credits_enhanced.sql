-- The newest day of the last seven that has a row.
SELECT CAST(max(date) AS varchar) AS newest
FROM user_credits_enhanced
WHERE date BETWEEN current_date - INTERVAL '7' DAY AND current_date
