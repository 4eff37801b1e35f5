package feed

import (
	"bufio"
	"encoding/json"
)

// parseSpamhaus reads Spamhaus DROP: an object with a range on each line, and one
// about the list itself.
func parseSpamhaus(r *bufio.Reader, b *builder) error {
	return eachLine(r, b, func(n int, line []byte) {
		var row struct {
			CIDR string `json:"cidr"`
			Type string `json:"type"`
		}
		switch err := json.Unmarshal(line, &row); {
		case err == nil && row.CIDR == "" && row.Type == "metadata":
		case err == nil && row.CIDR == "": // an AS number, in their other list
			b.refuse(n, string(line), Irrelevant)
		case err != nil || !b.address(n, row.CIDR, tag{}):
			b.refuse(n, string(line), Malformed)
		}
	})
}
