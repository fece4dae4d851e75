package action

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

// Write describes the requests of one sort by which an act changes something,
// narrower than a permission can: an admission policy lets them pass and nothing
// beside them.
//
// Its expressions are CEL as in a ValidatingAdmissionPolicy, over request,
// object and oldObject, and over variables.where and variables.name, which
// are the request's, or "".
type Write struct {
	Doc       string // what it is, to be read after "only"
	Operation string // as an admission request has it: CREATE, UPDATE, DELETE
	Group     string // "" is the core group
	Resource  string // in the plural, with its subresource: pods/eviction
	Where     string // the expression that holds for where it is; "": the target's namespace
	Named     string // the expression that is its name; "", beside Where: any
	Name      string // the name of what is written where that is not the target's; "": the target's
	Prefix    string // what stands before the target's name
	Suffix    string // a regular expression for what follows the target's name; "": nothing
	As        string // holds when it is as the act sends it, and changes nothing else
}

// annotations are those of the object that is written.
const annotations = ".metadata.annotations"

// attemptIDs is a regular expression for the IDs of acts.
const attemptIDs = kube.AttemptIDs

// eventWrites are the Events about objects of these kinds.
func eventWrites(action string, kinds ...string) []Write {
	var out []Write
	for _, k := range kinds {
		_, name := object(k)
		where := ""
		if k == kube.Node {
			where = within(kube.NodeEvents)
		}
		out = append(out, Write{
			Doc:       "to say that it did " + action,
			Operation: "CREATE", Group: "events.k8s.io", Resource: "events",
			Where: where, Named: "object.regarding.name",
			As: every(
				`object.metadata.name.matches(`+strconv.Quote("^"+kube.Manager+"-"+attemptIDs+"$")+`)`,
				only("object.metadata", "name", "namespace", "uid", "creationTimestamp", "managedFields"),
				`object.reportingController == `+strconv.Quote(kube.Manager)+` && object.reason == `+strconv.Quote(eventReason),
				`object.action == `+strconv.Quote(action)+` && object.regarding.kind == `+strconv.Quote(name),
				`!has(object.related) && !has(object.series)`,
			),
		})
	}
	return out
}

// within holds in the namespace of this name; "" is for what is in none.
func within(namespace string) string { return "variables.where == " + strconv.Quote(namespace) }

// byUs holds when the fields are set in our name.
var byUs = "has(request.options.fieldManager) && request.options.fieldManager == " + strconv.Quote(kube.Manager)

// marked holds when the map at path has the key, and it is the ID of an act.
func marked(path, key string) string {
	return fmt.Sprintf("has(%[1]s) && %[2]q in %[1]s && %[1]s[%[2]q].matches(%[3]q)", path, key, "^"+attemptIDs+"$")
}

// othersKept holds when the map at path, which may be absent, is in object as in
// oldObject, but for our keys.
func othersKept(path string, ours ...string) string {
	return fmt.Sprintf("(!has(object%[1]s) || object%[1]s.all(k, k in %[2]s ||\n"+
		"  has(oldObject%[1]s) && k in oldObject%[1]s && object%[1]s[k] == oldObject%[1]s[k])) &&\n"+
		"(!has(oldObject%[1]s) || oldObject%[1]s.all(k, k in %[2]s ||\n"+
		"  has(object%[1]s) && k in object%[1]s))", path, list(ours))
}

// every holds when each of the expressions does.
func every(expressions ...string) string { return strings.Join(expressions, " &&\n") }

// only holds when the map at path has no other keys.
func only(path string, keys ...string) string {
	return fmt.Sprintf("%s.all(k, k in %s)", path, list(keys))
}

// unchanged holds when the map at path is in object as in oldObject, but for some
// keys. A key that is absent on one side only is a change.
func unchanged(path string, but ...string) string {
	excepted := "k in " + list(but) + " || "
	return fmt.Sprintf("object%[1]s.all(k, %[2]sk in oldObject%[1]s && object%[1]s[k] == oldObject%[1]s[k]) &&\n"+
		"oldObject%[1]s.all(k, %[2]sk in object%[1]s)", path, excepted)
}

// list is a list of strings in CEL.
func list(texts []string) string {
	quoted := slices.Clone(texts)
	for i := range quoted {
		quoted[i] = strconv.Quote(quoted[i])
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
