-- Who created which resource, as CloudTrail told it: the exporter writes this table anew, as one small file of Parquet, before it reads a bill.
-- `resource` is the id that the creating event answered (i-..., vol-..., a bucket's name, ARNs), `creator` the key of the identity behind that event.
-- To run it by hand, replace the example value: example-bucket/example-prefix (athena.output_location, or else the workgroup's).
CREATE EXTERNAL TABLE IF NOT EXISTS resource_creators (
  resource string,
  creator string
)
STORED AS PARQUET
LOCATION 's3://example-bucket/example-prefix/resource_creators/'
