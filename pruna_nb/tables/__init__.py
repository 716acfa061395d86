"""Tables in files: CSV, Excel, JSON Lines and Parquet, read as they stand."""
