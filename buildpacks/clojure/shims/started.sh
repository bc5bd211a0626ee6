#!/bin/sh
# clojure, as far as a slug needs it: starts what the Clojure command would start, on the classpath that was frozen when the slug was built for the
# aliases which the Procfile names. Neither tools.deps nor the network has a part in it.
set -eu
app=@APP@
jvm='' key=''
command="clojure $*"
while [ $# -gt 0 ]; do
	case $1 in
	-J*) jvm="$jvm ${1#-J}" ;;
	-Sdeps) key="$key $1 $2"; shift ;;
	-Sthreads) shift ;;
	-S*) ;;
	-A*) key="$key $1" ;;
	-M* | -X* | -T*) key="$key $1"; shift; break ;;
	*) break ;;
	esac
	shift
done
# shellcheck disable=SC2086 # options are words
case $key in
@CASES@
*)
	echo "\`$command\` can't run: the build froze the classpaths of the commands in the Procfile, and no other. Name it there, and build again." >&2
	exit 1
	;;
esac
# shellcheck disable=SC2086
exec java ${JAVA_OPTS:-} -Dfile.encoding=UTF-8 "$@"
