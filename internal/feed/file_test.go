package feed

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAFileIsReadAgainWhenItChanges(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "list")
	writeFile(t, path, "198.18.0.1\n", noon.Add(-time.Hour))
	r := newRig(t, listAt(path))

	st := r.attempt()
	require.Equal(t, Current, st.State)
	require.Equal(t, List, st.Format)
	require.Equal(t, 1, st.Count(Address))
	require.EqualValues(t, 11, st.Bytes)
	require.Equal(t, "address 198.18.0.1", matched(r.Snapshot(), "198.18.0.1"))
	require.EqualValues(t, 1, r.Snapshot().Generation())
	require.Equal(t, 30*time.Second, r.wait())

	st = r.attempt()
	require.EqualValues(t, 1, st.Unchanged)
	require.EqualValues(t, 1, r.Snapshot().Generation())

	t.Run("rewritten", func(t *testing.T) {
		writeFile(t, path, "198.18.0.2\n", noon.Add(-time.Minute))
		require.EqualValues(t, 2, r.attempt().Loads)
		require.Empty(t, matched(r.Snapshot(), "198.18.0.1"))
		require.NotEmpty(t, matched(r.Snapshot(), "198.18.0.2"))
		require.EqualValues(t, 2, r.Snapshot().Generation())
	})
	t.Run("replaced by one of the same time and size", func(t *testing.T) {
		writeFile(t, path+".new", "198.18.0.3\n", noon.Add(-time.Minute))
		require.NoError(t, os.Rename(path+".new", path))
		require.EqualValues(t, 3, r.attempt().Loads)
		require.NotEmpty(t, matched(r.Snapshot(), "198.18.0.3"))
	})
	t.Run("touched", func(t *testing.T) {
		require.NoError(t, os.Chtimes(path, noon.Add(-time.Second), noon.Add(-time.Second)))
		st := r.attempt()
		require.EqualValues(t, 3, st.Loads)
		require.EqualValues(t, 3, r.Snapshot().Generation(), "nobody judges again for that")
	})
	t.Run("changed twice within a step of the file system's clock", func(t *testing.T) {
		writeFile(t, path, "198.18.0.4\n", noon.Add(-time.Second))
		require.EqualValues(t, 4, r.attempt().Loads)
		writeFile(t, path, "198.18.0.5\n", noon.Add(-time.Second))
		require.EqualValues(t, 5, r.attempt().Loads)
		require.NotEmpty(t, matched(r.Snapshot(), "198.18.0.5"))
	})
	require.Empty(t, r.told)
}

func TestAFileBehindALinkThatMoves(t *testing.T) {
	dir := t.TempDir()
	for _, version := range []string{"1", "2"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, version), 0o700))
		writeFile(t, filepath.Join(dir, version, "list"), "198.18.0."+version+"\n", noon.Add(-time.Hour))
	}
	link := filepath.Join(dir, "data")
	require.NoError(t, os.Symlink("1", link))
	r := newRig(t, listAt(filepath.Join(link, "list")))
	r.attempt()
	require.NotEmpty(t, matched(r.Snapshot(), "198.18.0.1"))
	require.NoError(t, os.Symlink("2", link+".new"))
	require.NoError(t, os.Rename(link+".new", link))
	r.attempt()
	require.NotEmpty(t, matched(r.Snapshot(), "198.18.0.2"))
}

func TestAFileThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "large")
	writeFile(t, large, strings.Repeat("198.18.0.1\n", 100), noon)
	for path, want := range map[string]string{
		filepath.Join(dir, "none"): "no such file",
		dir:                        "is no regular file",
		"/dev/zero":                "is no regular file",
		large:                      "is larger than max_size",
	} {
		c := listAt(path)
		c.MaxSize = 1000
		r := newRig(t, c)
		st := r.attempt()
		require.Equal(t, Missing, st.State)
		require.ErrorContains(t, st.Error, want)
		require.EqualValues(t, 1, st.Failures)
		require.Equal(t, firstRetry, r.wait())
		r.attempt()
		require.Len(t, r.told, 1, "said once")
		require.Contains(t, r.told[0], "threat_intel: test: ")
	}
}

func TestAListThatComesBackIsSaidOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "list")
	r := newRig(t, listAt(path))
	r.attempt()
	writeFile(t, path, "198.18.0.1\n", noon.Add(-time.Hour))
	st := r.attempt()
	require.Equal(t, Current, st.State)
	require.NoError(t, st.Error)
	r.attempt()
	require.Len(t, r.told, 2)
	require.Empty(t, r.told[1])
}
