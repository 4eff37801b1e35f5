package receiver

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/confmap"
)

// Unmarshal decodes as the Collector does. Before that it looks for keys that do not exist
// and says which do, and for values of another type than their key's, which the decoder
// names less clearly, or takes (1.5 is 1, and 15 is 15 ns); each with its path.
func (c *Config) Unmarshal(conf *confmap.Conf) error {
	errs := misfits(conf, "", conf.ToStringMap(), reflect.TypeFor[Config]())
	return errors.Join(append(errs, conf.Unmarshal(c))...)
}

// misfits compares a map with the struct that it is for, and takes out of conf what it reports.
func misfits(conf *confmap.Conf, path string, raw map[string]any, into reflect.Type) (errs []error) {
	fields := keysOf(into)
	for _, key := range slices.Sorted(maps.Keys(raw)) {
		at := path + key
		field, known := fields[key]
		if !known {
			errs = append(errs, fmt.Errorf("%s: there is no such key, only %v", at, slices.Sorted(maps.Keys(fields))))
			conf.Delete(at)
			continue
		}
		if inner, is := raw[key].(map[string]any); is && field.Kind() == reflect.Struct {
			errs = append(errs, misfits(conf, at+confmap.KeyDelimiter, inner, field)...)
			continue
		}
		if want := misfit(raw[key], field); want != "" {
			errs = append(errs, fmt.Errorf("%s: must be %s, is %#v", at, want, raw[key]))
			conf.Delete(at)
		}
	}
	return errs
}

// misfit says what a value should be that is of the wrong type. Text and lists are the
// decoder's: what an environment variable holds is text, whatever it looks like.
func misfit(value any, field reflect.Type) (want string) {
	switch {
	case value == nil:
		return ""
	case field == reflect.TypeFor[time.Duration]():
		if _, is := value.(time.Duration); is {
			return "" // of a configuration that was never text
		}
		text, is := value.(string)
		if _, err := time.ParseDuration(text); !is || err != nil {
			return "a duration such as 1m30s"
		}
	case field.Kind() == reflect.Struct:
		return fmt.Sprintf("a map of %v", slices.Sorted(maps.Keys(keysOf(field))))
	case field.Kind() == reflect.Bool:
		if _, is := value.(bool); !is {
			return "true or false"
		}
	case field.Kind() == reflect.Int:
		if number, is := value.(float64); is && number == math.Trunc(number) {
			return ""
		}
		if _, is := value.(int); !is {
			return "a whole number"
		}
	}
	return ""
}

// keysOf are the keys of a struct with the types of their fields.
func keysOf(t reflect.Type) map[string]reflect.Type {
	keys := map[string]reflect.Type{}
	for i := range t.NumField() {
		tag, tagged := t.Field(i).Tag.Lookup(confmap.MapstructureTag)
		if key, _, _ := strings.Cut(tag, ","); tagged {
			keys[key] = t.Field(i).Type
		}
	}
	return keys
}
