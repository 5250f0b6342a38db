// Package kubernetes lowers rules to NetworkPolicies.
//
// It owns the translation and its limits: what a NetworkPolicy cannot say
// exactly is a diagnostic, never an approximation. It does not judge its own
// output (packages reach and verify do), and it does not look for rules that
// contradict each other (verify does).
//
// # From rules to policies
//
// A set of NetworkPolicies decides for each pod and each end, ingress or egress,
// by itself: a pod that no policy selects for an end lets everything pass there;
// a selected one lets pass what any rule of any policy that selects it says.
// There is no deny. So the whole task is, for each pod p and end e, to say the
// traffic D(p,e) that may pass there:
//
//	D(p,e) = everything - the firm Closes that concern p
//	                    - the soft Closes that concern p, but for what the
//	                      Allows of their own set say at p
//
// Since a flow passes if both of its ends let it, and since every rule of
// section 4.2 blocks at one end, D computed at each end alone gives exactly the
// program's meaning. Where D is everything, p needs no policy. Where a policy in
// force isolates (p,e) already, policies can only add: what is written is the
// Allows within D, and if the policy in force allows what D leaves out, the
// statement is refused.
//
// Four steps:
//
//   - Peers are sets. A box (labels.go) is a conjunction of constraints on the
//     labels of a pod and of its namespace, closed under intersection, and whose
//     complement is a union of boxes. A region (region.go) is a union of boxes
//     and address sets, each with a set of ports. So "everybody but the pods of
//     lab" is exact for pods that nobody declared, too.
//   - Rules become regions (party.go, wants.go). A workload is the box of the
//     fewest stable labels that no other workload of its namespace has
//     (selector.go).
//   - The pods of a namespace fall into classes of equal D (class.go): each
//     declared workload, and the cells into which the selectors in play cut the
//     pods that nobody declared.
//   - Objects are chosen so that the rules selecting a class add up to its D
//     (plan.go). A Close over a namespace or a label set is one object with that
//     selector. Its rules are those of its most general cell; a class that wants
//     less is carved out of the selector and gets an object of its own, for two
//     complements side by side would let everything pass. A workload that a rule
//     names gets an object that says its whole D, to be read alone.
//
// Writing (render.go) merges peers and ports, and turns address sets into
// ipBlocks. Dataplanes differ on whether an ipBlock matches pods, so a block
// never covers a pod's address unless every pod is allowed the same ports.
package kubernetes
