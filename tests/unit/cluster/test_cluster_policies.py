"""The changes to the engine that enforces NetworkPolicies, before it is built."""

from __future__ import annotations

import pytest

from trainyard_cluster.programs import engine_source

# The passages that the changes look for, as the module has them.
ORIGINAL = """\
			podKey := c.nriPlugin.GetPodFromIP(podIP)
	_ = c.syncNFTablesRules(ctx)
	// DNS is processed by addDNSRacersWorkaroundRules()
	// TODO: remove once kernel fix is on most distros
	if c.config.NetfilterBug1766Fix {
		//  udp dport 53 accept
	}
	queue := &expr.Queue{Num: uint16(c.config.QueueID)}
	if c.config.FailOpen {
		queue.Flag = expr.QueueFlagBypass
	}
	if c.config.NetfilterBug1766Fix {
		c.addDNSRacersWorkaroundRules(nft, table)
	}
	queue := &expr.Queue{Num: uint16(c.config.QueueID)}
	if c.config.FailOpen {
		queue.Flag = expr.QueueFlagBypass
	}
"""


def test_no_rule_needs_what_kernels_lack_and_a_fault_ends_the_program() -> None:
    changed = engine_source.changed(ORIGINAL)

    assert "expr.Queue" not in changed
    assert changed.count("toQueue(c.config.QueueID, c.config.FailOpen)") == 2
    assert "_ = c.syncNFTablesRules" not in changed
    assert "if c.nriPlugin == nil" in changed


def test_the_same_rules_are_in_both_chains() -> None:
    """What a pod sends to its own node passes the input hook alone."""
    changed = engine_source.changed(ORIGINAL)
    loop = changed.index("for _, chain := range []*nftables.Chain{chain, input} {")

    assert changed.index("Hooknum:  nftables.ChainHookInput") < loop
    assert loop < changed.index("toQueue") < changed.index("c.addDNSRacers")
    assert changed.count("{") == changed.count("}")


@pytest.mark.parametrize(
    "lost",
    [
        "expr.Queue{",
        "GetPodFromIP",
        "_ = c.sync",
        "udp dport 53",
        "addDNSRacersWorkaroundRules(nft",
    ],
)
def test_another_source_is_refused_by_name(lost: str) -> None:
    source = ORIGINAL.replace(lost, "something else")

    with pytest.raises(
        engine_source.UnknownSourceError, match=r"controller\.go of .* has changed near"
    ):
        engine_source.changed(source)
