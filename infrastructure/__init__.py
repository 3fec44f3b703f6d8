"""The stack that `setup --stack` deploys, importable as `exporter_infrastructure` wherever the project is installed."""
