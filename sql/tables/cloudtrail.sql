-- The log files of CloudTrail, one row an event. Columns are those of AWS's own table definition, and with them sourceidentity, assumedroot and
-- signinsessionarn in sessioncontext, and inscopeof, identityprovider, credentialid and invokedbydelegate in useridentity, which that one lacks.
-- https://docs.aws.amazon.com/athena/latest/ug/create-cloudtrail-table-partition-projection.html
-- The partition `delivered` is the day on which CloudTrail wrote the file: the events of a day stand in that day and the next. CloudTrail-Digest and
-- CloudTrail-Insight beside the log files are not below the template.
-- To run it by hand, replace the example values: example-bucket/example-prefix (above AWSLogs/), 111122223333 (the accounts, with commas between)
-- and us-east-1 (the regions). The trail of an organisation has its id (o-exampleorg1/) after AWSLogs/, in both places.
CREATE EXTERNAL TABLE IF NOT EXISTS cloudtrail (
  eventversion string,
  useridentity struct<
    type: string,
    principalid: string,
    arn: string,
    accountid: string,
    invokedby: string,
    invokedbydelegate: struct<accountid: string>,
    accesskeyid: string,
    username: string,
    identityprovider: string,
    credentialid: string,
    onbehalfof: struct<userid: string, identitystorearn: string>,
    inscopeof: struct<sourcearn: string, sourceaccount: string, issuertype: string, credentialsissuedto: string>,
    sessioncontext: struct<
      attributes: struct<mfaauthenticated: string, creationdate: string>,
      sessionissuer: struct<type: string, principalid: string, arn: string, accountid: string, username: string>,
      ec2roledelivery: string,
      sourceidentity: string,
      assumedroot: string,
      signinsessionarn: string,
      webidfederationdata: struct<federatedprovider: string, attributes: map<string, string>>
    >
  >,
  eventtime string,
  eventsource string,
  eventname string,
  awsregion string,
  sourceipaddress string,
  useragent string,
  errorcode string,
  errormessage string,
  requestparameters string,
  responseelements string,
  additionaleventdata string,
  requestid string,
  eventid string,
  readonly string,
  resources array<struct<arn: string, accountid: string, type: string>>,
  eventtype string,
  apiversion string,
  recipientaccountid string,
  serviceeventdetails string,
  sharedeventid string,
  vpcendpointid string,
  vpcendpointaccountid string,
  eventcategory string,
  addendum struct<reason: string, updatedfields: string, originalrequestid: string, originaleventid: string>,
  sessioncredentialfromconsole string,
  edgedevicedetails string,
  tlsdetails struct<tlsversion: string, ciphersuite: string, clientprovidedhostheader: string>
)
PARTITIONED BY (
  account string,
  region string,
  delivered string
)
ROW FORMAT SERDE 'org.apache.hive.hcatalog.data.JsonSerDe'
STORED AS INPUTFORMAT 'com.amazon.emr.cloudtrail.CloudTrailInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://example-bucket/example-prefix/AWSLogs/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.account.type' = 'enum',
  'projection.account.values' = '111122223333',
  'projection.region.type' = 'enum',
  'projection.region.values' = 'us-east-1',
  'projection.delivered.type' = 'date',
  'projection.delivered.format' = 'yyyy/MM/dd',
  'projection.delivered.interval' = '1',
  'projection.delivered.interval.unit' = 'DAYS',
  'projection.delivered.range' = '2025/01/01,NOW+1DAYS',
  'storage.location.template' = 's3://example-bucket/example-prefix/AWSLogs/${account}/CloudTrail/${region}/${delivered}/'
)
