"""Who may start, where and when, for operator and gateway alike.

`objects` reads Kubernetes objects, `usage` sums them up, and a `snapshot` holds the result.
`admissibility` says what can never run, `readiness` what must happen before a session may start,
`waiting_queue` and `fair_share` which session is next, `placement` where its workers go,
`preemption` which sessions end for it. `admission` makes one cycle of decisions, and `forecast`
plays cycles forward in time. Nothing here reads a clock or does I/O.
"""
