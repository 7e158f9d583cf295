package httpapi_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"
)

// sample fills v and everything in it with values that differ, so that a field
// that is lost or swapped on the way is seen.
type sample struct{ next int }

func (s *sample) fill(v reflect.Value) {
	if v.Type() == reflect.TypeFor[json.RawMessage]() {
		v.Set(reflect.ValueOf(json.RawMessage(`{"results":[]}`)))
		return
	}
	s.next++
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d: <ü> & \"quoted\"\n", s.next))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1<<40 + int64(s.next))
	case reflect.Uint16:
		v.SetUint(uint64(s.next))
	case reflect.Float64:
		v.SetFloat(float64(s.next) + 0.1)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		s.fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			s.fill(v.Index(i))
		}
	case reflect.Struct:
		s.fillStruct(v)
	default:
		panic("no sample of " + v.Type().String())
	}
}

func (s *sample) fillStruct(v reflect.Value) {
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Date(2026, 11, 28, 7, 0, s.next, s.next, time.UTC)))
		return
	}
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("json") != "-" {
			s.fill(v.Field(i))
		}
	}
}

// full fills a value.
func full(v reflect.Value) { new(sample).fill(v) }

// hollow makes the slices of a value empty, and not nil. A program that reads
// the JSON distinguishes [] from null.
func hollow(v reflect.Value) {
	if v.Type() == reflect.TypeFor[json.RawMessage]() { // an empty one is no JSON
		return
	}
	switch v.Kind() {
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			hollow(v.Field(i))
		}
	}
}
