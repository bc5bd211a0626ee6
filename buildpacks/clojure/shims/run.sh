#!/bin/sh
# lein, as far as a slug needs it: `lein [with-profile ‹name›] [trampoline] run [argument …]` starts what Leiningen would start, on the classpath that was
# frozen when the slug was built. Leiningen itself is not in the slug, unless LEIN_INCLUDE_IN_SLUG=yes asked for it.
task="lein $*"
app=@APP@
while [ $# -gt 0 ]; do
	case $1 in
	with-profile | with-profiles) shift 2 || break ;;
	trampoline | -o) shift ;;
	run)
		shift
		if [ "${1:-}" = -m ] || [ "${1:-}" = --main ]; then
			main=${2:?}
			shift 2
			exec @NAMED@ "$@"
		fi
		[ "${1:-}" = -- ] && shift
		exec @COMMAND@ "$@"
		;;
	*) break ;;
	esac
done
echo "\`$task\` can't run: Leiningen is not in the slug. Set LEIN_INCLUDE_IN_SLUG=yes for the build, or start java by the Procfile." >&2
exit 1
