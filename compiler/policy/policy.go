// Package policy holds policy objects as users and clusters know them, and their
// canonical YAML in both directions.
//
// Encode writes the same bytes for the same object: keys in the API's order,
// comments above rules, no status. Decode keeps the position of every rule, so
// that a verdict can name the line that decided it. The package knows nothing
// of what policies mean; package reach does.
package policy

import (
	"strings"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/kubeteus/kubeteus/compiler/diag"
)

// Object is one policy. Exactly one of the typed fields is set; NetworkPolicy is
// the only API so far.
type Object struct {
	NetworkPolicy *networkingv1.NetworkPolicy

	// Comment stands above the whole object, Ingress and Egress above the rule
	// of that index; each string may hold several lines, without "# ".
	Comment string
	Ingress []string
	Egress  []string

	// Origin is the object's place in the file it was read from; IngressAt and
	// EgressAt are its rules' places. Unknown for objects that were lowered.
	Origin    diag.Position
	IngressAt []diag.Position
	EgressAt  []diag.Position
}

// Kind returns the object's kind.
func (o Object) Kind() string { return "NetworkPolicy" }

// Namespace returns the object's namespace.
func (o Object) Namespace() string { return o.NetworkPolicy.Namespace }

// Name returns the object's name.
func (o Object) Name() string { return o.NetworkPolicy.Name }

// Key identifies the object: kind/namespace/name.
func (o Object) Key() string { return o.Kind() + "/" + o.Namespace() + "/" + o.Name() }

// Labels and annotations that kubeteus writes on every object of its own.
const (
	ManagedByLabel   = "app.kubernetes.io/managed-by"
	ManagedBy        = "kubeteus"
	ProjectLabel     = "kubeteus.dev/project"
	IntentAnnotation = "kubeteus.dev/intents"
)

// Intents are the intents that o carries, as set/name.
func (o Object) Intents() []string {
	return strings.Fields(strings.ReplaceAll(o.NetworkPolicy.Annotations[IntentAnnotation], ",", " "))
}

// Own says whether kubeteus wrote o for the project.
func (o Object) Own(project string) bool {
	l := o.NetworkPolicy.Labels
	return l[ManagedByLabel] == ManagedBy && l[ProjectLabel] == project
}
