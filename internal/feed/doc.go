// Package feed knows which addresses and names are known to be bad, and which
// are known to be harmless whatever a list says: threat feeds and allow lists, in
// files or behind http(s), in the formats that their publishers use. It does not
// know connections, DNS or findings.
//
// Five layers, each ignorant of the one above:
//
//	formats    bytes -> entries; bounded memory whatever the bytes, no I/O of its own
//	set        the entries of one version of one list, packed
//	snapshot   all lists merged, immutable: the look-up
//	worker     one list: fetch, judge, keep the old one or take the new, when to look again
//	Feeds      configuration, all workers, the snapshot that holds
//
// What an entry means:
//
//   - An address or a range is itself. The most specific entry wins; of the same entry
//     in two feeds, the feed that the configuration names first.
//   - A name is the name and all below it, also when written as *.name, .name or
//     ||name^. A public suffix (com, co.uk) is refused. A shared hosting suffix (the
//     private section of the public suffix list: github.io, duckdns.org) is that name
//     only, because those below it belong to others.
//   - A URL is its host, and only this one: what is bad is a page of it. The kind of
//     the match says so.
//   - An allow list takes away: an address or a name that one holds never matches.
//   - Ranges that are not of the Internet (private, shared, loopback, link-local,
//     documentation, multicast, reserved) and the cluster's own never match, but for
//     feeds with `private: true`. 198.18.0.0/15 is not among them: laboratories use it.
//   - Ranges wider than /8 of IPv4 or /16 of IPv6 are refused: no list of what is bad
//     means a part of the Internet of that size.
//   - An entry that says until when it holds (STIX valid_until) ends then, to the minute.
//     Feodo's rows hold as long as their publisher lists them, who drops what is no longer online;
//     with `max_age` they end that long after their last_online.
package feed
