"""Pictures of daily rows and trends: charts as SVG, a member's report as one HTML page. Pure: rows in, text out."""
