-- The newest event of one account and region that was delivered yesterday or today (UTC).
SELECT max(eventtime) AS newest
FROM cloudtrail
WHERE
    account = '111122223333'
    AND region = 'us-east-1'
    AND delivered BETWEEN date_format(current_date - INTERVAL '1' DAY, '%Y/%m/%d') AND date_format(current_date, '%Y/%m/%d')
