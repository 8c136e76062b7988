"""Charts and pages from daily rows, trends and weeks: charts as SVG, a member's report as one HTML page."""
