#!/usr/bin/env bash
# Build what is uploaded: build/low-inventory-job-LINE.zip, with a connector jar in it (lib/pyflink-dependencies.jar), and
# build/kinesis-to-dynamo.zip and build/alerts-to-sns.zip, with the packages that Lambda's Python 3.11 does not have.
# --line LINE: a line of the connector (docs/lines.md), by default connector-4; may be given several times.
# --connector-jar FILE: for the one line that is named, this jar instead of Maven's; later builds keep it.
# --if-possible: go on without the connector where Maven is missing or cannot get it; tests that need it are skipped.
set -euo pipefail
cd "$(dirname "$0")"

fail() { echo "build.sh: $1" >&2; exit 2; }

if_possible=false given="" lines=()
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help) sed -n '/^#!/d; /^#/!q; s/^# //p' build.sh; exit 0 ;;
    --if-possible) if_possible=true ;;
    --line)
      case "${2-}" in
        connector-4 | connector-5 | flink-2.2) lines+=("$2") ;;
        *) fail "--line ${2-}: expected connector-4, connector-5 or flink-2.2" ;;
      esac
      shift
      ;;
    --connector-jar)
      [ -f "${2-}" ] || fail "--connector-jar ${2-}: no such file; expected a jar of the connector"
      given=$2
      shift
      ;;
    *) fail "unknown argument $1; expected --line LINE, --connector-jar FILE or --if-possible" ;;
  esac
  shift
done
[ -z "$given" ] || [ ${#lines[@]} = 1 ] || fail "--connector-jar: expected with exactly one --line, which says what the jar is"
[ ${#lines[@]} -gt 0 ] || lines=(connector-4)

command -v sha256sum >/dev/null || fail "sha256sum is missing; install GNU coreutils"
python=.venv/bin/python
[ -x "$python" ] || python=$(command -v python3.11 || command -v python3) || fail "python3 is missing; install Python 3.11"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What lib/LINE holds: the jar, the line's name, which the job reads, and what the jar was made from.
jar=pyflink-dependencies.jar
line_file=connector-line.txt
made_from=made-from

# take LINE FILE: make this jar the line's.
take() { mkdir -p "lib/$1" && rm -f "lib/$1/$made_from" && cp "$2" "lib/$1/$jar" && echo "$1" >"lib/$1/$line_file"; }

build_connector() {
  local line=$1 log=build/maven-$1.log reason
  local otherwise="with a jar from elsewhere: ./build.sh --line $line --connector-jar FILE"
  command -v mvn >/dev/null || { echo "build.sh: mvn is missing; install Maven 3.8 or newer, or $otherwise" >&2; return 2; }
  echo "building lib/$line/$jar with Maven" >&2
  # What an earlier build left behind would be shaded once more, in another order.
  rm -rf connectors/target
  mkdir -p build
  # Into a file: even with -q and without colours Maven resets them, and its errors are many lines.
  if ! mvn -B -q -U -ntp -Dstyle.color=never -f connectors/pom.xml -P "$line" package >"$log" 2>&1; then
    reason=$(sed -n '/\[ERROR\]/{s/^.*\[ERROR\] *//; s/^.*Could not resolve dependencies for project [^ ]*: //; s/ -> \[Help.*//; p}' "$log" | head -n 1)
    echo "build.sh: Maven could not get or build the connector of $line: ${reason:-see $log} ($otherwise)" >&2
    return 2
  fi
  take "$line" "connectors/target/$jar" && sha256sum connectors/pom.xml >"lib/$line/$made_from"
}

# get_connector LINE: have the line's jar in lib/LINE.
get_connector() {
  local kept="lib/$1/$made_from"
  if [ -n "$given" ]; then
    "$python" -B -m jobs.alerting.kinesis.connector "$given" "$1" || exit 2
    take "$1" "$given" && echo given >"$kept"
  fi
  if ! [ -f "lib/$1/$jar" ] || { ! grep -qx given "$kept" && ! sha256sum --check --status "$kept"; } 2>/dev/null; then
    build_connector "$1"
  fi
}

# What a package is made from, file by file.
sums() { find build.sh "$@" -name __pycache__ -prune -o -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum; }

# unchanged NAME INPUT…: whether build/NAME.zip was made from these inputs as they are now; if so, say so.
unchanged() {
  [ -f "build/$1.zip" ] && [ "$(sums "${@:2}")" = "$(cat "build/$1.inputs" 2>/dev/null)" ] && tell "$1" "  (unchanged)"
}

# tell NAME [REMARK]
tell() { echo "build/$1.zip  $(($(wc -c <"build/$1.zip"))) bytes  sha256 $(sha256sum "build/$1.zip" | cut -d ' ' -f 1)${2-}"; }

# pack NAME ROOT PATH…: make build/NAME.zip of what is at ROOT/PATH. The same files give the same bytes.
pack() {
  "$python" - "$@" <<'PYTHON'
import sys
import zipfile
from pathlib import Path

target, root = Path("build", f"{sys.argv[1]}.zip"), Path(sys.argv[2])
files = []
for place in (root / path for path in sys.argv[3:]):
    found = [place] if place.is_file() else sorted(file for file in place.rglob("*") if file.is_file())
    files += [file for file in found if "__pycache__" not in file.parts]
target.parent.mkdir(exist_ok=True)
partial = target.with_suffix(".partial")
with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as package:
    for file in files:
        entry = zipfile.ZipInfo(file.relative_to(root).as_posix(), date_time=(2026, 1, 1, 0, 0, 0))
        entry.external_attr = 0o100644 << 16
        # A jar is packed already.
        entry.compress_type = zipfile.ZIP_STORED if file.suffix == ".jar" else zipfile.ZIP_DEFLATED
        package.writestr(entry, file.read_bytes())
partial.replace(target)
PYTHON
}

# build_lambda NAME FOLDER
build_lambda() {
  local name=$1 folder=$2 inputs
  unchanged "$name" "$folder" lambdas/common && return
  inputs=$(sums "$folder" lambdas/common)
  "$python" -m pip --version >/dev/null 2>&1 || fail "pip is missing for $python; install it, or make .venv with make"
  echo "building build/$name.zip with pip" >&2
  # The requirements name every package, so none is looked up; what the runtime has is not among them.
  "$python" -m pip install --quiet --disable-pip-version-check --no-input --root-user-action=ignore \
    --require-hashes --no-deps --no-compile --target "$work/$name" -r "$folder/requirements.txt" \
    --only-binary=:all: --platform manylinux2014_x86_64 --implementation cp --python-version 3.11 >&2 ||
    fail "pip could not get the packages of $folder/requirements.txt"
  # What depends on the pip that installed, and not on what was.
  rm -rf "$work/$name/bin" "$work/$name"/*.dist-info/{INSTALLER,RECORD,REQUESTED}
  cp "$folder"/*.py "$work/$name"
  mkdir -p "$work/$name/lambdas/common"
  cp lambdas/common/*.py "$work/$name/lambdas/common"
  pack "$name" "$work/$name" .
  echo "$inputs" >"build/$name.inputs"
  tell "$name"
}

# build_job LINE
build_job() {
  local name=low-inventory-job-$1 inputs
  if ! get_connector "$1"; then
    "$if_possible" && { echo "build.sh: going on without the connector" >&2; return; }
    exit 2
  fi
  unchanged "$name" jobs "lib/$1/$jar" "lib/$1/$line_file" && return
  inputs=$(sums jobs "lib/$1/$jar" "lib/$1/$line_file")
  # In the zip the jar of any line has the place that AWS's examples give it.
  mkdir "$work/$name"
  ln -s "$PWD/jobs" "$work/$name/jobs"
  ln -s "$PWD/lib/$1" "$work/$name/lib"
  pack "$name" "$work/$name" jobs "lib/$jar" "lib/$line_file"
  echo "$inputs" >"build/$name.inputs"
  tell "$name"
}

build_lambda kinesis-to-dynamo lambdas/kinesis_to_dynamo
build_lambda alerts-to-sns lambdas/alerts_to_sns
for line in "${lines[@]}"; do build_job "$line"; done
