#!/usr/bin/env bash
# Brings the restic versions and the REST server that the backup tests talk to into .runtime/, once.
# They come from several Debian suites by an apt configuration of their own: nothing is installed, no
# root is needed, and apt checks the signatures as ever. Without Debian's apt and archive keys it fails.
set -euo pipefail
cd "$(dirname "$0")/.."

# The oldest that the backups must work with, the one of Debian stable, and the newest.
restic_suites=(bookworm trixie forky)
rest_server_suite=trixie
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}

complete() {
  local suite
  for suite in "${restic_suites[@]}"; do
    [ -e ".runtime/restic/.from-$suite" ] || return 1
  done
  [ -x .runtime/rest-server/usr/bin/restic-rest-server ]
}
if complete; then exit 0; fi

for needed in apt-get dpkg; do
  command -v "$needed" >/dev/null || { echo "peers.sh: needs $needed, as on Debian and its kin" >&2; exit 1; }
done
[ -r "$keyring" ] || { echo "peers.sh: needs $keyring, from the package debian-archive-keyring" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{lists/partial,cache/archives/partial,none,deb} .runtime/restic
: >"$work/status"
for suite in "${restic_suites[@]}"; do
  echo "deb [signed-by=$keyring] $mirror $suite main"
done >"$work/sources.list"

# On the command line, as that alone goes before the machine's own configuration.
apt=(
  apt-get -qq
  -o "Dir::State=$work" -o "Dir::State::lists=$work/lists" -o "Dir::State::status=$work/status"
  -o "Dir::Cache=$work/cache"
  -o "Dir::Etc::sourcelist=$work/sources.list" -o "Dir::Etc::sourceparts=$work/none"
  -o "Dir::Etc::preferences=$work/none/preferences" -o "Dir::Etc::preferencesparts=$work/none"
  # The folder belongs to whoever runs this, which the user _apt cannot write to.
  -o "APT::Sandbox::User=$(id -un)"
  -o Acquire::Languages=none -o Acquire::Retries=3
)
"${apt[@]}" update

# Unpacks PACKAGE of SUITE into a new folder and prints its path.
unpack() {
  local package=$1 suite=$2
  local into=$work/deb/$package-$suite
  mkdir -p "$into/root"
  (cd "$into" && "${apt[@]}" download "$package/$suite" >&2)
  dpkg -x "$into"/*.deb "$into/root"
  echo "$into/root"
}

for suite in "${restic_suites[@]}"; do
  root=$(unpack restic "$suite")
  version=$("$root/usr/bin/restic" version | sed -n 's/^restic \([0-9.]*\) .*/\1/p')
  [ -n "$version" ] || { echo "peers.sh: the restic of $suite does not say its version" >&2; exit 1; }
  rm -rf ".runtime/restic/$version"
  mv "$root" ".runtime/restic/$version"
  echo "$version" >".runtime/restic/.from-$suite"
  echo "restic $version ($suite)"
done
root=$(unpack restic-rest-server "$rest_server_suite")
rm -rf .runtime/rest-server
mv "$root" .runtime/rest-server
echo "restic-rest-server ($rest_server_suite)"
