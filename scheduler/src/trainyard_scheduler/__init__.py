"""Who may start, where and when: pure functions that the operator decides by and the gateway asks for estimates.

Kubernetes objects are read in `objects`, summed up in `usage` and held in a `snapshot`. `admissibility` says what can
never run, `waiting_queue` and `fair_share` who is next, `placement` where workers go, `preemption` who gives way;
`admission` makes one cycle of decisions and `forecast` plays cycles forward in time. Nothing here reads a clock or
does I/O.
"""
