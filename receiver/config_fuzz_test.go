package receiver

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
)

// Whatever stands in the file, it is refused or it works: nothing panics, and a
// valid configuration decodes to itself.
func FuzzConfig(f *testing.F) {
	files, err := filepath.Glob("../testdata/config/*.yaml")
	require.NoError(f, err)
	for _, name := range files {
		data, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		retrieved, err := confmap.NewRetrievedFromYAML(data)
		if err != nil {
			return
		}
		conf, err := retrieved.AsConf()
		if err != nil {
			return
		}
		config, err := load(t, conf)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		again := confmap.New()
		require.NoError(t, again.Marshal(config))
		same, err := load(t, again)
		require.NoError(t, err)
		require.Equal(t, config.Capture, same.Capture)
		require.Equal(t, config.FlowLogs, same.FlowLogs)
	})
}
