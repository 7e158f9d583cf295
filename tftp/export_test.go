package tftp

// Settings returns the copy of a Server with which Serve runs.
func Settings(s *Server) *Server { return s.withDefaults() }
