# METADATA
# title: a selector that no labels can meet
# description: >-
#   Two conditions on one key exclude each other. All conditions of a selector must hold at
#   once: to mean either value, list both under one In.
# custom:
#   severity: error
package kubeteus.rules.correctness["never-matches"]

import data.kubeteus.lib

findings contains lib.finding(policy, selector.field, message) if {
	some policy in input.policies
	some selector in lib.selectors(policy)
	selector.meaning.impossible
	message := "no pod can meet this selector: its conditions exclude each other"
}
