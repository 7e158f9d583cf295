package ios

import (
	"fmt"
	"strconv"
	"strings"

	"flashwarden/internal/lazyregexp"
)

// Stack is the content of show switch on a stack.
type Stack struct {
	MAC      string // "aaaa.ddff.dddd"
	Switches []StackSwitch
}

// StackSwitch is one member of a stack.
type StackSwitch struct {
	Number   int
	Role     string // Master, Active, Standby, Member
	MAC      string
	Priority int
	Hardware string // "V04", "3"; empty for a provisioned member that is absent
	State    string // Ready, Provisioned, V-Mismatch, Removed, …
	Local    bool   // the member that answered (*)
}

var (
	stackMAC = lazyregexp.New(`(?m)^\s*(?:Switch|Chassis)/Stack Mac Address *: *(\S+)`)
	// *1       Active   689c.e2ff.b9d9     3      V04     Ready
	stackRow = lazyregexp.New(`^(\*)? *(\d{1,3}) +([A-Z][A-Za-z]+) +([0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}) +(\d{1,3})(?: +(\S+) )? +([A-Z].*)$`)
)

// stackLike matches a row of the table of members, readable or not.
var stackLike = lazyregexp.New(`^\*? *\d{1,3} +(?:Master|Active|Standby|Member|Slave)\b`)

// ParseSwitch reads show switch and show switch detail of a stack. Output
// without a line "Stack Mac Address" is an error. A member row that it cannot
// read is an error too; it returns the other rows together with the error.
func ParseSwitch(text string) (Stack, error) {
	if err := cutOff("show switch", text); err != nil {
		return Stack{}, err
	}
	stack := Stack{MAC: first(stackMAC, text)}
	if stack.MAC == "" {
		return Stack{}, nothingRead("show switch", "stack", text)
	}
	var unread error
	for _, line := range linesOf(text) {
		line = strings.TrimSpace(line)
		row := stackRow.FindStringSubmatch(line)
		if row == nil && unread == nil && stackLike.MatchString(line) {
			unread = fmt.Errorf("show switch: cannot read the stack member in the line %s", quote(line))
		}
		if row == nil {
			continue
		}
		number, _ := strconv.Atoi(row[2]) // at most three digits
		priority, _ := strconv.Atoi(row[5])
		stack.Switches = append(stack.Switches, StackSwitch{
			Number: number, Role: row[3], MAC: row[4], Priority: priority, Hardware: row[6],
			State: strings.TrimSpace(row[7]), Local: row[1] == "*",
		})
	}
	return stack, unread
}
