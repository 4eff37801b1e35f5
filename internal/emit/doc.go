// Package emit turns series and connections into OTLP. It knows pdata and the
// names on the wire; it is the only package that does.
package emit
