"""The statements that `exporter.engines` runs, importable as `exporter_sql` wherever the project is installed."""
