package inventory

import (
	"fmt"
	"path"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/diag"
)

// This file is about policies that are known to be there, and not what they say.

// Foreign is a policy of an API that is not read: it may let pass what NetworkPolicy
// closes, or close what it opens. Mesh says that it is enforced by proxies beside
// the pods, and not where NetworkPolicy is. Sum is a digest of all that it says but
// for its metadata and its status: equal for equal policies, however they are
// written down.
type Foreign struct {
	APIVersion, Kind string
	Namespace, Name  string
	Mesh             bool
	Sum              string
	Origin           diag.Position
}

// String names the policy: "cilium.io/v2 CiliumNetworkPolicy shop/db".
func (f Foreign) String() string {
	return fmt.Sprintf("%s %s %s", f.APIVersion, f.Kind, path.Join(f.Namespace, f.Name))
}

// Key identifies the policy: group/kind/namespace/name, with nothing where the
// object says nothing. The version is no part of it: one object is served in
// several.
func (f Foreign) Key() string {
	group, _, found := strings.Cut(f.APIVersion, "/")
	if !found {
		group = ""
	}
	return group + "/" + f.Kind + "/" + f.Namespace + "/" + f.Name
}
