#!/bin/sh
# lein: Leiningen by its own jar, which is all of it. A trampolined task runs after Leiningen has ended, unless the caller asked for its command.
set -eu
export LEIN_VERSION='@VERSION@'
jar='@JAR@'
asked=${TRAMPOLINE_FILE:-}
[ -n "$asked" ] || TRAMPOLINE_FILE=$(mktemp -u "${TMPDIR:-/tmp}/lein-trampoline-XXXXXXXX")
export TRAMPOLINE_FILE
# shellcheck disable=SC2086 # options are words
"${LEIN_JAVA_CMD:-java}" -Xbootclasspath/a:"$jar" ${LEIN_JVM_OPTS:-} -Dleiningen.original.pwd="$PWD" -Dleiningen.script="$0" \
	-classpath "$jar" clojure.main -m leiningen.core.main "$@" || exit $?
if [ -z "$asked" ] && [ -r "$TRAMPOLINE_FILE" ]; then
	command=$(cat "$TRAMPOLINE_FILE")
	rm -f "$TRAMPOLINE_FILE"
	[ -z "$command" ] || exec sh -c "exec $command"
fi
