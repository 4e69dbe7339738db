# Shared by the scripts in this folder; to be sourced, with `top` set to the repository's root.
# shellcheck shell=bash
# shellcheck disable=SC2154  # top: see above

# For programs built with AddressSanitizer: leaks of libraries that are not ours, without a word when one is passed over.
export LSAN_OPTIONS="suppressions=$top/tests/leaks.supp:print_suppressions=0"

say() { printf '%s\n' "$*" >&2; }
die() { say "$(basename "$0"): $*"; exit 1; }

# packages GROUP…: the package names of these groups of dependencies.txt.
packages() {
  local group
  for group in "$@"; do
    awk -v group="$group" '$1 == group { print $2 }' "$top/tools/dependencies.txt"
  done
}

# as_root WHY COMMAND…: runs a command as root, through sudo where that is needed, and says what for.
as_root() {
  local why=$1
  shift
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null 2>&1; then
    say "sudo is used $why"
    sudo "$@"
  else
    die "root is needed $why, and there is no sudo; as root, run: $*"
  fi
}

# install_missing GROUP…: installs the packages of these groups that are not there yet. Nothing is done when all are.
install_missing() {
  local package missing=()
  for package in $(packages "$@"); do
    dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null 2>&1 ||
    die "these packages are missing, and apt-get is not here to install them: ${missing[*]}"
  say "installing: ${missing[*]}"
  as_root "to refresh the package lists" apt-get update -qq
  as_root "to install the packages above" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# configure PRESET [cmake options]: configures build/PRESET; ccache is used where it is installed.
configure() {
  local preset=$1
  shift
  local launcher=()
  if command -v ccache >/dev/null 2>&1; then
    export CCACHE_BASEDIR="$top" CCACHE_NOHASHDIR=1
    launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  fi
  (cd "$top" && cmake --preset "$preset" "${launcher[@]}" "$@" >"$top/build/$preset.configure.log" 2>&1) || {
    cat "$top/build/$preset.configure.log" >&2
    die "cmake could not configure the preset $preset (see above)"
  }
}

# build PRESET [target…]: builds with as many jobs as memory allows (a job may take 1.5 GB).
build() {
  local preset=$1 jobs memory_jobs
  shift
  jobs=$(nproc)
  memory_jobs=$(awk '/MemAvailable/ { print int($2 / 1500000) }' /proc/meminfo)
  [ "$memory_jobs" -ge "$jobs" ] || jobs=$((memory_jobs > 0 ? memory_jobs : 1))
  local targets=()
  [ $# -eq 0 ] || targets=(--target "$@")
  cmake --build "$top/build/$preset" -j "$jobs" "${targets[@]}"
}
