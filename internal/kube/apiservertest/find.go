//go:build unix

package apiservertest

import (
	"os"
	"path/filepath"
	"testing"
)

// binaries is a folder with etcd and kube-apiserver. Where there is none the
// test is skipped, or fails when the environment has EBPFNET_REQUIRE_APISERVER.
func binaries(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("KUBEBUILDER_ASSETS"); dir != "" && complete(dir) {
		return dir
	}
	cache, err := os.UserCacheDir()
	if xdg := os.Getenv("XDG_CACHE_HOME"); xdg != "" {
		cache, err = xdg, nil
	}
	if err == nil {
		// The names are versions; the last one will do.
		dirs, _ := filepath.Glob(filepath.Join(cache, "ebpfnet-apiserver", "*"))
		for i := len(dirs) - 1; i >= 0; i-- {
			if complete(dirs[i]) {
				return dirs[i]
			}
		}
	}
	const why = "no etcd and kube-apiserver in $KUBEBUILDER_ASSETS nor in the cache folder ebpfnet-apiserver: run `make apiserver`"
	if os.Getenv("EBPFNET_REQUIRE_APISERVER") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
	return ""
}

func complete(dir string) bool {
	for _, name := range []string{"etcd", "kube-apiserver"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.IsDir() {
			return false
		}
	}
	return true
}
