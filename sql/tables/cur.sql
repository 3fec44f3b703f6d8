-- The lines of an export of CUR 2.0 (Data Exports, Parquet, overwritten in place), as far as sql/facts/cur.sql reads them, one partition a billing month.
-- https://docs.aws.amazon.com/cur/latest/userguide/table-dictionary-cur2.html
-- Columns of Parquet are bound by name: what an export leaves out is NULL here, so this table needs no view. These may be left out of an export: net costs
-- (they come with a discount), line_item_iam_principal (INCLUDE_IAM_PRINCIPAL_DATA), line_item_user_identifier, line_item_resource_id (INCLUDE_RESOURCES;
-- without it nobody's seats and resources are known), resource_tags or tags (one of them is enough), product.
-- Where sources.cur.table names a table of somebody else, that table may lack columns altogether: then a view `cur` with all of these columns stands in for
-- this table, with CAST(NULL AS type) for those that are missing.
-- An export that keeps every version (CREATE_NEW_REPORT) has several copies of each line below its partition; Athena would add them up.
-- To run it by hand, replace the example value: example-bucket/example-prefix/example-export (above data/).
CREATE EXTERNAL TABLE IF NOT EXISTS cur (
  line_item_line_item_type string,
  line_item_usage_start_date timestamp,
  line_item_usage_account_id string,
  line_item_product_code string,
  line_item_operation string,
  line_item_usage_type string,
  line_item_resource_id string,
  line_item_usage_amount double,
  line_item_currency_code string,
  line_item_unblended_cost double,
  line_item_net_unblended_cost double,
  line_item_user_identifier string,
  line_item_iam_principal string,
  product map<string, string>,
  product_region_code string,
  reservation_reservation_a_r_n string,
  reservation_effective_cost double,
  reservation_net_effective_cost double,
  reservation_unused_amortized_upfront_fee_for_billing_period double,
  reservation_net_unused_amortized_upfront_fee_for_billing_period double,
  reservation_unused_recurring_fee double,
  reservation_net_unused_recurring_fee double,
  savings_plan_savings_plan_effective_cost double,
  savings_plan_net_savings_plan_effective_cost double,
  savings_plan_total_commitment_to_date double,
  savings_plan_used_commitment double,
  savings_plan_recurring_commitment_for_billing_period double,
  savings_plan_net_recurring_commitment_for_billing_period double,
  savings_plan_amortized_upfront_commitment_for_billing_period double,
  savings_plan_net_amortized_upfront_commitment_for_billing_period double,
  resource_tags map<string, string>,
  tags map<string, string>
)
PARTITIONED BY (
  billing_period string
)
STORED AS PARQUET
LOCATION 's3://example-bucket/example-prefix/example-export/data/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.billing_period.type' = 'date',
  'projection.billing_period.format' = 'yyyy-MM',
  'projection.billing_period.interval' = '1',
  'projection.billing_period.interval.unit' = 'MONTHS',
  'projection.billing_period.range' = '2024-01,NOW',
  'storage.location.template' = 's3://example-bucket/example-prefix/example-export/data/BILLING_PERIOD=${billing_period}/'
)
