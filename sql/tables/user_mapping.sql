-- Who the ids in the reports are: the directory as `sync-users` writes it, one row a person. The first two columns are those of older mappings.
-- No column is a number or a day, and OpenCSVSerde reads all as text. Its escape character is one that the file never holds: a backslash in a name stays.
-- To run it by hand, replace the example value: example-bucket/example-prefix/user-mapping (people.sync.location, a folder that holds nothing but
-- user_mapping.csv).
CREATE EXTERNAL TABLE IF NOT EXISTS user_mapping (
  userid string,
  username string,
  display_name string,
  email string,
  department string,
  team string,
  status string
)
ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde'
WITH SERDEPROPERTIES ('separatorChar' = ',', 'quoteChar' = '"', 'escapeChar' = '\001')
STORED AS TEXTFILE
LOCATION 's3://example-bucket/example-prefix/user-mapping/'
TBLPROPERTIES (
  'skip.header.line.count' = '1'
)
