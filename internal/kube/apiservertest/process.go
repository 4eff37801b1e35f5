//go:build unix

package apiservertest

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// process is a program that runs beside the test.
type process struct {
	cmd  *exec.Cmd
	path string // of its log
	done chan struct{}
}

func start(t testing.TB, dir, program string, args ...string) *process {
	t.Helper()
	p := &process{path: filepath.Join(dir, filepath.Base(program)+".log"), done: make(chan struct{})}
	log, err := os.OpenFile(p.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	require.NoError(t, err)
	defer log.Close() // the child has its own
	p.cmd = exec.Command(program, args...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	require.NoError(t, p.cmd.Start())
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // how it ended stands in its log
	}()
	return p
}

// stop ends the process and waits for it: politely for five seconds.
func (p *process) stop() {
	if p.ended() {
		return
	}
	_ = p.resume()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(5 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func (p *process) pause() error  { return p.cmd.Process.Signal(syscall.SIGSTOP) }
func (p *process) resume() error { return p.cmd.Process.Signal(syscall.SIGCONT) }

// log is the end of what the process wrote.
func (p *process) log() string {
	text, err := os.ReadFile(p.path)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4000):])
}
