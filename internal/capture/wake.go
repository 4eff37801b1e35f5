//go:build linux

package capture

import (
	"errors"
	"fmt"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/ringbuf"
)

// waker waits for the kernel's word that a generation fills up.
type waker struct {
	reader *ringbuf.Reader
	wake   chan struct{} // holds one
	done   sync.WaitGroup
}

func newWaker(ring *ebpf.Map) (*waker, error) {
	reader, err := ringbuf.NewReader(ring)
	if err != nil {
		return nil, fmt.Errorf("read the ring buffer: %w", err)
	}
	w := &waker{reader: reader, wake: make(chan struct{}, 1)}
	w.done.Go(w.run)
	return w, nil
}

func (w *waker) run() {
	var record ringbuf.Record
	for {
		err := w.reader.ReadInto(&record)
		if errors.Is(err, ringbuf.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

func (w *waker) close() error {
	err := w.reader.Close()
	w.done.Wait()
	return err
}
