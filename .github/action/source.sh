#!/usr/bin/env bash
# Says which Go the action's own checkout needs, and a digest of what is in it, for
# the key of the cache. The caller's repository plays no part in either.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=lib.sh
. "$here/lib.sh"

cd -- "$here/../.."
minor=$(sed -n 's/^go \([0-9]*\.[0-9]*\).*/\1/p' go.mod)
[ -n "$minor" ] || fail "$PWD/go.mod does not say which Go it needs"
digest=$(find . \( -path ./.git -o -path ./bin -o -path ./dist \) -prune -o -type f -print0 | xargs -0 "${sha256[@]}" | LC_ALL=C sort | "${sha256[@]}" | cut -c 1-64)
output go "$minor.x"
output digest "$digest"
output folder "$RUNNER_TEMP/kubeteus-built"
