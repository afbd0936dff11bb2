"""What Datasette shows: canned queries, table descriptions, dashboards. Data only."""
