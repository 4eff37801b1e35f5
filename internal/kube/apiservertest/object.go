//go:build unix

package apiservertest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"
)

// Create posts the object to the path of its kind ("/api/v1/nodes") as Admin,
// and reads into it what the server made of it.
func (s *Server) Create(t testing.TB, path string, object any) {
	t.Helper()
	s.do(t, http.MethodPost, path, object)
}

// Update puts the object to its own path, or that of its status.
func (s *Server) Update(t testing.TB, path string, object any) {
	t.Helper()
	s.do(t, http.MethodPut, path, object)
}

// Get reads the object at the path.
func (s *Server) Get(t testing.TB, path string, object any) {
	t.Helper()
	s.do(t, http.MethodGet, path, object)
}

// Delete deletes the object at the path, without a grace period.
func (s *Server) Delete(t testing.TB, path string) {
	t.Helper()
	s.do(t, http.MethodDelete, path+"?gracePeriodSeconds=0", nil)
}

func (s *Server) do(t testing.TB, method, path string, object any) {
	t.Helper()
	client, err := rest.HTTPClientFor(s.Config(Admin))
	require.NoError(t, err)
	defer client.CloseIdleConnections()
	var body io.Reader
	if object != nil && method != http.MethodGet {
		text, err := json.Marshal(object)
		require.NoError(t, err)
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, s.url+path, body)
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Less(t, response.StatusCode, 300, "%s %s: %s", method, path, text)
	if object != nil {
		require.NoError(t, json.Unmarshal(text, object))
	}
}
