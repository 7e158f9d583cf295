package iossim

// Running returns the file that the switch started from, as show version names it.
func (s *Switch) Running() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.boot.running
}
