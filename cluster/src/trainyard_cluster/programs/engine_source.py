"""Changes of sigs.k8s.io/kube-network-policies before it is built. Pure.

Its rules need CONFIG_NFT_QUEUE; on kernels without it the program logs one line and enforces
nothing. It does not see what a pod sends to its node, where this cluster's API server listens. And
without access to the container runtime it dereferences nil for a packet of an unknown address.
"""

from __future__ import annotations

MODULE = "sigs.k8s.io/kube-network-policies"
FILE = "pkg/networkpolicy/controller.go"
"""The changed file, below the module's folder."""
ADDED = "nfqueue_target.go"
"""A file of ours that is put beside it; it has `toQueue`."""

_QUEUE = """\
	queue := &expr.Queue{Num: uint16(c.config.QueueID)}
	if c.config.FailOpen {
		queue.Flag = expr.QueueFlagBypass
	}
"""
_TARGET = "\tqueue := toQueue(c.config.QueueID, c.config.FailOpen)\n"
_FIRST_RULE = """\
	// DNS is processed by addDNSRacersWorkaroundRules()
	// TODO: remove once kernel fix is on most distros
	if c.config.NetfilterBug1766Fix {
		//  udp dport 53 accept
"""
_BOTH_CHAINS = """\
	input := nft.AddChain(&nftables.Chain{
		Name:     "input",
		Table:    table,
		Type:     nftables.ChainTypeFilter,
		Hooknum:  nftables.ChainHookInput,
		Priority: nftables.ChainPriorityFilter,
	})
	for _, chain := range []*nftables.Chain{chain, input} {
"""
_AFTER_RULES = """\
	if c.config.NetfilterBug1766Fix {
		c.addDNSRacersWorkaroundRules(nft, table)
"""
_RUNTIME = "\t\t\tpodKey := c.nriPlugin.GetPodFromIP(podIP)\n"
_NO_RUNTIME = "\t\t\tif c.nriPlugin == nil {\n\t\t\t\treturn nil\n\t\t\t}\n"
_IGNORED = "\t_ = c.syncNFTablesRules(ctx)\n"
_REPORTED = "\tif err := c.syncNFTablesRules(ctx); err != nil {\n\t\treturn err\n\t}\n"

_CHANGES = (
    # What is there, what comes instead, how often it is there.
    (_QUEUE, _TARGET, 2),
    (_FIRST_RULE, _BOTH_CHAINS + _FIRST_RULE, 1),
    (_AFTER_RULES, "\t}\n" + _AFTER_RULES, 1),
    (_RUNTIME, _NO_RUNTIME + _RUNTIME, 1),
    (_IGNORED, _REPORTED, 1),
)


class UnknownSourceError(Exception):
    """The module's source is not the one that these changes are for."""


def changed(source: str) -> str:
    """The module's controller.go with every change. Raises UnknownSourceError."""
    for old, new, times in _CHANGES:
        if source.count(old) != times:
            line = old.strip().splitlines()[0]
            raise UnknownSourceError(f"{FILE} of {MODULE} has changed near `{line}`")
        source = source.replace(old, new)
    return source
