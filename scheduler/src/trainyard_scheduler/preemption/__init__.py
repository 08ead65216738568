"""Who is preempted for whom: by loss, and by time slices."""
