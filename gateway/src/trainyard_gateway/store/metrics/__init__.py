"""Values of metrics: series, points, roll-ups and charts."""
