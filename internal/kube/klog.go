package kube

import (
	"github.com/go-logr/logr"
	"go.uber.org/zap"
	"k8s.io/klog/v2"
)

// klogTo makes client-go speak to the collector's log, at level debug: what a
// user has to know of it reaches them as status or from us. The logger travels
// in the context, so that klog's global one stays as the process has it.
func klogTo(logger *zap.Logger) klog.Logger {
	return logr.New(sink{logger.Named("client-go").Sugar()})
}

type sink struct{ log *zap.SugaredLogger }

var _ logr.LogSink = sink{}

func (s sink) Init(logr.RuntimeInfo) {}

// Enabled keeps out what is more than messages: from 6 on client-go dumps
// requests, whole bodies among them.
func (s sink) Enabled(level int) bool { return level < 5 && s.log.Level().Enabled(zap.DebugLevel) }

func (s sink) Info(_ int, msg string, keysAndValues ...any) { s.log.Debugw(msg, keysAndValues...) }

func (s sink) Error(err error, msg string, keysAndValues ...any) {
	s.log.Debugw(msg, append(keysAndValues, "error", err)...)
}

func (s sink) WithValues(keysAndValues ...any) logr.LogSink {
	return sink{s.log.With(keysAndValues...)}
}
func (s sink) WithName(name string) logr.LogSink { return sink{s.log.Named(name)} }
