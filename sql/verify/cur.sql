-- The newest line of this month's bill.
SELECT CAST(max(line_item_usage_start_date) AS varchar) AS newest
FROM cur
WHERE billing_period = date_format(current_date, '%Y-%m')
