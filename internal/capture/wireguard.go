//go:build linux

package capture

import (
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

const kindWireGuard = "wireguard"

// From include/uapi/linux/wireguard.h.
const (
	wireGuardVersion    = 1
	wireGuardGetDevice  = 0
	wireGuardIfindex    = 1
	wireGuardListenPort = 6
)

// wireGuardPort asks for the UDP port of a WireGuard device; 0 while it is down and has none.
func wireGuardPort(in namespace, index int) (port uint16, err error) {
	err = in.do(func() error {
		family, err := netlink.GenlFamilyGet(kindWireGuard)
		if err != nil {
			return fmt.Errorf("find its netlink family: %w", err)
		}
		request := nl.NewNetlinkRequest(int(family.ID), unix.NLM_F_DUMP)
		request.AddData(&nl.Genlmsg{Command: wireGuardGetDevice, Version: wireGuardVersion})
		request.AddData(nl.NewRtAttr(wireGuardIfindex, nl.Uint32Attr(uint32(index))))
		answers, err := request.Execute(unix.NETLINK_GENERIC, 0)
		if err != nil {
			return fmt.Errorf("ask: %w", needs(err, "CAP_NET_ADMIN"))
		}
		for _, answer := range answers {
			attributes, err := nl.ParseRouteAttr(answer[nl.SizeofGenlmsg:])
			if err != nil {
				return fmt.Errorf("read the answer: %w", err)
			}
			for _, a := range attributes {
				if a.Attr.Type == wireGuardListenPort {
					port = nl.NativeEndian().Uint16(a.Value)
				}
			}
		}
		return nil
	})
	return port, err
}
