package names

import (
	"crypto/tls"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestClientHelloOfGo(t *testing.T) {
	for why, c := range map[string]struct {
		config *tls.Config
		want   ClientHello
	}{
		"TLS 1.3":      {&tls.Config{ServerName: "WWW.Example.test", NextProtos: []string{"h2", "http/1.1"}}, ClientHello{SNI: "www.example.test", ALPN: []string{"h2", "http/1.1"}, Version: 0x0304}},
		"TLS 1.2":      {&tls.Config{ServerName: "old.test", MaxVersion: tls.VersionTLS12}, ClientHello{SNI: "old.test", Version: 0x0303}},
		"no name":      {&tls.Config{}, ClientHello{Version: 0x0304}},
		"address":      {&tls.Config{ServerName: "198.18.9.1"}, ClientHello{Version: 0x0304}},
		"odd protocol": {&tls.Config{ServerName: "a.test", NextProtos: []string{"a b\xff", "\x0a\x0a"}}, ClientHello{SNI: "a.test", ALPN: []string{`a\032b\255`}, Version: 0x0304}},
	} {
		got, err := ParseClientHello(message(hello(t, c.config)))
		require.NoError(t, err, why)
		require.Equal(t, c.want, got, why)
	}
}

func TestEncryptedClientHelloIsSaidToBeSo(t *testing.T) {
	got, err := ParseClientHello(message(hello(t, &tls.Config{
		ServerName: "secret.test", MinVersion: tls.VersionTLS13, NextProtos: []string{"h2"},
		EncryptedClientHelloConfigList: echConfigs(t, "front.test"),
	})))
	require.NoError(t, err)
	require.Equal(t, ClientHello{SNI: "front.test", ALPN: []string{"h2"}, Version: 0x0304, Encrypted: true}, got)
}

// built is a ClientHello with these extensions, of which each is type and content.
func built(version uint16, extensions ...[]byte) []byte {
	body := binary.BigEndian.AppendUint16(nil, version)
	body = append(body, make([]byte, 32)...)
	body = append(body, 0, 0, 2, 0x13, 0x01, 1, 0)
	if extensions != nil {
		all := slices.Concat(extensions...)
		body = binary.BigEndian.AppendUint16(body, uint16(len(all)))
		body = append(body, all...)
	}
	return append([]byte{typeHello, byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body))}, body...)
}

func extension(kind uint16, content string) []byte {
	b := binary.BigEndian.AppendUint16(nil, kind)
	b = binary.BigEndian.AppendUint16(b, uint16(len(content)))
	return append(b, content...)
}

func TestGREASEIsIgnored(t *testing.T) {
	got, err := ParseClientHello(built(0x0303,
		extension(0x0a0a, ""), extension(0x1a1a, "\x00"),
		extension(extSupportedVersions, "\x06\xfa\xfa\x03\x04\x03\x03"),
		extension(extALPN, "\x00\x06\x02\x3a\x3a\x02h2"),
		extension(extServerName, "\x00\x09\x00\x00\x06a.test"),
	))
	require.NoError(t, err)
	require.Equal(t, ClientHello{SNI: "a.test", ALPN: []string{"h2"}, Version: 0x0304}, got)
}

func TestHelloWithoutExtensions(t *testing.T) {
	got, err := ParseClientHello(built(0x0301))
	require.NoError(t, err)
	require.Equal(t, ClientHello{Version: 0x0301}, got)
}

func TestExtensionsThatCannotBeReadAreAsNone(t *testing.T) {
	for why, content := range map[string]string{
		"empty":            "",
		"no list":          "\x00\x00",
		"list too long":    "\xff\xff\x00\x00\x01a",
		"name too long":    "\x00\x09\x00\xff\xff\x61",
		"empty name":       "\x00\x03\x00\x00\x00",
		"other type":       "\x00\x04\x01\x00\x01a",
		"longer than DNS":  "\x01\x03\x00\x01\x00" + strings.Repeat("a", 256),
		"protocol too big": "\x00\x02\xff\x61",
	} {
		for _, kind := range []uint16{extServerName, extALPN, extSupportedVersions} {
			got, err := ParseClientHello(built(0x0303, extension(kind, content), extension(extEncryptedHello, "")))
			require.NoError(t, err, why)
			require.True(t, got.Encrypted, "what comes after is read: %s", why)
			if kind == extServerName {
				require.Empty(t, got.SNI, why)
			}
		}
	}
}

func TestHostileLengths(t *testing.T) {
	good := built(0x0303, extension(extServerName, "\x00\x09\x00\x00\x06a.test"), extension(extALPN, "\x00\x03\x02h2"))
	for i := range good { // cut: what is before the cut is found, and nothing is made up
		got, err := ParseClientHello(good[:i])
		require.ErrorIs(t, err, ErrShort, i)
		if got.SNI != "" {
			require.Equal(t, "a.test", got.SNI)
			require.GreaterOrEqual(t, i, len(good)-9)
		}
	}
	for i, why := range map[int]string{0: "type", 38: "session", 39: "suites", 43: "compression", 45: "extensions", 49: "extension"} {
		b := slices.Clone(good)
		b[i] = 0xff
		_, err := ParseClientHello(b)
		require.ErrorIs(t, err, ErrNotHello, why)
	}
	b := slices.Clone(good)
	b[1] = 0xff // says that it is 16 MiB
	_, err := ParseClientHello(b)
	require.ErrorIs(t, err, nil, "its extensions end before")
	got, err := ParseClientHello(built(0x0203))
	require.NoError(t, err, "servers do not look at it")
	require.Zero(t, got.Version)
}

func TestVersionsHaveNames(t *testing.T) {
	for version, want := range map[uint16]string{0x0300: "3.0", 0x0301: "1.0", 0x0302: "1.1", 0x0303: "1.2", 0x0304: "1.3", 0x0305: "", 0: "", 0x7f1c: ""} {
		require.Equal(t, want, TLSVersion(version))
	}
}

// FuzzClientHello: whatever crypto/tls's server accepts is read, and read the same.
func FuzzClientHello(f *testing.F) {
	f.Add(message(hello(f, &tls.Config{ServerName: "www.example.test", NextProtos: []string{"h2", "istio"}})))
	f.Add(message(hello(f, &tls.Config{ServerName: "old.test", MaxVersion: tls.VersionTLS12})))
	f.Add(message(hello(f, &tls.Config{ServerName: "a.test", MinVersion: tls.VersionTLS13, EncryptedClientHelloConfigList: echConfigs(f, "b.test")})))
	f.Add(built(0x0303, extension(extServerName, "\x00\x09\x00\x00\x06a.test"), extension(extALPN, "\x00\x06\x02\x3a\x3a\x02h2")))
	f.Add(built(0x0303, extension(extSupportedVersions, "\x04\xfa\xfa\x03\x04"), extension(extServerName, "\xff\xff\x00\x00\x06a.test")))
	f.Add(built(0x0301))
	f.Add(built(0x0400, extension(extSupportedVersions, "\x02\x03\x04")))
	f.Add(built(0x0000, extension(extSupportedVersions, "\x04\x06\x06\x06\x06")))
	for _, p := range capture(f, "tls-openssl.pcap") {
		f.Add(message(p.Payload))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > maxHello {
			return
		}
		got, err := ParseClientHello(b)
		info := accepted(b)
		if info == nil {
			return
		}
		require.NoError(t, err)
		if len(info.ServerName) <= 255 {
			want := ""
			if info.ServerName != "" {
				want = string(appendName(nil, []byte(info.ServerName)))
			}
			require.Equal(t, want, got.SNI)
		}
		highest := uint16(0)
		for _, v := range info.SupportedVersions {
			if v>>8 == 3 {
				highest = max(highest, v)
			}
		}
		if legacy := binary.BigEndian.Uint16(b[4:]); highest != 0 && !(legacy > maxLegacy && got.Version == maxLegacy) {
			require.Equal(t, highest, got.Version)
		}
		var alpn []string
		for _, p := range info.SupportedProtos {
			if !isGREASE([]byte(p)) && len(alpn) < maxALPN {
				text := []byte(nil)
				for _, c := range []byte(p) {
					text = appendPrintable(text, c)
				}
				alpn = append(alpn, string(text))
			}
		}
		require.Equal(t, alpn, got.ALPN)
	})
}
