-- The lines of Kiro's by_user_analytic: counters of features, one row a person and day. Until Kiro's name changed, the writer was QDeveloperLogs.
-- SerDes bind columns by position, which Kiro changes from month to month; so the table holds whole lines, and the view kiro_by_user_analytic binds them by header.
-- To run it by hand, replace the example values: example-bucket/example-prefix (above AWSLogs/), 111122223333 (the accounts, with commas between)
-- and us-east-1 (the regions). Partitions are worked out from these: nothing has to be added when a new day comes.
CREATE EXTERNAL TABLE IF NOT EXISTS kiro_by_user_analytic_lines (
  line string
)
PARTITIONED BY (
  account string,
  writer string,
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
  'projection.writer.type' = 'enum',
  'projection.writer.values' = 'KiroLogs,QDeveloperLogs',
  'projection.region.type' = 'enum',
  'projection.region.values' = 'us-east-1',
  'projection.day.type' = 'date',
  'projection.day.format' = 'yyyy/MM/dd',
  'projection.day.range' = '2025/12/01,NOW+1DAYS',
  'storage.location.template' = 's3://example-bucket/example-prefix/AWSLogs/${account}/${writer}/by_user_analytic/${region}/${day}/'
)
