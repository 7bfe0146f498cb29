#!/usr/bin/env bash
# Brings into .runtime/, once, what the backup tests talk to: several restic versions, the REST server,
# and as root a guest for LXC. They come from Debian's suites by an apt configuration of their own: nothing
# is installed, and apt checks the signatures as ever. Without Debian's apt and archive keys it fails.
set -euo pipefail
cd "$(dirname "$0")/.."

# The oldest that the backups must work with, the one of Debian stable, and the newest.
restic_suites=(bookworm trixie forky)
rest_server_suite=trixie
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}

guest_suite=bookworm
# The job directories of long commands need systemd inside, dumps need the client of the server's version.
guest_packages=systemd,systemd-sysv,dbus,postgresql-client-15

fail() {
  echo "peers.sh: $*" >&2
  exit 1
}

has_restics() {
  local suite
  for suite in "${restic_suites[@]}"; do
    [ -e ".runtime/restic/.from-$suite" ] || return 1
  done
  [ -x .runtime/rest-server/usr/bin/restic-rest-server ]
}

# A Debian for the containers of a host that backups are tested on; debootstrap and LXC want root.
bring_guest() {
  [ ! -e .runtime/guest ] || return 0
  if [ "$(id -u)" != 0 ] || ! command -v debootstrap lxc-start >/dev/null; then
    echo "peers.sh: no LXC guest, as it needs root and the packages lxc and debootstrap" >&2
    return 0
  fi
  local part=.runtime/guest.part
  rm -rf "$part"
  mkdir -p .runtime
  debootstrap --variant=minbase "--include=$guest_packages" "$guest_suite" "$part" "$mirror" >"$work/debootstrap" ||
    { tail -n 20 "$work/debootstrap" >&2; fail "debootstrap failed"; }
  rm -f "$part"/var/cache/apt/archives/*.deb "$part/etc/hostname"
  # Empty: each container makes its own at its start.
  : >"$part/etc/machine-id"
  # The containers share the machine's network, which is not theirs to set up, and folders under /tmp,
  # which are not theirs to empty.
  local unit
  for unit in systemd-{sysctl,networkd,resolved,timesyncd}.service {systemd-tmpfiles-clean,apt-daily,apt-daily-upgrade}.timer; do
    ln -sf /dev/null "$part/etc/systemd/system/$unit"
  done
  mkdir -p "$part/etc/tmpfiles.d"
  ln -sf /dev/null "$part/etc/tmpfiles.d/tmp.conf"
  mv "$part" .runtime/guest
  echo "a guest for LXC ($guest_suite)"
}

# Once, before anything is unpacked.
lists() {
  [ ! -e "$work/sources.list" ] || return 0
  command -v apt-get dpkg >/dev/null || fail "needs apt-get and dpkg, as on Debian and its kin"
  [ -r "$keyring" ] || fail "needs $keyring, from the package debian-archive-keyring"
  mkdir -p "$work"/{lists/partial,cache/archives/partial,none,deb}
  : >"$work/status"
  local suite
  for suite in "${restic_suites[@]}"; do
    echo "deb [signed-by=$keyring] $mirror $suite main"
  done >"$work/sources.list"
  apt update
}

# The other server of repositories over HTTP.
bring_rclone() {
  [ ! -x .runtime/rclone/usr/bin/rclone ] || return 0
  lists
  local root
  root=$(unpack rclone "$rest_server_suite")
  rm -rf .runtime/rclone
  mv "$root" .runtime/rclone
  echo "rclone ($rest_server_suite)"
}

bring_restics() {
  ! has_restics || return 0
  lists
  mkdir -p .runtime/restic
  local suite root version
  for suite in "${restic_suites[@]}"; do
    root=$(unpack restic "$suite")
    version=$("$root/usr/bin/restic" version | sed -n 's/^restic \([0-9.]*\) .*/\1/p')
    [ -n "$version" ] || fail "the restic of $suite does not say its version"
    rm -rf ".runtime/restic/$version"
    mv "$root" ".runtime/restic/$version"
    echo "$version" >".runtime/restic/.from-$suite"
    echo "restic $version ($suite)"
  done
  root=$(unpack restic-rest-server "$rest_server_suite")
  rm -rf .runtime/rest-server
  mv "$root" .runtime/rest-server
  echo "restic-rest-server ($rest_server_suite)"
}

# apt-get beside the machine's own: on the command line, as that alone goes before its configuration.
apt() {
  apt-get -qq \
    -o "Dir::State=$work" -o "Dir::State::lists=$work/lists" -o "Dir::State::status=$work/status" \
    -o "Dir::Cache=$work/cache" \
    -o "Dir::Etc::sourcelist=$work/sources.list" -o "Dir::Etc::sourceparts=$work/none" \
    -o "Dir::Etc::preferences=$work/none/preferences" -o "Dir::Etc::preferencesparts=$work/none" \
    -o "APT::Sandbox::User=$(id -un)" \
    -o Acquire::Languages=none -o Acquire::Retries=3 "$@"
}

# Unpacks a package of a suite into a new folder and prints its path.
unpack() {
  local into=$work/deb/$1-$2
  mkdir -p "$into/root"
  (cd "$into" && apt download "$1/$2" >&2)
  dpkg -x "$into"/*.deb "$into/root"
  echo "$into/root"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bring_restics
bring_rclone
bring_guest
