"""Who may start, where and when: pure functions that the operator decides by and the gateway's what-if asks.

`amounts` counts resources, `cluster` holds the facts, `placement` puts workers on nodes, `ordering` says who is next,
`preemption` who gives way, `admission` makes one round of decisions, `estimate` plays the rounds forward in time, and
`observe` reads nodes and pods as Kubernetes gives them. Nothing here reads a clock or does I/O.
"""
