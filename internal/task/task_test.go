package task_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/internal/task"
)

// journal records what tasks do, in order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

func (j *journal) want(t *testing.T, lines ...string) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	if !slices.Equal(j.lines, lines) {
		t.Errorf("happened: %q, want %q", j.lines, lines)
	}
}

// steady is a task that runs until it is ended, which takes a second.
func (j *journal) steady(name string) task.Task {
	return task.Task{Name: name, Run: func(ctx context.Context, ready func()) error {
		j.add(name + " starts")
		ready()
		<-ctx.Done()
		time.Sleep(time.Second)
		j.add(name + " ended")
		return ctx.Err()
	}}
}

func (j *journal) group(tasks ...task.Task) task.Group {
	return task.Group{Tasks: tasks, Ready: func() { j.add("ready") }, Ending: func() { j.add("ending") }}
}

// TestOrder ends three tasks by the context: each starts when the one before is ready,
// and ends when the one behind it has ended.
func TestOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &journal{}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, cancel)
		if err := j.group(j.steady("a"), j.steady("b"), j.steady("c")).Run(ctx); err != nil {
			t.Error(err)
		}
		j.want(t, "a starts", "b starts", "c starts", "ready", "ending", "c ended", "b ended", "a ended")
	})
}

// TestFailures has tasks that fail at each moment: the others end in order, and the
// first error names its task.
func TestFailures(t *testing.T) {
	broken := errors.New("broken")
	fails := func(after time.Duration, isReady bool, err error) task.Task {
		return task.Task{Name: "x", Run: func(ctx context.Context, ready func()) error {
			if isReady {
				ready()
			}
			select {
			case <-time.After(after):
			case <-ctx.Done():
			}
			return err
		}}
	}
	for name, c := range map[string]struct {
		task task.Task
		want string
		seen []string
	}{
		"before it is ready":    {fails(0, false, broken), "x: broken", []string{"a starts", "ending", "a ended"}},
		"while all run":         {fails(time.Minute, true, broken), "x: broken", []string{"a starts", "c starts", "ready", "ending", "c ended", "a ended"}},
		"without an error":      {fails(time.Minute, true, nil), "x: it ended by itself", []string{"a starts", "c starts", "ready", "ending", "c ended", "a ended"}},
		"when it is ended":      {fails(time.Hour, true, broken), "x: broken", []string{"a starts", "c starts", "ready", "ending", "c ended", "a ended"}},
		"not ready at the end":  {fails(time.Hour, false, context.Canceled), "", []string{"a starts", "ending", "a ended"}},
		"ended without trouble": {fails(time.Hour, true, nil), "", []string{"a starts", "c starts", "ready", "ending", "c ended", "a ended"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := &journal{}
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
				defer cancel()
				err := j.group(j.steady("a"), c.task, j.steady("c")).Run(ctx)
				if text := errorText(err); text != c.want {
					t.Errorf("error %q, want %q", text, c.want)
				}
				j.want(t, c.seen...)
			})
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestTwoFailures has a second task fail while it is ended: both errors are reported,
// each once.
func TestTwoFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := errors.New("first"), errors.New("second")
		err := task.Group{Tasks: []task.Task{
			{Name: "a", Run: func(ctx context.Context, ready func()) error { ready(); <-ctx.Done(); return second }},
			{Name: "b", Run: func(_ context.Context, ready func()) error { ready(); return first }},
		}}.Run(t.Context())
		if !errors.Is(err, first) || !errors.Is(err, second) || strings.Count(err.Error(), "first") != 1 {
			t.Errorf("error %q", err)
		}
	})
}

// TestAnswers asks tasks whether they work: the first one that does not is named.
func TestAnswers(t *testing.T) {
	stuck := errors.New("stuck")
	g := task.Group{Tasks: []task.Task{{Name: "silent"}, {Name: "well", Answers: func(context.Context) error { return nil }}}}
	if err := g.Answers(t.Context()); err != nil {
		t.Error(err)
	}
	g.Tasks = append(g.Tasks, task.Task{Name: "queue", Answers: func(context.Context) error { return stuck }})
	if err := g.Answers(t.Context()); !errors.Is(err, stuck) || err.Error() != "queue: stuck" {
		t.Errorf("error %v", err)
	}
}
