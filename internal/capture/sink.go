//go:build linux

package capture

import (
	"time"

	"github.com/vishvananda/netlink"
	"go.uber.org/zap"
)

// The watcher's news, passed on to who cares. Called from the watcher's goroutine.

func (c *Capture) topologyChanged(t *topology) {
	c.attached.reconcile(t)
	if err := c.tunnels.update(t); err != nil {
		c.logger.Warn("cannot tell the programs about tunnels", zap.Error(err))
	}
}

func (c *Capture) linkGone(index int) { c.attached.linkGone(index) }

func (c *Capture) filtersChanged(index int) {
	if c.attached.tc.Kind() == HookTC {
		c.attached.check(index, time.Now())
	}
}

func (c *Capture) addressesChanged(list []netlink.Addr) {
	if err := c.own.update(list); err != nil {
		c.logger.Warn("own addresses are not all known to the programs", zap.Error(err))
	}
}

// lookAgain tries again what failed, and looks at what nothing tells about.
func (c *Capture) lookAgain(t *topology) {
	c.attached.answerBypasses()
	if c.attached.takeCheck() {
		c.topologyChanged(t)
		c.attached.checkAll(time.Now())
		c.attached.answerBypasses()
	}
}
