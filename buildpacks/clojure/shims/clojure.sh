#!/bin/sh
# clojure: the Clojure command as far as a build needs it, by tools.deps: -P -Spath -Sdeps -J -A -M -X -T -m and a script. The user's own deps.edn plays no part.
set -eu
java=${JAVA_CMD:-java}
# SLUGC_FREEZE names a directory that takes what would be started, instead of starting it.
work=${SLUGC_FREEZE:-}
[ -n "$work" ] || { work=$(mktemp -d "${TMPDIR:-/tmp}/clojure-XXXXXXXX"); trap 'rm -rf "$work"' EXIT; }
script='-m clojure.tools.deps.script.make-classpath2'
[ -z "${SLUGC_FREEZE:-}" ] || script='@FREEZE@'
jvm='' only='' mode=main data=''
# The words for tools.deps are aliases and flags of ours: none holds a space.
words="--libs-file $work/libs --cp-file $work/cp --jvm-file $work/jvm --main-file $work/main --basis-file $work/basis --manifest-file $work/manifest"
[ ! -f deps.edn ] || words="$words --config-project deps.edn"
while [ $# -gt 0 ]; do
	case $1 in
	-P) only=prepare ;;
	-Spath) only=path ;;
	-Sdeps) data=$2; shift ;;
	-Sthreads | -Scp) shift ;;
	-S*) ;;
	-J*) jvm="$jvm ${1#-J}" ;;
	-A*) words="$words $1" ;;
	-M) shift; break ;;
	-M*) words="$words $1"; shift; break ;;
	-X) mode=exec; shift; break ;;
	-X*) words="$words $1" mode=exec; shift; break ;;
	-T:*) words="$words --tool-mode $1" mode=exec; shift; break ;;
	-T) words="$words --tool-mode" mode=exec; shift; break ;;
	-T*) words="$words --tool-mode --tool-name ${1#-T}" mode=exec; shift; break ;;
	*) break ;;
	esac
	shift
done
# shellcheck disable=SC2086
"$java" -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Dfile.encoding=UTF-8 -Duser.home='@HOME@' -Duser.name=slugc -cp '@JARS@' clojure.main $script $words ${data:+--config-data "$data"}
[ -z "${SLUGC_FREEZE:-}" ] || exit 0
case $only in
prepare) exit 0 ;;
path) cat "$work/cp"; echo; exit 0 ;;
esac
main=
[ ! -f "$work/main" ] || main=$(sed "s/'/'\\\\''/g; s/^/'/; s/\$/'/" "$work/main" | tr '\n' ' ')
[ ! -f "$work/jvm" ] || jvm="$jvm $(tr '\n' ' ' <"$work/jvm")"
[ $mode = main ] || main="'@EXEC@'"
eval "set -- $main \"\$@\""
# shellcheck disable=SC2086
"$java" ${JVM_OPTS:-} $jvm -Dfile.encoding=UTF-8 -Duser.home='@HOME@' -Duser.name=slugc -Dclojure.basis="$work/basis" -cp "$(cat "$work/cp")" clojure.main "$@"
