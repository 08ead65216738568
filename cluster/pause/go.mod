module trainyard.io/pause

go 1.24
