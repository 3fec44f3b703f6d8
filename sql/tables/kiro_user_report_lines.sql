-- The lines of Kiro's user_report: credits, overage, messages and models, one row a person, client and day.
-- SerDes bind columns by position, which Kiro changes from month to month; so the table holds whole lines, and the view kiro_user_report binds them by header.
-- To run it by hand, replace the example values: example-bucket/example-prefix (above AWSLogs/), 111122223333 (the accounts, with commas between)
-- and us-east-1 (the regions). Partitions are worked out from these: nothing has to be added when a new day comes.
CREATE EXTERNAL TABLE IF NOT EXISTS kiro_user_report_lines (
  line string
)
PARTITIONED BY (
  account string,
  region string,
  day string
)
ROW FORMAT DELIMITED FIELDS TERMINATED BY '\001'
STORED AS TEXTFILE
LOCATION 's3://example-bucket/example-prefix/AWSLogs/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.account.type' = 'enum',
  'projection.account.values' = '111122223333',
  'projection.region.type' = 'enum',
  'projection.region.values' = 'us-east-1',
  'projection.day.type' = 'date',
  'projection.day.format' = 'yyyy/MM/dd',
  'projection.day.range' = '2026/02/10,NOW+1DAYS',
  'storage.location.template' = 's3://example-bucket/example-prefix/AWSLogs/${account}/KiroLogs/user_report/${region}/${day}/'
)
