// Package task runs the parts of a service: it starts them in order, and ends them in
// the reverse order.
package task

import (
	"context"
	"errors"
	"fmt"
)

// Task is one part of a service, such as a server or a queue.
type Task struct {
	Name string // in errors: "TFTP server"

	// Run works until ctx ends. Then it returns nil, after everything that it started
	// has ended. It calls ready once, when the next task may start.
	Run func(ctx context.Context, ready func()) error

	// Answers returns nil if the task still works. It may wait for the task until ctx
	// ends. Nil: nothing can be asked.
	Answers func(ctx context.Context) error
}

// Group is tasks that run together.
type Group struct {
	Tasks  []Task // the first one starts first and ends last
	Ready  func() // is called once, when all tasks are ready; nil: nobody waits
	Ending func() // is called once, before the first task is ended; nil: nobody waits
}

// errEnded is the error of a task that ended by itself.
var errEnded = errors.New("it ended by itself")

// Run starts the tasks. When ctx ends, or a task ends by itself, it ends the tasks one
// after the other, and returns when all have ended. It returns the first error of a
// task, with its name, joined with the errors of tasks that ended later. If ctx has
// ended the tasks, the errors of ctx do not count.
func (g Group) Run(ctx context.Context) error {
	failed := make(chan error, len(g.Tasks))
	var running []*run
	var err error
	for _, t := range g.Tasks {
		r := start(ctx, t, failed)
		running = append(running, r)
		if err = r.wait(ctx, failed); err != nil || ctx.Err() != nil {
			break
		}
	}
	if err == nil && ctx.Err() == nil {
		call(g.Ready)
		select {
		case <-ctx.Done():
		case err = <-failed:
		}
	}
	call(g.Ending)
	for i := len(running) - 1; i >= 0; i-- {
		err = errors.Join(err, running[i].end(err))
	}
	return err
}

// Answers asks every task whether it still works, and returns the first error, with
// the name of the task.
func (g Group) Answers(ctx context.Context) error {
	for _, t := range g.Tasks {
		if t.Answers == nil {
			continue
		}
		if err := t.Answers(ctx); err != nil {
			return fmt.Errorf("%s: %w", t.Name, err)
		}
	}
	return nil
}

func call(f func()) {
	if f != nil {
		f()
	}
}

// run is a task that was started.
type run struct {
	cancel context.CancelFunc
	ready  chan struct{}
	ended  chan struct{}
	err    error // with the name of the task; set before ended is closed
}

// start starts a task. failed receives its error if it ends before it is ended. The
// context of the task has only the values of ctx: end ends it, in its turn.
func start(ctx context.Context, t Task, failed chan<- error) *run {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := &run{cancel: cancel, ready: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		err := t.Run(own, func() { close(r.ready) })
		if err == nil && own.Err() == nil {
			err = errEnded
		}
		if err != nil && !(own.Err() != nil && errors.Is(err, context.Canceled)) {
			r.err = fmt.Errorf("%s: %w", t.Name, err)
			failed <- r.err
		}
	}()
	return r
}

// wait waits until the task is ready. It returns the error of a task that fails first,
// and nil if ctx ends.
func (r *run) wait(ctx context.Context, failed <-chan error) error {
	select {
	case <-r.ready:
		return nil
	case err := <-failed:
		return err
	case <-ctx.Done():
		return nil
	}
}

// end ends the task. It returns its error unless that is reported.
func (r *run) end(reported error) error {
	r.cancel()
	<-r.ended
	if r.err == nil || errors.Is(reported, r.err) {
		return nil
	}
	return r.err
}
