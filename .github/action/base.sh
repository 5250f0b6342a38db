#!/usr/bin/env bash
# Finds the commit that the checkout is compared with, and says it as output
# "base"; and the commit from which guardrails and the model's settings are taken,
# as output "trusted", which is empty where the checkout itself says them. Fetches
# what a shallow clone lacks of these. What has no base, as a run by hand or the
# first push of a branch, is compared with itself: it is checked, and changes
# nothing.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=lib.sh
. "$here/lib.sh"

enter
git_settings

# bound says whether the event chooses the base, so that going on without it
# would let a pull request choose what it is held against.
case $GITHUB_EVENT_NAME in
pull_request* | merge_group) bound=yes ;;
*) bound= ;;
esac

base=${EVENT_BASE:-} merged='' trusted=''
if [ -n "$bound" ] && is_pull_merge; then
  merged=yes
  base=$(parents_of_head | head -n 1)
elif [ -n "$bound" ] && is_commit "$base" && [ -n "${PULL_BASE:-}" ]; then
  # The event names the base's tip of when the pull request was opened or last
  # pushed to, and guardrails that came since hold too.
  tip=$(git ls-remote origin "refs/heads/$PULL_BASE" 2>/dev/null | awk -v ref="refs/heads/$PULL_BASE" '$2 == ref {print $1}') || tip=
  if is_commit "$tip"; then base=$tip; fi
fi

if ! is_commit "$base"; then
  [ -z "$bound" ] || fail "the event names no base to compare with"
  output base "$(git rev-parse HEAD)"
  output trusted ''
  exit 0
fi

if ! git cat-file -e "$base^{commit}" 2>/dev/null; then
  depth=
  if [ "$(git rev-parse --is-shallow-repository)" = true ]; then depth=--depth=1; fi
  if ! git fetch --quiet --no-tags --no-recurse-submodules ${depth:+"$depth"} origin "$base"; then
    [ -z "$bound" ] || fail "the base $base could not be fetched: the token needs contents: read"
    notice "the commit before the push, $base, is not to be had (forced push?), so that nothing is compared"
    base=$(git rev-parse HEAD)
  fi
fi

# A checkout of the pull request's own branch is compared with where it left its
# base: what the base gained since then is nothing that the branch removes. But
# guardrails are those of the base's tip: a branch that left an old commit does not
# choose those of then.
if [ -n "$bound" ]; then trusted=$base; fi
if [ -n "$bound" ] && is_commit "${PULL_HEAD:-}" && [ -z "$merged" ]; then
  if left=$(git merge-base HEAD "$base" 2>/dev/null); then
    base=$left
  else
    notice "this shallow clone does not say where the branch left its base, so that it is compared with the tip of the base: give actions/checkout fetch-depth: 0"
  fi
fi
output base "$base"
output trusted "$trusted"
