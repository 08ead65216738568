// Package networkpolicy gets this file added when the engine is built.
package networkpolicy

import (
	"encoding/binary"

	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
)

// toQueue hands a packet to user space by the target of xtables. The expression of nftables itself is
// missing in kernels without CONFIG_NFT_QUEUE, and without it no policy would be enforced.
func toQueue(number int, bypass bool) expr.Any {
	// struct xt_NFQ_info_v3 {u16 queuenum, queues_total, flags}, aligned to eight bytes.
	info := make(xt.Unknown, 8)
	binary.NativeEndian.PutUint16(info[0:], uint16(number))
	binary.NativeEndian.PutUint16(info[2:], 1)
	if bypass {
		binary.NativeEndian.PutUint16(info[4:], 1)
	}
	return &expr.Target{Name: "NFQUEUE", Rev: 3, Info: &info}
}
