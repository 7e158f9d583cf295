package tftpd

// GroupsOf returns the groups that a server has which runs as the named user.
func GroupsOf(name string) ([]int, error) {
	a, err := lookUp(name)
	if err != nil {
		return nil, err
	}
	return a.groups, nil
}
