#!/usr/bin/env bash
# Installs the node on this host as a service of systemd, from the checkout it lies in; run again, it
# upgrades what is there, or changes nothing. INSTALL.md tells of it.
#
#   deploy/install.sh [--parts | --light] [--no-start]   install, upgrade, take up new secrets
#   deploy/install.sh back                               the version before
#   deploy/install.sh uninstall [--purge]                --purge: images, ledger and configuration too
#
#   --parts      listener, worker, sender and page as units of their own, not one unit for all
#   --light      the same without a worker, and so without torch: this host listens and sends
#   --no-start   begin nothing that does not run yet
#
# PYTHON (python3) is what it is built with; TORCH_INDEX where torch comes from: left out, the build
# without CUDA where there is no NVIDIA GPU; empty, whatever pip finds.
set -euo pipefail
umask 022

checkout=$(cd "$(dirname "$0")/.." && pwd)
opt=/opt/cxr-node etc=/etc/cxr-node state=/var/lib/cxr-node backups=/var/backups/cxr-node
units=/etc/systemd/system
cpu_index=https://download.pytorch.org/whl/cpu

say() { echo "install.sh: $*"; }
die() { echo "install.sh: $*" >&2; exit 1; }
running() { [ -d /run/systemd/system ]; }
# A release's cxr-node, as the node's user: what it makes is that user's.
as_node() {
  local release=$1; shift
  runuser -u cxr -- env CREDENTIALS_DIRECTORY="$etc/secrets" "$release/bin/cxr-node" "$@"
}

main() {
  local verb=install purge=
  layout=one start=yes
  for word in "$@"; do
    case $word in
      back | uninstall) verb=$word ;;
      --parts) layout=parts ;;
      --light) layout=light ;;
      --no-start) start= ;;
      --purge) purge=yes ;;
      *) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | sed '$d' >&2; exit 2 ;;
    esac
  done
  [ "$(id -u)" = 0 ] || die "has to be run as root"
  command -v systemctl >/dev/null || die "there is no systemd here: see INSTALL.md for other ways"
  case $verb in
    install) install_node ;;
    back) go_back ;;
    uninstall) uninstall "$purge" ;;
  esac
}

install_node() {
  # Which units there are stays as it was, unless it is said.
  if [ "$layout" = one ] && [ -e "$opt/layout" ]; then layout=$(cat "$opt/layout"); fi
  make_user_and_folders
  local release
  release=$(release_folder)
  if [ ! -e "$release/installed" ]; then build "$release"; fi
  write_configuration
  as_node "$release" config check --config "$etc/node.toml" >/dev/null ||
    die "nothing was changed: correct $etc/node.toml and run this again"
  switch_to "$release"
}

make_user_and_folders() {
  id cxr >/dev/null 2>&1 || useradd --system --home-dir "$state" --shell /usr/sbin/nologin --user-group cxr
  install -d -m 755 "$opt"
  install -d -m 750 -g cxr "$etc" "$etc/secrets"
  install -d -m 700 -o cxr -g cxr "$state" "$backups"
}

# Named by version and content, so that the same checkout comes to the same folder.
release_folder() {
  local version digest
  version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$checkout/pyproject.toml")
  digest=$(cd "$checkout" && {
    find dicom_node inference sr_writer requirements -type f ! -name '*.pyc' -print0 | sort -z |
      xargs -0 sha256sum; sha256sum pyproject.toml constraints.txt; echo "${layout/one/parts}"
  } | sha256sum | cut -c1-12)
  echo "$opt/$version-$digest"
}

build() {
  local release=$1 python=${PYTHON:-python3} sources
  "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' ||
    die "$python has to be 3.11 or newer, with venv (apt install python3-venv)"
  say "builds $release"
  rm -rf "$release"
  "$python" -m venv "$release"
  local pip=("$release/bin/python" -m pip install --quiet --no-cache-dir --disable-pip-version-check)
  if [ "$layout" = light ]; then
    "${pip[@]}" --require-hashes --no-deps -r "$checkout/requirements/listen-postgres.txt"
  else
    "${pip[@]}" --require-hashes --no-deps -r "$checkout/requirements/worker.txt"
    install_torch "${pip[@]}"
  fi
  # A copy: what setuptools leaves behind it would else lie in the checkout.
  sources=$(mktemp -d)
  cp -r "$checkout"/{pyproject.toml,README.md,LICENSE,dicom_node,inference,sr_writer} "$sources"
  "${pip[@]}" --no-deps --no-build-isolation "$sources"
  rm -rf "$sources"
  touch "$release/installed"
}

install_torch() {
  local torch index=${TORCH_INDEX-}
  mapfile -t torch < <(grep -E '^torch(vision)?==' "$checkout/constraints.txt")
  if [ -z "${TORCH_INDEX+set}" ] && [ ! -e /dev/nvidiactl ]; then index=$cpu_index; fi
  if [ -n "$index" ]; then
    "$@" --no-deps --index-url "$index" "${torch[@]}" && return
    say "$index gives no torch: takes what pip finds"
  fi
  "$@" --constraint "$checkout/constraints.txt" "${torch[@]}"
}

write_configuration() {
  if [ ! -e "$etc/node.toml" ]; then
    cat >"$etc/node.toml" <<'TOML'
# The node's configuration. Every key, with what it means: node.toml.example beside this file. After a
# change: cxr-node config check --config /etc/cxr-node/node.toml, then systemctl restart cxr-node.
[node]
state = "/var/lib/cxr-node"
# As long as nobody is named who may send ([[caller]]) it hears only 127.0.0.1.
# host = "0.0.0.0"
# Take this out once a [[destination]] stands below.
no_destination = true
TOML
    chgrp cxr "$etc/node.toml" && chmod 640 "$etc/node.toml"
  fi
  install -m 644 "$checkout/deploy/node.toml" "$etc/node.toml.example"
  find "$etc/secrets" -type f -exec chgrp cxr {} + -exec chmod 640 {} +
  cat >/usr/local/bin/cxr-node <<'SH'
#!/bin/sh
# cxr-node as the user of the service, from whom files are not to be taken by root.
export CREDENTIALS_DIRECTORY="${CREDENTIALS_DIRECTORY:-/etc/cxr-node/secrets}"
[ "$(id -u)" != 0 ] || exec runuser -u cxr -- /opt/cxr-node/current/bin/cxr-node "$@"
exec /opt/cxr-node/current/bin/cxr-node "$@"
SH
  chmod 755 /usr/local/bin/cxr-node
}

names() {
  case $layout in
    one) echo cxr-node.service ;;
    parts) echo cxr-node.target cxr-node-{listen,work,send}@1.service cxr-node-page.service ;;
    light) echo cxr-node.target cxr-node-{listen,send}@1.service cxr-node-page.service ;;
  esac
}

switch_to() {
  local release=$1 former
  former=$(readlink "$opt/current" || true)
  if [ -n "$former" ] && [ "$former" != "$release" ]; then
    if [ -e "$state/run" ]; then
      say "backs up the ledger into $backups"
      as_node "$former" backup --no-spool --config "$etc/node.toml" "$backups"
    fi
    say "goes from $(basename "$former") to $(basename "$release")"
    ln -sfn "$former" "$opt/before"
  fi
  local changed=
  if [ "$former" != "$release" ] || [ "$(cat "$opt/layout" 2>/dev/null)" != "$layout" ]; then changed=yes; fi
  write_units "$release" && changed=yes
  if running && [ -n "$changed" ]; then systemctl daemon-reload; fi
  if running && [ -n "$changed" ] && [ -e "$opt/layout" ]; then stop_all; fi
  ln -sfn "$release" "$opt/current"
  echo "$layout" >"$opt/layout"
  forget_older
  # shellcheck disable=SC2046 # several names
  systemctl enable --quiet $(names)
  if ! running; then say "systemd does not run here: starts nothing"; return; fi
  if [ -z "$start" ] && ! systemctl is-active --quiet "cxr-node*"; then return; fi
  # shellcheck disable=SC2046
  systemctl start $(names)
  wait_until_it_lives
}

# Units and what this host adds to them; true where anything is not as it was.
write_units() {
  local release=$1 before after
  before=$(cat "$units"/cxr-node* "$units"/cxr-node*.d/* 2>/dev/null | sha256sum)
  install -m 644 "$checkout"/deploy/systemd/*.{service,target} "$units"
  local unit extra
  # In an "and" nothing ends by itself: without these lines the node could not write its spool.
  extra=$(site_settings "$release/bin/python") || die "could not read $etc/node.toml"
  for unit in cxr-node.service cxr-node-{listen,work,send}@.service cxr-node-{page,shadow}.service; do
    rm -rf "${units:?}/$unit.d/site.conf" "${units:?}/$unit.d/gpu.conf"
    if [ -n "$extra" ]; then
      install -d "$units/$unit.d"
      printf '# Written by install.sh.\n[Service]\n%s\n' "$extra" >"$units/$unit.d/site.conf"
    fi
    case $unit in
      cxr-node.service | cxr-node-work@.service | cxr-node-shadow.service)
        if [ -e /dev/nvidiactl ]; then
          install -D -m 644 "$checkout/deploy/systemd/gpu.conf" "$units/$unit.d/gpu.conf"
        fi ;;
    esac
  done
  after=$(cat "$units"/cxr-node* "$units"/cxr-node*.d/* 2>/dev/null | sha256sum)
  [ "$before" != "$after" ]
}

# Every file of secrets as a credential; spool and audit file elsewhere in folders that may be written.
# With the release's Python: the host's own may be older, and know no TOML.
site_settings() {
  local python=$1 secret
  for secret in "$etc"/secrets/*; do
    if [ -f "$secret" ]; then echo "LoadCredential=$(basename "$secret"):$secret"; fi
  done
  "$python" - "$etc/node.toml" <<'PY'
import os.path, sys, tomllib
said = tomllib.load(open(sys.argv[1], "rb"))
folders = [said.get("spool", {}).get("folder")]
if file := said.get("audit", {}).get("file"):
    # Not there: audit messages wait, and the node starts.
    folders.append("-" + os.path.dirname(file))
for folder in filter(None, folders):
    path = folder.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    print(f'ReadWritePaths="{path}"')
PY
}

stop_all() {
  systemctl stop cxr-node.service cxr-node.target 'cxr-node-*' 2>/dev/null || true
  systemctl disable --quiet cxr-node.service cxr-node.target 2>/dev/null || true
  rm -rf "$units"/cxr-node.target.wants
}

wait_until_it_lives() {
  local parts=(listen send) tries
  [ "$layout" = light ] || parts+=(work)
  for tries in $(seq 120); do
    if runuser -u cxr -- "$opt/current/bin/python" -m dicom_node.ops.liveness "$state" "${parts[@]}" >/dev/null 2>&1; then
      say "the node lives: $(as_node "$opt/current" --version), ${parts[*]}"
      return
    fi
    sleep 1
  done
  die "it did not come up in ${tries} s: journalctl -u 'cxr-node*' says why; install.sh back is the way back"
}

# The present release and the one before stay.
forget_older() {
  local folder
  for folder in "$opt"/*-*; do
    case $folder in
      "$(readlink "$opt/current")" | "$(readlink "$opt/before" || true)") ;;
      *) rm -rf "$folder" ;;
    esac
  done
}

go_back() {
  [ -e "$opt/before" ] || die "there is no version before"
  layout=$(cat "$opt/layout")
  local former present
  former=$(readlink "$opt/before") present=$(readlink "$opt/current")
  if running; then stop_all; fi
  ln -sfn "$former" "$opt/current" && ln -sfn "$present" "$opt/before"
  say "goes back from $(basename "$present") to $(basename "$former"); where that finds the ledger too new:" \
    "cxr-node restore --config $etc/node.toml $backups"
  # shellcheck disable=SC2046
  systemctl enable --quiet $(names)
  if running; then
    # shellcheck disable=SC2046
    systemctl start $(names)
    wait_until_it_lives
  fi
}

uninstall() {
  local purge=$1
  if running; then stop_all; fi
  systemctl disable --quiet cxr-node.service cxr-node.target 'cxr-node-page.service' 'cxr-node-shadow.service' 2>/dev/null || true
  rm -rf "$units"/cxr-node*.service "$units"/cxr-node*.service.d "$units"/cxr-node.target \
    "$units"/cxr-node.target.wants "$units"/multi-user.target.wants/cxr-node* "$opt" /usr/local/bin/cxr-node
  if running; then systemctl daemon-reload; fi
  if [ -z "$purge" ]; then
    say "removed; kept are $etc, $state and $backups, and the user cxr (--purge removes all but $backups)"
    return
  fi
  rm -rf "$etc" "$state"
  userdel cxr
  chown -R root: "$backups"
  say "removed, with all images and results; kept is $backups"
}

main "$@"
