package config

import (
	"github.com/goccy/go-yaml/ast"

	"flashwarden/internal/schedule"
)

// ownSchedules returns where the schedules go that schedule.devices, schedule.groups and
// schedule.sites have; nil if this is none of these keys. They have no environment
// variables.
func ownSchedules(c *Config, section, key string) *map[string]schedule.Schedule {
	if section != "schedule" {
		return nil
	}
	return map[string]*map[string]schedule.Schedule{"devices": &c.Schedule.Devices, "groups": &c.Schedule.Groups, "sites": &c.Schedule.Sites}[key]
}

// schedules reads a mapping of names to schedules.
func (s source) schedules(own *map[string]schedule.Schedule, where string, body ast.Node) error {
	if isEmpty(body) {
		return nil
	}
	return s.each(body, where, func(name string, _, value ast.Node) error {
		text, err := scalar(value)
		var when schedule.Schedule
		if err == nil {
			when, err = schedule.Parse(text)
		}
		if err != nil {
			return s.at(value.GetToken(), where+"."+name, err.Error())
		}
		if *own == nil {
			*own = make(map[string]schedule.Schedule)
		}
		(*own)[name] = when
		return nil
	})
}
