"""What a run leaves: events, table schemas with units, Parquet files, manifests, reading."""
