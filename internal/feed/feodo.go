package feed

import (
	"bufio"
	"bytes"
	"slices"
	"time"
)

// feodoColumns is where the columns of use stand; -1 where they do not.
type feodoColumns struct{ addr, online, malware int }

// parseFeodo reads the CSV of abuse.ch's Feodo Tracker. Its header names the
// columns, quoted or behind a #; the port is not looked at: a botnet's server is bad
// on each.
func parseFeodo(r *bufio.Reader, b *builder) error {
	columns := feodoColumns{-1, -1, -1}
	var fields []string
	return eachLine(r, b, func(n int, line []byte) {
		if isFeodoHeader(line) {
			columns = columnsOf(splitCSV(bytes.TrimLeft(line, "# "), nil))
			return
		}
		if line[0] == '#' {
			return
		}
		fields = splitCSV(line, fields[:0])
		addr := fieldAt(fields, columns.addr)
		t := tag{note: note(fieldAt(fields, columns.malware))}
		if online, err := time.Parse(time.DateOnly, day(fieldAt(fields, columns.online))); err == nil {
			t.until = b.ageFrom(online)
		}
		if addr == "" || !b.address(n, addr, t) {
			b.refuse(n, string(line), Malformed)
		}
	})
}

func isFeodoHeader(line []byte) bool {
	return bytes.Contains(line, []byte("dst_ip")) && bytes.IndexByte(line, ',') > 0
}

func columnsOf(header []string) feodoColumns {
	return feodoColumns{
		addr:    slices.Index(header, "dst_ip"),
		online:  slices.Index(header, "last_online"),
		malware: slices.Index(header, "malware"),
	}
}

func fieldAt(fields []string, i int) string {
	if i < 0 || i >= len(fields) {
		return ""
	}
	return fields[i]
}

// day is the date of a date with or without a time.
func day(text string) string { return text[:min(len(text), len(time.DateOnly))] }

// splitCSV appends the fields of a line (RFC 4180, but for line ends in quotes).
func splitCSV(line []byte, fields []string) []string {
	for {
		var field []byte
		if len(line) > 0 && line[0] == '"' {
			field, line = cutQuoted(line[1:])
		}
		end := bytes.IndexByte(line, ',')
		if end < 0 {
			return append(fields, string(append(field, line...)))
		}
		fields = append(fields, string(append(field, line[:end]...)))
		line = line[end+1:]
	}
}

// cutQuoted reads to the closing quote; two quotes are one.
func cutQuoted(line []byte) (field, rest []byte) {
	for {
		end := bytes.IndexByte(line, '"')
		if end < 0 {
			return append(field, line...), nil
		}
		field = append(field, line[:end]...)
		line = line[end+1:]
		if len(line) == 0 || line[0] != '"' {
			return field, line
		}
		field = append(field, '"')
		line = line[1:]
	}
}
