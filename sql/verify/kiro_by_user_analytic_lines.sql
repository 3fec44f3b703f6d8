-- The newest folder of the last seven days that holds a file.
SELECT max(day) AS newest
FROM kiro_by_user_analytic_lines
WHERE day BETWEEN date_format(current_date - INTERVAL '7' DAY, '%Y/%m/%d') AND date_format(current_date, '%Y/%m/%d')
