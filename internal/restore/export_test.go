package restore

// Commands lets tests forge a step whose commands are right.
var Commands = commands
