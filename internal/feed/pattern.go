package feed

import "strings"

// comparison says that an object's property equals a value.
type comparison struct{ path, value string }

// parsePattern reads a STIX pattern (section 9 of STIX 2.1) each of whose
// comparisons is enough by itself: equality, membership or containment, joined by
// OR. Whatever asks for more than one thing at once (AND, FOLLOWEDBY, a time, a
// negation) is irrelevant here: a part of it proves nothing.
func parsePattern(text string) ([]comparison, Reason) {
	var all []comparison
	p := scanner{rest: text}
	joined := true // to what comes next
	for depth := 0; ; {
		switch word := p.word(); {
		case word == "" && p.rest == "" && !joined && depth == 0:
			return all, accepted
		case word == "":
			return nil, Malformed
		case word == "[" || word == "(":
			depth++
		case word == "]" || word == ")":
			depth--
		case word == "OR":
			joined = true
		case strings.IndexByte(word, ':') > 0 && joined:
			joined = false
			values, why := p.values()
			if why != accepted {
				return nil, why
			}
			for _, v := range values {
				all = append(all, comparison{path: word, value: v})
			}
		case strings.IndexByte(word, ':') > 0:
			return nil, Malformed
		default:
			return nil, Irrelevant // AND, NOT, FOLLOWEDBY, START …
		}
	}
}

// scanner cuts words from a pattern.
type scanner struct{ rest string }

func (s *scanner) space() { s.rest = strings.TrimLeft(s.rest, " \t\r\n") }

// word is a bracket, an operator, a keyword or a path; it is empty at the end and
// before a string.
func (s *scanner) word() string {
	s.space()
	if s.rest == "" {
		return ""
	}
	end := 1
	switch {
	case strings.IndexByte("[](),", s.rest[0]) >= 0:
	case strings.IndexByte("=!<>", s.rest[0]) >= 0:
		for end < len(s.rest) && strings.IndexByte("=!<>", s.rest[end]) >= 0 {
			end++
		}
	default:
		end = pathEnd(s.rest)
	}
	word := s.rest[:end]
	s.rest = s.rest[end:]
	return word
}

// pathEnd is where a path or a keyword ends: file:hashes.'SHA-256', refs[*].value.
func pathEnd(text string) int {
	quoted, inside := false, false
	for i := range len(text) {
		switch c := text[i]; {
		case c == '\'':
			if i == 0 {
				return 0
			}
			quoted = !quoted
		case quoted:
		case c == '[':
			inside = true
		case c == ']' && inside:
			inside = false
		case strings.IndexByte(" \t\r\n=!<>](),", c) >= 0:
			return i
		}
	}
	return len(text)
}

// values reads an operator and what stands behind it.
func (s *scanner) values() ([]string, Reason) {
	switch s.word() {
	case "=", "==", "ISSUBSET":
		v, ok := s.literal()
		if !ok {
			return nil, Irrelevant // a number, a time, a Boolean
		}
		return []string{v}, accepted
	case "IN":
		return s.members()
	case "":
		return nil, Malformed
	}
	return nil, Irrelevant
}

func (s *scanner) members() ([]string, Reason) {
	if s.word() != "(" {
		return nil, Malformed
	}
	var all []string
	for {
		v, ok := s.literal()
		if !ok {
			return nil, Irrelevant
		}
		all = append(all, v)
		switch s.word() {
		case ")":
			return all, accepted
		case ",":
		default:
			return nil, Malformed
		}
	}
}

// literal reads a string in single quotes, where \ escapes.
func (s *scanner) literal() (string, bool) {
	s.space()
	if s.rest == "" || s.rest[0] != '\'' {
		return "", false
	}
	var value strings.Builder
	for i := 1; i < len(s.rest); i++ {
		switch s.rest[i] {
		case '\'':
			s.rest = s.rest[i+1:]
			return value.String(), true
		case '\\':
			if i++; i == len(s.rest) {
				return "", false
			}
		}
		value.WriteByte(s.rest[i])
	}
	return "", false
}
