# Cgroups nest: the least limit from the own group of the process up to the root counts. Version 2 says max where there is none, version 1 a number near 2^63.
least=
while IFS=: read -r _ controllers group; do
	case ",$controllers," in
	,,) dir=@CGROUP@ file=memory.max ;;
	*,memory,*) dir=@CGROUP@/memory file=memory.limit_in_bytes ;;
	*) continue ;;
	esac
	while :; do
		limit=
		if [ -r "$dir$group/$file" ]; then read -r limit <"$dir$group/$file" || :; fi
		case "$limit" in
		'' | *[!0-9]* | ???????????????*) ;;
		*) if [ -z "$least" ] || [ "$limit" -lt "$least" ]; then least=$limit; fi ;;
		esac
		case "$group" in */?*) group=${group%/*} ;; ?*) group= ;; *) break ;; esac
	done
done <@SELF@
