#!/usr/bin/env bash
# Mode write: compiles, and commits the overlay and the lock, and nothing else, to
# the branch that is checked out. Says as outputs "commit" what it pushed, and
# "locked" that every statement is in the lock, so that the review asks no model
# again. What is rejected is left for the review to tell.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=lib.sh
. "$here/lib.sh"

# branch is what is pushed to, or the reason why there is none.
branch() {
  case $GITHUB_EVENT_NAME in
  pull_request)
    [ "${PULL_REPOSITORY:-}" = "$GITHUB_REPOSITORY" ] ||
      fail "mode: write does not push to forks: the pull request comes from ${PULL_REPOSITORY:-a repository that is gone}; use mode: check, and apply its patch"
    branch=$PULL_REF
    ;;
  push | workflow_dispatch | schedule)
    [ "${GITHUB_REF_TYPE:-}" = branch ] || fail "mode: write needs a branch, and $GITHUB_REF is none"
    branch=${GITHUB_REF#refs/heads/}
    ;;
  *) fail "mode: write pushes on pull_request, push, workflow_dispatch and schedule, not on $GITHUB_EVENT_NAME" ;;
  esac
  if [ "${GITHUB_ACTOR:-}" = 'dependabot[bot]' ] || [ "${PULL_AUTHOR:-}" = 'dependabot[bot]' ]; then
    fail "mode: write does not push to Dependabot's branches: its token may not, and Dependabot leaves a branch that others pushed to; use mode: check"
  fi
}

# tip demands that the checkout is the branch as it is now: a commit on top of
# anything else would bring other people's changes along, or undo them.
tip() {
  local head tip
  head=$(git rev-parse HEAD)
  if is_pull_merge; then
    fail "mode: write needs the branch itself, and the checkout is the pull request's merge commit: give actions/checkout  ref: \${{ github.head_ref }}"
  fi
  tip=$(git ls-remote origin "refs/heads/$branch" | awk -v ref="refs/heads/$branch" '$2 == ref {print $1}') ||
    fail "the branch $branch could not be looked up: the token needs contents: write"
  [ -n "$tip" ] || fail "the branch $branch is gone"
  [ "$tip" = "$head" ] ||
    fail "the checkout, $head, is not the tip of $branch, $tip: the run for that commit writes; or give actions/checkout  ref: \${{ github.head_ref || github.ref_name }}"
}

# has says whether a commit has the project's folder, and so something that the
# branch is held against. One that cannot be read is no commit without it.
has() {
  local folder entry
  folder=$(git -C "$project_dir" rev-parse --show-prefix)
  folder=${folder%/}
  [ -n "$folder" ] || return 0
  entry=$(git --literal-pathspecs ls-tree --full-tree "$1" -- "$folder") || fail "the base $1 cannot be read"
  [ -n "$entry" ]
}

# compile leaves the overlay's folder in overlay, or nothing if it was rejected.
compile() {
  local report mute code=0
  flags
  if [ -n "${TRUSTED:-}" ]; then
    # As the review does: the base's tip, or where the branch left it.
    if has "$TRUSTED"; then
      flags+=("--base=$TRUSTED")
    elif has "$BASE"; then
      flags+=("--base=$BASE")
    else
      notice "the base does not have this project: guardrails and settings are the pull request's own"
    fi
  fi
  if [ "$LOCKED" = true ]; then flags+=(--locked); fi
  report=$(mktemp "$RUNNER_TEMP/kubeteus-compiled.XXXXXX")
  # Diagnostics quote the repository, and shall not start workflow commands.
  mute=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  printf '::stop-commands::%s\n' "$mute"
  GITHUB_TOKEN=$TOKEN "$KUBETEUS" compile --format=json ${flags[@]+"${flags[@]}"} -- "${INTENTS:-.}" >"$report" || code=$?
  printf '::%s::\n' "$mute"
  overlay=
  case $code in
  0) overlay=$(sed -n 's/^  "overlay": "\(.*\)",\{0,1\}$/\1/p' "$report") ;;
  3) return ;;
  *) exit "$code" ;;
  esac
  case $overlay in
  '' | *\\* | /*) fail "the overlay lies in $overlay, where mode: write cannot commit it: give it a plain name inside the project" ;;
  esac
}

# commit adds the overlay and the lock by name, so that whatever else lies about
# in the checkout, changed or staged, stays out.
commit() {
  local paths=("$overlay" "$project_intents/kubeteus.lock")
  export GIT_LITERAL_PATHSPECS=1
  git add --all -- "${paths[@]}"
  if git diff --cached --quiet HEAD -- "${paths[@]}"; then
    echo "kubeteus: nothing to commit: overlay and lock are what the intents say"
    return
  fi
  GIT_AUTHOR_NAME='github-actions[bot]' GIT_AUTHOR_EMAIL='41898282+github-actions[bot]@users.noreply.github.com' \
    GIT_COMMITTER_NAME='github-actions[bot]' GIT_COMMITTER_EMAIL='41898282+github-actions[bot]@users.noreply.github.com' \
    git -c commit.gpgSign=false commit --quiet --message 'Write the overlay that the intents say' \
    --message 'By kubeteus compile.' -- "${paths[@]}"
  git push --quiet origin "HEAD:refs/heads/$branch" ||
    fail "the commit was not taken by $branch: the token needs contents: write, the branch may be protected, or it moved on meanwhile, and then the run for that commit writes"
  output commit "$(git rev-parse HEAD)"
  printf 'kubeteus: committed to the branch as %s\n' "$(git rev-parse HEAD)"
  notice "the overlay was committed to the branch. A commit made with the workflow's own token starts no further checks: push once more, or give the action a token of an app"
}

[ "${MODE:-}" = write ] || fail "mode: check or write, not ${MODE:-nothing}" 2
truth locked "$LOCKED"
enter
git_settings
project
branch
tip
compile
if [ -n "$overlay" ]; then
  output locked true
  cd -- "$project_dir"
  commit
fi
