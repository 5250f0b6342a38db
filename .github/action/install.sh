#!/usr/bin/env bash
# Puts kubeteus into a folder below RUNNER_TEMP: the release that VERSION names,
# whose checksum is held against the release's list before anything of it is
# unpacked, or else what the action's own checkout builds. Says where as output
# "kubeteus".
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=lib.sh
. "$here/lib.sh"

exe=
if [ "${RUNNER_OS:-}" = Windows ]; then exe=.exe; fi

# platform names what a release is built for.
platform() {
  local os arch
  case ${RUNNER_OS:-} in
  Linux) os=linux ;;
  macOS) os=darwin ;;
  Windows) os=windows ;;
  *) fail "no release is built for the operating system ${RUNNER_OS:-nobody named}; leave version empty" ;;
  esac
  case ${RUNNER_ARCH:-} in
  X64) arch=amd64 ;;
  ARM64) arch=arm64 ;;
  *) fail "no release is built for the architecture ${RUNNER_ARCH:-nobody named}; leave version empty" ;;
  esac
  platform=${os}_$arch
}

# fetch URL FILE: https, or http to this machine where a mirror listens on it.
fetch() {
  local only='=https'
  case $1 in
  https://*) ;;
  http://127.0.0.1:* | http://localhost:*) only='=http' ;;
  *) fail "KUBETEUS_RELEASES: https alone, not $1" 2 ;;
  esac
  curl --fail --silent --show-error --location --proto "$only" --proto-redir "$only" --retry 4 --retry-connrefused \
    --connect-timeout 20 --max-time 300 --max-filesize 268435456 --output "$2" -- "$1" ||
    fail "could not download $1: is there a release of that version?"
}

released() {
  [[ $VERSION =~ ^v?[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]] || fail "version: v1.2.3, not $VERSION" 2
  local version="v${VERSION#v}" name from sum got
  platform
  name="kubeteus_${version}_$platform"
  from="${KUBETEUS_RELEASES:-$GITHUB_SERVER_URL/kubeteus/kubeteus/releases/download}/$version"
  to=$(mktemp -d "$RUNNER_TEMP/kubeteus-release.XXXXXX")
  fetch "$from/checksums.txt" "$to/checksums.txt"
  fetch "$from/$name.tar.gz" "$to/$name.tar.gz"
  sum=$(awk -v name="$name.tar.gz" 'NF == 2 && $2 == name {print $1}' "$to/checksums.txt")
  [[ $sum =~ ^[0-9a-f]{64}$ ]] || fail "checksums.txt of $version has no one checksum of $name.tar.gz; nothing was unpacked"
  # From stdin: on Windows the file's name says D:\..., which tar takes for a host.
  got=$("${sha256[@]}" <"$to/$name.tar.gz" | cut -c 1-64)
  [ "$got" = "$sum" ] || fail "$name.tar.gz is not what checksums.txt says: sha256 is $got, and should be $sum; nothing was unpacked"
  tar -xzf - -C "$to" "$name/kubeteus$exe" <"$to/$name.tar.gz"
  kubeteus="$to/$name/kubeteus$exe"
}

# built: nothing of the caller's environment changes what is built or from what.
built() {
  kubeteus="$RUNNER_TEMP/kubeteus-built/kubeteus$exe"
  [ -x "$kubeteus" ] || (
    cd -- "$here/../.."
    export CGO_ENABLED=0 GOTOOLCHAIN=local GOWORK=off GOFLAGS=-mod=readonly GOOS='' GOARCH=''
    go build -trimpath -buildvcs=false -ldflags='-s -w' -o "$kubeteus" ./cmd/kubeteus
  ) || fail "the action's own checkout does not build"
}

if [ -n "${VERSION:-}" ]; then released; else built; fi
if [ ! -f "$kubeteus" ] || [ -L "$kubeteus" ]; then
  fail "there is no kubeteus in what was installed"
fi
"$kubeteus" version
output kubeteus "$kubeteus"
